"""A video becomes a `.mgv` file: read, analyse, code, write, in steps of at most four frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nvcodec.bitstream import ContainerWriter, GopChunk, PacketChunk
from nvcodec.errors import NvcodecError
from nvcodec.media import MediaReader, Packet
from nvcodec.tokenizer.quantize import QUALITY_MAX, QUALITY_MIN
from nvcodec.weights import Model, load

from .gop import GopQuality
from .gop_coding import Analysed, AnalysedGop, analysed_gop, chunk_of
from .gop_size import gop_frames
from .headers import header_of, record_of
from .intake import Steps, parts_of
from .options import EncodeOptions
from .parts import Part, in_chunks, made_in_order
from .reports import EncodeReport, Progress, Watcher
from .threads import torch_threads
from .workers import RawGop, coded_by_workers, worker_count


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
        torch_threads(options.threads) as threads,
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
        for part in _coded_parts(model, media, frames, quality, threads, tally.analysed):
            for packets in in_chunks(part.packets):
                writer.write_packets(PacketChunk(tuple(record_of(packet) for packet in packets)))
            if part.gop is not None:
                writer.write_gop(part.gop)
            tally.wrote(part)
        writer.finish()
        return tally.report(model, time.perf_counter() - began)


def _coded_parts(
    model: Model, media: MediaReader, frames: int, quality: int, threads: int, analysed: Analysed
) -> Iterator[Part[GopChunk, Packet]]:
    """The input's GOPs, coded: by workers where they pay, else here, one analysed while another is coded."""
    video = media.video
    gops = None if media.frame_count is None else -(-media.frame_count // frames)
    samples = 3 * video.width * video.height // 2
    workers = worker_count(threads, frames * samples * (1 if video.bit_depth == 8 else 2), gops, model.device.type)
    if workers:

        def keep(steps: Steps, own: GopQuality) -> RawGop:
            return RawGop(tuple(picture for step in steps for picture in step), video.bit_depth, own)

        whole = parts_of(media, frames, quality, keep)
        return coded_by_workers(whole, model.name, workers, threads // workers, analysed)

    def analyse(steps: Steps, own: GopQuality) -> AnalysedGop:
        return analysed_gop(model, steps, video.bit_depth, own, analysed)

    def code(part: Part[AnalysedGop, Packet]) -> Part[GopChunk, Packet]:
        return Part(part.packets, None if part.gop is None else chunk_of(model, part.gop))

    return made_in_order(code, parts_of(media, frames, quality, analyse), ahead=threads > 1)


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
