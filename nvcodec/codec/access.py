"""Reading a file for `decode`: over damage or not, the whole or a part, and how much of it was read."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO, cast

from nvcodec.bitstream import (
    RECOVERY,
    ContainerReader,
    Damage,
    Excerpt,
    GopChunk,
    Limits,
    LostGop,
    PacketChunk,
    PacketRecord,
)
from nvcodec.bitstream.recovery import trusted_index
from nvcodec.media import Picture

from .options import DecodeOptions
from .parts import PACKET_BYTES, PACKETS, Part

NumberedGop = tuple[int, GopChunk]


class CodedFile:
    """A `.mgv` file, opened as `options` ask. BitstreamError as `ContainerReader`'s and `Excerpt`'s."""

    def __init__(self, file: BinaryIO, options: DecodeOptions) -> None:
        self._file = _Counted(file)
        self.damage = Damage()
        known = None if options.strict else self.damage
        self._reader = ContainerReader(
            cast(BinaryIO, self._file),
            Limits() if known is None else RECOVERY,
            None if known is None else known.errors,
        )
        duration_s = None if options.duration_s is None else Fraction(str(options.duration_s))
        self.excerpt = Excerpt(self._reader, Fraction(str(options.start_s)), duration_s, known)  # 0.1 as a tenth
        self.header = self.excerpt.header
        self._whole = not options.start_s and options.duration_s is None

    @property
    def bytes_read(self) -> int:
        """All that was read so far, what was read twice twice."""
        return self._file.bytes_read

    def frame_count(self) -> int | None:
        """Frames of the part, for progress only; None where the file does not say."""
        found = trusted_index(self._reader) if self._whole else None
        return None if found is None else found[0].frames

    def parts(self) -> Iterator[Part[NumberedGop | LostGop, PacketRecord]]:
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
            lost = isinstance(content, LostGop)
            yield Part(tuple(packets), content if lost else (self.excerpt.first_gop + number, content))
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

    def __init__(self, file: BinaryIO) -> None:
        self.bytes_read = 0
        self._file = file
        self.seekable, self.seek, self.tell = file.seekable, file.seek, file.tell

    def read(self, size: int) -> bytes:
        """As the file's."""
        data = self._file.read(size)
        self.bytes_read += len(data or b"")
        return data
