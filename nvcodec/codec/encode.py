"""A video becomes a `.mgv` file: read, analyse, code, write, in steps of at most four frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from nvcodec.bitstream import ContainerWriter, GopChunk, PacketChunk
from nvcodec.errors import NvcodecError
from nvcodec.media import MediaReader, Packet, Picture
from nvcodec.tokenizer.frames import from_planes
from nvcodec.tokenizer.motion import STEP_FRAMES
from nvcodec.tokenizer.quantize import QUALITY_MAX, QUALITY_MIN
from nvcodec.weights import Model, load

from .gop import TOKENS, GopQuality, analyse, encode_planes, planned_quality
from .gop_size import gop_frames, grid_size, latent_frames
from .headers import header_of, record_of
from .options import EncodeOptions
from .parts import Part, in_chunks, made_in_order
from .reports import EncodeReport, Progress, Watcher
from .threads import torch_threads


def encode(
    source: str | Path | BinaryIO,
    file: BinaryIO,
    options: EncodeOptions = EncodeOptions(),
    progress: Watcher | None = None,
) -> EncodeReport:
    """Code what `source` holds (a path, URL, "-" or binary file, as `MediaReader` takes it) and write it to
    `file`.

    `file` is written front to back and left open; it need not be able to seek. `progress` is called now and
    then. NvcodecError and its kin for what cannot be read, coded or asked for; then `file` holds a part of no
    use.
    """
    began = time.perf_counter()
    quality = _quality_of(options)
    with (
        torch_threads(options.threads) as both,
        MediaReader(
            source,
            start_s=options.start_s,
            duration_s=options.duration_s,
            scale=options.scale,
            audio=options.audio,
            threads=options.threads,
        ) as media,
    ):
        video = media.video
        frames = gop_frames(video.width, video.height, options.gop)
        model = load(options.model, options.device)
        writer = ContainerWriter(file)
        writer.write_header(header_of(video, media.tracks, media.tags, model, tokens=options.tokens))
        tally = _Tally(media, writer, progress)
        analysed = analysed_parts(model, media, frames, quality, tally)
        size = grid_size(video.width, video.height)
        for part in made_in_order(partial(code_part, model, size), analysed, ahead=both):
            for packets in in_chunks(part.packets):
                writer.write_packets(PacketChunk(tuple(record_of(packet) for packet in packets)))
            if part.gop is not None:
                writer.write_gop(part.gop)
            tally.wrote(part)
        writer.finish()
        return tally.report(model, time.perf_counter() - began)


@dataclass(frozen=True)
class AnalysedGop:
    """A GOP before its planes are coded: levels `[T', h·w, D]` int16, times as in `GopChunk`."""

    pts: tuple[int, ...]
    duration: int
    quality: GopQuality
    levels: Tensor


def analysed_parts(
    model: Model, media: MediaReader, frames: int, quality: int, tally: _Tally
) -> Iterator[Part[AnalysedGop, Packet]]:
    """The input in GOPs of `frames` frames, each with the packets that lie before its end. `quality` 0: tokens."""
    items = _Items(media)
    done = 0
    while not items.over:
        left = frames if media.frame_count is None else max(1, media.frame_count - done)
        own = planned_quality(quality, latent_frames(min(frames, left))) if quality else TOKENS
        times: list[tuple[int, int]] = []

        def steps(times: list[tuple[int, int]] = times) -> Iterator[Tensor]:
            for step in items.steps(frames):
                times += [(picture.pts, picture.duration) for picture in step]
                yield torch.stack([from_planes(p.y, p.u, p.v, media.video.bit_depth) for p in step], dim=1)
                tally.analysed(len(step))

        levels = torch.stack(list(analyse(model, steps(), own)))
        done += len(times)
        yield Part(items.take_packets(), AnalysedGop(tuple(pts for pts, _ in times), times[-1][1], own, levels))


def code_part(
    model: Model, size: tuple[int, int], part: Part[AnalysedGop, Packet]
) -> Part[GopChunk, Packet]:
    """The part with its GOP's planes coded."""
    if part.gop is None:
        return Part(part.packets, None)
    coded = encode_planes(model, part.gop.levels, size, part.gop.quality)
    chunk = GopChunk(
        pts=part.gop.pts,
        duration=part.gop.duration,
        quality=coded.quality.others,
        first_quality=coded.quality.first,
        plane_counts=coded.plane_counts,
        planes_crc=coded.planes_crc,
        payload=coded.payload,
    )
    return Part(part.packets, chunk)


class _Items:
    """What the reader gives, sorted: pictures in steps for the networks, packets kept until asked for."""

    def __init__(self, media: MediaReader) -> None:
        self._items = media.items()
        self._packets: list[Packet] = []
        self._next: Picture | None = None
        self._advance()

    @property
    def over(self) -> bool:
        """Whether all pictures have been taken; then all packets have been met."""
        return self._next is None

    def steps(self, frames: int) -> Iterator[list[Picture]]:
        """The next `frames` pictures, 1 + 4k, or what is left: the first alone, then four at a time."""
        yield self._take(1)
        for _ in range(1, frames, STEP_FRAMES):
            if self.over:
                return
            yield self._take(STEP_FRAMES)

    def take_packets(self) -> tuple[Packet, ...]:
        """The packets met since they were last asked for."""
        packets, self._packets = tuple(self._packets), []
        return packets

    def _take(self, count: int) -> list[Picture]:
        taken: list[Picture] = []
        while self._next is not None and len(taken) < count:
            taken.append(self._next)
            self._advance()
        return taken

    def _advance(self) -> None:
        self._next = None
        for item in self._items:
            if isinstance(item, Picture):
                self._next = item
                return
            self._packets.append(item)


class _Tally:
    """Counts what has been analysed and written, for progress and the report."""

    def __init__(self, media: MediaReader, writer: ContainerWriter, progress: Watcher | None) -> None:
        self._media, self._writer, self._progress = media, writer, progress
        self._analysed = self._written = self._gops = self._video_bytes = self._track_bytes = 0
        self._first: int | None = None
        self._end = 0

    @property
    def _pixels(self) -> int:
        return self._written * self._media.video.width * self._media.video.height

    @property
    def _picture_bytes(self) -> int:
        return self._writer.bytes_written - self._track_bytes

    def analysed(self, frames: int) -> None:
        """So many more frames have become levels."""
        self._analysed += frames
        if self._progress is not None:
            total, coded = self._media.frame_count, self._picture_bytes if self._written else 0
            self._progress(Progress("encoding", self._analysed, total, self._pixels, coded))

    def wrote(self, part: Part[GopChunk, Packet]) -> None:
        """The part is in the file."""
        self._track_bytes += sum(len(packet.data) for packet in part.packets)
        if part.gop is not None:
            self._written += len(part.gop.pts)
            self._gops += 1
            self._video_bytes += len(part.gop.payload)
            self._first = part.gop.pts[0] if self._first is None else self._first
            self._end = part.gop.end

    def report(self, model: Model, seconds: float) -> EncodeReport:
        """The whole."""
        video = self._media.video
        return EncodeReport(
            width=video.width,
            height=video.height,
            frames=self._written,
            gops=self._gops,
            duration_s=float((self._end - (self._first or 0)) * video.time_base),
            bytes=self._writer.bytes_written,
            video_bytes=self._video_bytes,
            track_bytes=self._track_bytes,
            bits_per_pixel=8 * self._picture_bytes / max(1, self._pixels),
            model=model.name,
            seconds=seconds,
            warnings=tuple(self._media.warnings),
        )


def _quality_of(options: EncodeOptions) -> int:
    """The quality asked for, 0 for the token reading. NvcodecError for one that isn't."""
    if options.tokens:
        return 0
    if not QUALITY_MIN <= options.quality <= QUALITY_MAX:
        raise NvcodecError(f"quality {options.quality} is not within {QUALITY_MIN} to {QUALITY_MAX}")
    return options.quality
