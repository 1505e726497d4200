"""Reading a file for `decode`: over damage or not, the whole or a part, and how much of it was read."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO, Protocol, cast, runtime_checkable

from nvcodec.bitstream import (
    ContainerReader,
    Damage,
    Excerpt,
    GopChunk,
    LostGop,
    PacketChunk,
    PacketRecord,
    TornGop,
)
from nvcodec.bitstream.recovery import trusted_index
from nvcodec.bitstream.reed_solomon import UNUSED
from nvcodec.live import LivePipe, Meanwhile
from nvcodec.media import Picture

from .options import DecodeOptions
from .parts import PACKET_BYTES, PACKETS, Part

CodedGops = tuple[int, GopChunk] | TornGop | LostGop  # one with its number, if it is whole


@runtime_checkable
class Fetching(Protocol):
    """A file that fetches other amounts than are read from it, and counts them."""

    bytes_fetched: int


class CodedFile:
    """A `.mgv` file, opened as `options` ask. BitstreamError as `ContainerReader`'s and `Excerpt`'s.

    `meanwhile` is called while nothing comes out of a pipe (`nvcodec/live.py`).
    """

    def __init__(self, file: BinaryIO, options: DecodeOptions, meanwhile: Meanwhile | None = None) -> None:
        self._file = _Counted(file, meanwhile)
        self._fetching = file if isinstance(file, Fetching) else None
        self.damage = Damage()
        known = None if options.strict else self.damage
        self._reader = ContainerReader(
            cast(BinaryIO, self._file),
            options.limits,
            None if known is None else known.errors,
        )
        duration_s = None if options.duration_s is None else Fraction(str(options.duration_s))
        self.excerpt = Excerpt(self._reader, Fraction(str(options.start_s)), duration_s, known)  # 0.1 as a tenth
        self.header = self.excerpt.header
        self._whole = not options.start_s and options.duration_s is None

    @property
    def bytes_read(self) -> int:
        """All that was read so far, what was read twice twice; of a file that is fetched, all that was fetched."""
        return self._file.bytes_read if self._fetching is None else self._fetching.bytes_fetched

    @property
    def restored(self) -> tuple[str, ...]:
        """What to say of damage that parity made good, or could."""
        mended = self._reader.mended
        if mended is not None and mended.needs_package:
            return (UNUSED,)
        if mended is None or not mended.restored_bytes:
            return ()
        return (f"{mended.restored_bytes} damaged bytes were brought back by parity; nvcodec repair writes them",)

    def frame_count(self) -> int | None:
        """Frames of the part, for progress only; None where the file does not say."""
        found = trusted_index(self._reader) if self._whole else None
        return None if found is None else found[0].frames

    def parts(self) -> Iterator[Part[CodedGops, PacketRecord]]:
        """The file in GOPs, numbered from 0, each with the packets that lie before it."""
        packets: list[PacketRecord] = []
        number = size = 0
        for content in self.excerpt:
            if isinstance(content, PacketChunk):
                packets += content.packets
                size += sum(len(packet.data) for packet in content.packets)
                if len(packets) >= PACKETS or size >= PACKET_BYTES:
                    yield Part(tuple(packets), None)
                    packets, size = [], 0
                continue
            whole = isinstance(content, GopChunk)
            yield Part(tuple(packets), (self.excerpt.first_gop + number, content) if whole else content)
            number += 1
            packets, size = [], 0
        yield Part(tuple(packets), None)

    def chosen(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """Those pictures of the part's GOPs that are of the part, with their times in it."""
        begin, end, shift = self.excerpt.begin, self.excerpt.end, self.excerpt.shift
        for picture in pictures:
            if end is not None and picture.pts >= end:
                return
            if picture.pts >= begin or self._whole:
                last = picture.duration if end is None else min(picture.duration, end - picture.pts)
                yield Picture(picture.pts - shift, picture.y, picture.u, picture.v, last)


class _Counted:
    """The few methods of a file that reading needs, and the number of bytes it gave."""

    def __init__(self, file: BinaryIO, meanwhile: Meanwhile | None) -> None:
        self.bytes_read = 0
        self._file = file if file.seekable() else LivePipe(file, meanwhile)
        self.seekable, self.seek, self.tell = file.seekable, file.seek, file.tell

    def read(self, size: int) -> bytes:
        """As the file's."""
        data = self._file.read(size)
        self.bytes_read += len(data or b"")
        return data
