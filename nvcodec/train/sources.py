"""Where training data comes from: videos and photographs in folders and in shards, known by their bytes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nvcodec.errors import NvcodecError, UnsupportedInput
from nvcodec.media.formats import STILL_SUFFIXES, VIDEO_SUFFIXES

from .shards import SHARD_SUFFIX, Member, members, named_shards

SUFFIXES = VIDEO_SUFFIXES | STILL_SUFFIXES
ENDS = 1 << 16  # bytes at either end of a source, by which, with its length, it is known

Source = Path | Member


def sources_at(places: list[Path]) -> list[Source]:
    """Every video and still at `places`, in a stable order.

    A place is a folder, with the folders in it and the shards among them, a shard, or a pattern of shards' names.
    NvcodecError for one that is not there.
    """
    found: set[Path] = set()
    for place in (path for pattern in places for path in named_shards(pattern)):
        if place.is_dir():
            inside = (path for path in place.rglob("*") if path.is_file())
            found |= {path for path in inside if path.suffix.lower() in SUFFIXES | {SHARD_SUFFIX}}
        elif place.is_file() and place.suffix.lower() == SHARD_SUFFIX:
            found.add(place)
        else:
            raise NvcodecError(f"{place}: there is no such folder or {SHARD_SUFFIX} file")
    return [source for path in sorted(found) for source in _sources_of(path)]


def _sources_of(path: Path) -> Iterator[Source]:
    if path.suffix.lower() == SHARD_SUFFIX:
        yield from members(path, SUFFIXES)
    else:
        yield path


def overlap(places: list[Path], others: list[Path]) -> Source | None:
    """A source at both, known by its bytes; None if there is none."""
    learnt, measured = sources_at(places), sources_at(others)
    known = {known_by(source) for source in learnt} if measured else set()
    return next((source for source in measured if known_by(source) in known), None)


def kind(source: Source) -> str:
    """`video` or `still`."""
    return "video" if source.suffix.lower() in VIDEO_SUFFIXES else "still"


def known_by(source: Source) -> str:
    """What a source is known by: its length and its two ends, hashed; what cannot be read, by where it is."""
    try:
        with source.open() if isinstance(source, Member) else source.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            head = file.read(ENDS)
            file.seek(max(0, size - ENDS))
            tail = file.read(ENDS)
    except (OSError, UnsupportedInput):
        return hashlib.sha256(str(source).encode()).hexdigest()[:12]
    return hashlib.sha256(size.to_bytes(8, "little") + head + tail).hexdigest()[:12]


@contextmanager
def readable(source: Source) -> Iterator[Path | BinaryIO]:
    """What a MediaReader takes: the path of a file, and the bytes of a shard's member."""
    if isinstance(source, Member):
        with source.open() as file:
            yield file
    else:
        yield source
