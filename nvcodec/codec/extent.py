"""How much of a file is not pictures: the input is read once, and written with GOPs that hold nothing."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from nvcodec.bitstream import ContainerWriter, GopChunk, Limits, PacketChunk, StreamHeader
from nvcodec.errors import NvcodecError
from nvcodec.media import MediaReader
from nvcodec.media.source import is_seekable

from .gop import GopQuality
from .headers import record_of
from .intake import Steps, parts_of
from .parts import in_chunks
from .rate_control import Extent

SPARE_BYTES = 64
NO_FILLER = 1 << 62  # pictures take the bytes that a GOP must have at least
SPARE_BYTES_PER_GOP = 16  # the chunk's length and its place in the index, as varints, grow with the payload


class _Counted(io.RawIOBase):
    """Takes all and keeps nothing."""

    def write(self, data: Any, /) -> int:
        return len(data)


def extent_of(
    source: str | Path | BinaryIO, header: StreamHeader, frames: int, plane_counts: int, **part: Any
) -> Extent:
    """What the file of a source will hold beside pictures; `part` as for `MediaReader`, GOPs of `frames` frames.

    The source is read from front to back, so that it must be there twice: NvcodecError for a pipe.
    """
    if not isinstance(source, (str, Path)) or not is_seekable(source):
        raise NvcodecError("a target size needs an input that can be read twice, which a pipe cannot; --bitrate can")
    writer = ContainerWriter(cast(BinaryIO, _Counted()), replace(Limits(), gop_credit=NO_FILLER))
    writer.write_header(header)
    counts: list[int] = []

    def keep(steps: Steps, own: GopQuality) -> GopChunk:
        pictures = [(picture.pts, picture.duration) for step in steps for picture in step]
        return GopChunk(tuple(p for p, _ in pictures), pictures[-1][1], 1, 1, bytes(plane_counts), 0, b"")

    with MediaReader(source, **part) as media:
        for part_ in parts_of(media, frames, 1, keep):
            for packets in in_chunks(part_.packets):
                writer.write_packets(PacketChunk(tuple(record_of(packet) for packet in packets)))
            if part_.gop is not None:
                writer.write_gop(part_.gop)
                counts.append(len(part_.gop.pts))
    writer.finish()
    return Extent(writer.bytes_written + SPARE_BYTES + SPARE_BYTES_PER_GOP * len(counts), tuple(counts))
