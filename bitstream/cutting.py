"""Files from parts of others, at the boundaries of GOPs: nothing is decoded, nothing coded again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from fractions import Fraction
from typing import BinaryIO

from .container import ContainerReader
from .copying import Copy, CopyReport
from .errors import BitstreamError
from .excerpt import Excerpt, WaitingPackets, shifted
from .gop import GopChunk
from .header import StreamHeader
from .limits import Limits
from .recovery import frame_step
from .tracks import PacketChunk, TrackHeader


def cut(
    source: BinaryIO,
    target: BinaryIO,
    start_s: Fraction = Fraction(0),
    duration_s: Fraction | None = None,
    limits: Limits = Limits(),
) -> CopyReport:
    """Write to `target` the GOPs of `source` of which anything is shown from `start_s` for `duration_s` seconds.

    The first picture is then at time 0, if there is a start, and packets keep their place beside the pictures.
    Both files are left open. BitstreamError for damage, and for a start after the end.
    """
    reader = ContainerReader(source, limits)
    excerpt = Excerpt(reader, start_s, duration_s, whole_gops=True)
    copy = Copy(target, excerpt.header, limits)
    end = 0
    for content in excerpt:
        if isinstance(content, GopChunk):
            end = content.end
            copy.gop(content, -excerpt.shift)
        elif isinstance(content, PacketChunk):
            copy.put(content)
    base = reader.header.time_base
    return copy.report((excerpt.begin - excerpt.first) * base, (end - excerpt.first) * base)


def concat(
    sources: Sequence[BinaryIO], target: BinaryIO, names: Sequence[str] = (), limits: Limits = Limits()
) -> CopyReport:
    """Write to `target` the files of `sources`, each beginning where the pictures of the one before it end.

    They must have been coded alike: same model, size, format, time base and tracks. Titles and tags are the first's.
    Sound after the last picture of a file, or before the first of the next, is left out between them. All files are
    left open. BitstreamError, which calls the files by their `names`, for damage and for files that do not go
    together.
    """
    readers: list[ContainerReader] = []
    called = list(names) or [f"file {number}" for number in range(1, len(sources) + 1)]
    for name, source in zip(called, sources, strict=True):
        with _named(name):
            readers.append(ContainerReader(source, limits))
            _check_alike(readers[0].header, readers[-1].header, called[0])
    copy = Copy(target, readers[0].header, limits)
    end: int | None = None
    for name, reader in zip(called, readers, strict=True):
        with _named(name):
            end = _append(copy, reader, end, last=reader is readers[-1])
    base = readers[0].header.time_base
    return copy.report(Fraction(0), ((end or 0) - (copy.first or 0)) * base)


def _append(copy: Copy, reader: ContainerReader, at: int | None, *, last: bool) -> int | None:
    """A whole file, its first picture at the time `at` (None: where it is); the time at which its pictures end."""
    header, end = reader.header, at
    base = header.time_base
    waiting = WaitingPackets(header, cut=at is not None)
    shift: int | None = None

    def put(end_s: Fraction | None) -> None:
        for chunk in waiting.due(end_s):
            at_s = (at or 0) * base
            later = (shifted(p, round(at_s / header.tracks[p.track].time_base)) for p in chunk.packets)
            copy.put(PacketChunk(tuple(later)))

    for content in reader.chunks():
        if isinstance(content, PacketChunk):
            waiting.put(content)
            continue
        if shift is None:
            shift = 0 if at is None else at - content.begin
            waiting.begin_s = content.begin * base
        put(content.end * base)
        copy.gop(content, shift)
        end = shift + (content.end if content.duration else content.pts[-1] + int(frame_step(header, content.pts)))
    if last:
        put(None)
    return end


def _check_alike(one: StreamHeader, other: StreamHeader, name: str) -> None:
    """BitstreamError if GOPs and packets of the second cannot stand in a file of the first's header."""
    for field in fields(StreamHeader):
        mine, its = getattr(other, field.name), getattr(one, field.name)
        if field.name == "tracks":
            mine, its = list(map(_decoded_by, mine)), list(map(_decoded_by, its))
        if field.name != "tags" and mine != its:
            what = field.name.replace("_", " ")
            difference = "they differ" if field.name in ("tracks", "model_id") else f"{mine} is not {its}"
            raise BitstreamError(f"it does not go with {name}: {what}, {difference}")


def _decoded_by(track: TrackHeader) -> tuple[object, ...]:
    """What a decoder of the track must know; how much the first file's is to skip plays no part in later ones."""
    parameters = {name: value for name, value in track.parameters.items() if name != "padding"}
    return track.kind, track.codec, track.time_base, track.extradata, parameters


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except BitstreamError as error:
        raise BitstreamError(f"{name}: {error}") from error
