"""What every test of the codec does: encode, decode, look at the file in between."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from nvcodec.bitstream import ContainerReader, ContainerWriter, GopChunk, PacketChunk, StreamHeader

from nvcodec.codec import DecodeOptions, EncodeOptions, EncodeReport, decode, encode
from nvcodec.media import MediaReader, MediaWriter, Packet, Picture, Track, VideoFormat

CLIPS = Path(__file__).parents[1] / "clips"
BUNNY, CARPHONE = CLIPS / "bunny.mp4", CLIPS / "carphone.mp4"


@dataclass
class Media:
    """Everything a reader gives."""

    video: VideoFormat
    tracks: tuple[Track, ...]
    tags: dict[str, str]
    pictures: list[Picture]
    packets: list[Packet]

    @property
    def times(self) -> list[Fraction]:
        """Seconds of the pictures."""
        return [picture.pts * self.video.time_base for picture in self.pictures]


def read(source: Any, **options: Any) -> Media:
    """Reads a whole source."""
    with MediaReader(source, **options) as media:
        items = list(media.items())
        return Media(
            media.video,
            media.tracks,
            media.tags,
            [item for item in items if isinstance(item, Picture)],
            [item for item in items if isinstance(item, Packet)],
        )


def write(path: Path, video: VideoFormat, pictures: Iterable[Picture]) -> Path:
    """Writes pictures without loss where the container has a way to."""
    with MediaWriter(path, video, lossless=path.suffix == ".mkv") as out:
        for picture in pictures:
            out.write(picture)
    return path


def coded(source: Any, **options: Any) -> tuple[bytes, EncodeReport]:
    """The `.mgv` file of a source, and the report."""
    file = io.BytesIO()
    report = encode(source, file, EncodeOptions(**options))
    return file.getvalue(), report


def decoded(data: bytes, path: Path) -> Media:
    """What a `.mgv` file decodes to, read back from `path`; exact pictures where it ends in .mkv."""
    decode(io.BytesIO(data), path, DecodeOptions(lossless=path.suffix == ".mkv"))
    return read(path)


def contents(data: bytes) -> tuple[StreamHeader, list[GopChunk], list[PacketChunk]]:
    """Header, GOPs and packets of a file."""
    reader = ContainerReader(io.BytesIO(data))
    chunks = list(reader.chunks())
    return (
        reader.header,
        [chunk for chunk in chunks if isinstance(chunk, GopChunk)],
        [chunk for chunk in chunks if isinstance(chunk, PacketChunk)],
    )


def rebuilt(header: StreamHeader, gops: Sequence[GopChunk]) -> bytes:
    """A whole and undamaged container of these."""
    file = io.BytesIO()
    writer = ContainerWriter(file)
    writer.write_header(header)
    for gop in gops:
        writer.write_gop(gop)
    writer.finish()
    return file.getvalue()


def luma_psnr(one: Sequence[Picture], two: Sequence[Picture], bit_depth: int = 8) -> float:
    """Of all pictures together, in dB."""
    assert len(one) == len(two) > 0
    error = np.mean([np.mean((a.y.astype(np.float64) - b.y) ** 2) for a, b in zip(one, two, strict=True)])
    return 10 * float(np.log10(((1 << bit_depth) - 1) ** 2 / max(error, 1e-12)))


def same_pictures(one: Sequence[Picture], two: Sequence[Picture]) -> bool:
    """Whether all samples are equal."""
    assert len(one) == len(two) > 0
    return all(
        np.array_equal(getattr(a, plane), getattr(b, plane))
        for a, b in zip(one, two, strict=True)
        for plane in "yuv"
    )
