"""A `.mgv` file becomes a video: read, decode planes, synthesise, write. The mirror of `encode.py`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from torch import Tensor

from nvcodec.bitstream import BitstreamError, ContainerReader, GopChunk, PacketRecord, StreamHeader
from nvcodec.errors import NvcodecError
from nvcodec.media import MediaWriter, Picture, VideoFormat
from nvcodec.tokenizer.frames import to_planes
from nvcodec.weights import Model

from .gop import TOKENS, CodedGop, GopQuality, PlaneReader, decode_planes, synthesise
from .gop_size import MAX_CELLS, cells, grid_size, latent_frames
from .headers import model_of, track_of, video_of
from .interleave import PacketQueue
from .options import DecodeOptions
from .parts import PACKET_BYTES, PACKETS, Part, made_in_order
from .reports import DecodeReport, Progress, Watcher
from .threads import torch_threads


def decode(
    file: BinaryIO,
    target: str | Path | BinaryIO,
    options: DecodeOptions = DecodeOptions(),
    progress: Watcher | None = None,
) -> DecodeReport:
    """Decode `file`, which is read front to back and left open, and write `target`, as `MediaWriter` takes
    it.

    BitstreamError for a damaged or cut file, ModelMismatch when its model is not here, NvcodecError when
    planes do not decode to what was encoded, OutputError when `target` cannot be written. A path then stays
    untouched.
    """
    began = time.perf_counter()
    reader = ContainerReader(file)
    header = reader.header
    video, model = video_of(header), model_of(header, options.device)
    kept = [number for number, track in enumerate(header.tracks) if options.audio or track.kind != "audio"]
    tracks = [track_of(header.tracks[number]) for number in kept]
    queue = PacketQueue(tracks, kept)
    total = sum(entry.frames for entry in reader.index().entries) if progress and file.seekable() else None
    tally = _Tally(video, progress, total)
    with (
        torch_threads(options.threads) as threads,
        MediaWriter(
            target, video, tracks, header.tags, lossless=options.lossless, threads=options.threads
        ) as out,
    ):
        for part in made_in_order(partial(decode_part, model, header), read_parts(reader), ahead=threads > 1):
            queue.put(part.packets)
            if part.gop is None:
                continue
            for picture in pictures_of(model, video, part.gop):
                for packet in queue.due(picture.pts * video.time_base):
                    out.write(packet)
                out.write(picture)
                tally.wrote(picture)
            tally.ended(part.gop)
        for packet in queue.rest():
            out.write(packet)
    return tally.report(model, time.perf_counter() - began, out.warnings)


@dataclass(frozen=True)
class DecodedGop:
    """A GOP whose planes are decoded: levels `[T', h·w, D]` int16, times as in `GopChunk`."""

    chunk: GopChunk
    levels: Tensor


def read_parts(reader: ContainerReader) -> Iterator[Part[tuple[int, GopChunk], PacketRecord]]:
    """The file in GOPs, numbered from 0, each with the packets that lie before it."""
    packets: list[PacketRecord] = []
    number = size = 0
    for content in reader.chunks():
        if isinstance(content, GopChunk):
            yield Part(tuple(packets), (number, content))
            number += 1
            packets, size = [], 0
        else:
            packets += content.packets
            size += sum(len(packet.data) for packet in content.packets)
            if len(packets) >= PACKETS or size >= PACKET_BYTES:
                yield Part(tuple(packets), None)
                packets, size = [], 0
    yield Part(tuple(packets), None)


def decode_part(
    model: Model, header: StreamHeader, part: Part[tuple[int, GopChunk], PacketRecord]
) -> Part[DecodedGop, PacketRecord]:
    """The part with its GOP's planes decoded."""
    if part.gop is None:
        return Part(part.packets, None)
    number, chunk = part.gop
    return Part(part.packets, DecodedGop(chunk, levels_of(model, header, number, chunk)))


def levels_of(
    model: Model, header: StreamHeader, number: int, chunk: GopChunk, reader: PlaneReader | None = None
) -> Tensor:
    """Levels `[T', h·w, D]` int16 of GOP `number`, which errors name. `reader` may listen to the bits."""
    frames = len(chunk.pts)
    try:
        if cells(header.width, header.height, frames) > MAX_CELLS:
            raise BitstreamError(
                f"{frames} frames of {header.width}x{header.height}, more than any encoder writes"
            )
        quality = GopQuality(chunk.first_quality, chunk.quality)
        if header.tokens != (quality == TOKENS):
            raise BitstreamError("it holds tokens in a file of pictures, or the other way round")
        coded = CodedGop(quality, chunk.plane_counts, chunk.planes_crc, chunk.payload)
        size = grid_size(header.width, header.height)
        return decode_planes(model, coded, size, latent_frames(frames), reader)
    except (NvcodecError, BitstreamError) as error:
        start = float(chunk.pts[0] * header.time_base)
        raise NvcodecError(f"GOP {number}, which begins at {start:.3f} s: {error}") from error


def pictures_of(model: Model, video: VideoFormat, gop: DecodedGop) -> Iterator[Picture]:
    """The pictures of a GOP, with the times they had."""
    pts = gop.chunk.pts
    number = 0
    size = grid_size(video.width, video.height)
    for frames in synthesise(model, gop.levels, size, GopQuality(gop.chunk.first_quality, gop.chunk.quality)):
        shown = frames[:, : len(pts) - number].float()  # without those that fill the last step
        for y, u, v in to_planes(shown, video.width, video.height, video.bit_depth):
            end = pts[number + 1] if number + 1 < len(pts) else gop.chunk.end
            yield Picture(pts[number], y, u, v, end - pts[number])
            number += 1


class _Tally:
    """Counts what has been written, for progress and the report."""

    def __init__(self, video: VideoFormat, progress: Watcher | None, total: int | None) -> None:
        self._video, self._progress, self._total = video, progress, total
        self._frames = self._gops = 0
        self._first: int | None = None
        self._end = 0

    def wrote(self, picture: Picture) -> None:
        """The picture is written."""
        self._frames += 1
        self._first = picture.pts if self._first is None else self._first
        if self._progress is not None:
            self._progress(Progress("decoding", self._frames, self._total))

    def ended(self, gop: DecodedGop) -> None:
        """All pictures of the GOP are."""
        self._gops += 1
        self._end = gop.chunk.end

    def report(self, model: Model, seconds: float, warnings: Sequence[str]) -> DecodeReport:
        """The whole."""
        return DecodeReport(
            width=self._video.width,
            height=self._video.height,
            frames=self._frames,
            gops=self._gops,
            duration_s=float((self._end - (self._first or 0)) * self._video.time_base),
            model=model.name,
            seconds=seconds,
            warnings=tuple(warnings),
        )
