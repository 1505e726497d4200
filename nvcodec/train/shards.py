"""WebDataset shards: tar files of videos and photographs, read where they lie.

A shard holds samples one after the other, `KEY.mp4`, `KEY.json` and so on; many shards are named by one pattern,
`train-{000000..000099}.tar` (github.com/webdataset/webdataset). Nothing is ever unpacked: a member is a window onto
its shard, and what the archive calls it is shown to people and names no file. Links are not followed, and no header,
whatever it claims, makes us read much or look beyond the shard's end.
"""

from __future__ import annotations

import io
import itertools
import math
import re
import tarfile
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nvcodec.errors import NvcodecError, UnsupportedInput

SHARD_SUFFIX = ".tar"
HEADER_BYTES = 1 << 16  # all headers of a member: names are paths, and tarfile recurses once for each header
SHOWN_NAME = 200  # characters
SHARDS_MAX = 100_000  # of one pattern

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True)
class Member:
    """A file in a shard, or what stands in its place and cannot be read, with the reason as its `fault`."""

    shard: Path
    name: str  # as the archive calls it, but printable; empty where the fault is the shard's own
    offset: int  # bytes
    size: int  # bytes
    fault: str | None = None

    def __str__(self) -> str:
        return f"{self.shard}: {self.name}" if self.name else str(self.shard)

    @property
    def stem(self) -> str:
        """What files made of it may be called by, whatever the archive calls it."""
        return _plain(PurePosixPath(self.name).stem) or "unnamed"

    @property
    def suffix(self) -> str:
        """The end of its name, with the dot."""
        return PurePosixPath(self.name).suffix

    def open(self) -> BinaryIO:
        """Its bytes, of which any part may be sought; UnsupportedInput when it cannot be read."""
        if self.fault is not None:
            raise UnsupportedInput(self.fault)
        return io.BufferedReader(_Window(self))


def named_shards(path: Path) -> list[Path]:
    """The paths that a pattern with ranges such as `{000..099}` stands for; of one without, or that exists, itself.

    NvcodecError for ranges that are empty, or of more shards than SHARDS_MAX.
    """
    pairs: list[tuple[str, str]] = _RANGE.findall(str(path))
    if not pairs or path.exists():
        return [path]
    if not 0 < math.prod(max(0, int(last) - int(first) + 1) for first, last in pairs) <= SHARDS_MAX:
        raise NvcodecError(f"{path} stands for no shard, or for more than {SHARDS_MAX}")
    filled = [
        [str(number).zfill(len(first) if first[0] == "0" else 0) for number in range(int(first), int(last) + 1)]
        for first, last in pairs
    ]
    text, *texts = _RANGE.split(str(path))[::3]
    return [
        Path(text + "".join(itertools.chain.from_iterable(zip(numbers, texts, strict=True))))
        for numbers in itertools.product(*filled)
    ]


def members(shard: Path, suffixes: Set[str]) -> Iterator[Member]:
    """The members of a shard whose names end in one of `suffixes`, in its order; what cannot be read has a fault.

    Only headers are read. A damaged or truncated shard gives what lies before the damage, and then its fault.
    """
    try:
        with _Headers(shard) as headers, tarfile.open(fileobj=headers, mode="r:") as archive:
            total, before = shard.stat().st_size, -1
            while (entry := archive.next()) is not None:
                end = entry.offset_data + (entry.size if entry.isreg() else 0)
                if not before < entry.offset_data <= end:
                    raise tarfile.ReadError("its headers lead back")
                if PurePosixPath(entry.name).suffix.lower() in suffixes and not entry.isdir():
                    yield Member(shard, _printable(entry.name), entry.offset_data, entry.size, _fault(entry, total))
                if end > total:
                    return
                before = entry.offset_data
                headers.left = HEADER_BYTES
                archive.members.clear()  # type: ignore[attr-defined]  # tarfile would keep all
            headers.seek(archive.offset)
            if any(headers.read(tarfile.BLOCKSIZE)):
                raise tarfile.ReadError(f"no header at byte {archive.offset}")
    except (tarfile.TarError, ValueError, OverflowError, OSError) as error:
        yield Member(shard, "", 0, 0, f"it is no uncompressed tar file, or a damaged one ({error})")


def _fault(entry: tarfile.TarInfo, total: int) -> str | None:
    if not entry.isreg():
        return "it is a link or a device, not a file"
    if entry.issparse():
        return "it is a sparse file, which is not read from shards"
    if entry.offset_data + entry.size > total:
        return f"it is said to have {entry.size} bytes, which the shard has not"
    return None


def _printable(name: str) -> str:
    """Without what could confuse a terminal, such as escapes and line ends."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return shown if len(shown) <= SHOWN_NAME else "…" + shown[1 - SHOWN_NAME :]  # its end has the suffix


def _plain(name: str) -> str:
    """Of letters, digits and what any file system and FFmpeg take as nothing else."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:60].strip(".")


class _Headers(io.FileIO):
    """A shard as tarfile reads headers from it: no more than HEADER_BYTES before someone sets `left` again."""

    left = HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= self.left:
            raise tarfile.ReadError(f"a header of more than {HEADER_BYTES} bytes")
        self.left -= size
        return super().read(size) or b""


class _Window(io.RawIOBase):
    """The bytes of a member as a file of their own."""

    def __init__(self, member: Member) -> None:
        self.name = _plain(member.stem + member.suffix)  # FFmpeg takes a format's hint from it, and nothing else
        self._start, self._size, self._position = member.offset, member.size, 0
        self._file = member.shard.open("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        position = (0, self._position, self._size)[whence] + offset
        if position < 0:
            raise OSError("a place before the beginning")
        self._position = position
        return position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        room = memoryview(buffer)[: max(0, self._size - self._position)]
        self._file.seek(self._start + self._position)
        count = self._file.readinto(room) or 0
        self._position += count
        return count

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
