"""A video becomes a `.mgv` file: read, analyse, code, write, in steps of at most four frames."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from torch import Tensor

from nvcodec.bitstream import ContainerWriter, GopChunk, PacketChunk
from nvcodec.errors import NvcodecError
from nvcodec.media import MediaReader, Packet
from nvcodec.media.vmaf import vmaf_program
from nvcodec.tokenizer.quantize import QUALITY_MAX, QUALITY_MIN
from nvcodec.weights import Model, load

from .effort import EncoderSettings
from .extent import extent_of
from .gop import GopQuality, group_count
from .gop_coding import Analysed, AnalysedGop, analysed_gop, chunk_of
from .gop_size import gop_frames
from .headers import header_of, record_of
from .intake import Steps, parts_of
from .options import EncodeOptions
from .parts import InTheMaking, Part, in_chunks, made_in_order
from .rate_control import BitrateControl, RateControl, SizeControl
from .rate_search import coded_gop
from .raw_gop import RawGop
from .reports import EncodeReport, Progress, Watcher
from .resume import Begun, kept_or_made, kept_then_coded
from .roi import weights_of
from .threads import torch_threads
from .vmaf_search import VmafTally, check_vmaf
from .workers import coded_by_workers, worker_count


def encode(
    source: str | Path | BinaryIO,
    file: BinaryIO,
    options: EncodeOptions = EncodeOptions(),
    progress: Watcher | None = None,
    begun: Begun | None = None,
) -> EncodeReport:
    """Code what `source` holds (a path, URL, "-" or binary file, as `MediaReader` takes it) and write it to
    `file`.

    `file` is written front to back and left open; it need not be able to seek. `progress` is called now and
    then. GOPs of what was `begun` are not coded but taken. From a pipe, a GOP is written as soon as it is coded,
    however long the next one's pictures take to come; it ends with the first picture of the next. NvcodecError and
    its kin for what cannot be read, coded or asked for; then `file` holds a part of no use.
    """
    began = time.perf_counter()
    quality, settings = _quality_of(options), EncoderSettings.of(options.effort)
    reader_threads, kept = (options.threads, iter(())) if begun is None else (begun.reader_threads, begun.gops)
    making = InTheMaking[Part[GopChunk, Packet]]()
    with (
        torch_threads(options.threads) as threads,
        MediaReader(
            source,
            start_s=options.start_s,
            duration_s=options.duration_s,
            scale=options.scale,
            audio=options.audio,
            threads=reader_threads,
            meanwhile=making.pass_on,
        ) as media,
    ):
        video = media.video
        frames = gop_frames(video.width, video.height, options.gop)
        model = load(options.model, options.device)
        writer = ContainerWriter(file, parity=options.parity)
        header = header_of(video, media.tracks, media.tags, model, tokens=options.tokens)
        weights = None if options.roi is None else weights_of(options.roi, video.width, video.height)
        control: RateControl | VmafTally | None = None
        if options.bitrate is not None:
            control = BitrateControl(options.bitrate, video.time_base, video.width * video.height)
        elif options.target_size is not None:
            part_of = {"start_s": options.start_s, "duration_s": options.duration_s, "scale": options.scale}
            part_of |= {"audio": options.audio, "threads": options.threads}
            extent = extent_of(source, header, frames, 2 * group_count(model), **part_of)
            control = SizeControl(options.target_size, extent, video.width * video.height)
        elif options.target_vmaf is not None:
            control = VmafTally(options.target_vmaf)
        writer.write_header(header)
        tally = _Tally(media, writer, progress)

        def write(part: Part[GopChunk, Packet]) -> None:
            for packets in in_chunks(part.packets):
                writer.write_packets(PacketChunk(tuple(record_of(packet) for packet in packets)))
            if part.gop is not None:
                writer.write_gop(part.gop)
            tally.wrote(part)

        making.pass_on_to(write)
        coded = _coded_parts(
            model, media, frames, quality, settings, threads, tally.analysed, kept, weights, control, making
        )
        for part in coded:
            if not making.passed_on:
                write(part)
            if control is not None and part.gop is not None:  # in its turn: what is chosen must not hang on the pace
                control.coded(part.gop)
        writer.finish()
        report = tally.report(model, time.perf_counter() - began)
        return report if control is None else _with_rate(report, options, control)


def _coded_parts(
    model: Model,
    media: MediaReader,
    frames: int,
    quality: int,
    settings: EncoderSettings,
    threads: int,
    analysed: Analysed,
    kept: Iterator[GopChunk],
    weights: Tensor | None,
    control: RateControl | VmafTally | None,
    making: InTheMaking[Part[GopChunk, Packet]],
) -> Iterator[Part[GopChunk, Packet]]:
    """The input's GOPs, coded: by workers where they pay, else here, one analysed while another is coded."""
    video = media.video
    gops = None if media.frame_count is None else -(-media.frame_count // frames)
    samples = 3 * video.width * video.height // 2
    workers = worker_count(threads, frames * samples * (1 if video.bit_depth == 8 else 2), gops, model.device.type)

    def keep(steps: Steps, own: GopQuality) -> RawGop:
        pictures = tuple(picture for step in steps for picture in step)
        budget = control.budget(pictures) if isinstance(control, RateControl) else None
        vmaf = control.target if isinstance(control, VmafTally) else None
        return RawGop(pictures, video.bit_depth, own, weights, budget, vmaf, settings)

    if workers:
        whole = parts_of(media, frames, quality, kept_or_made(kept, keep, analysed))
        return kept_then_coded(
            whole, lambda rest: coded_by_workers(rest, model.name, workers, threads // workers, analysed, making)
        )

    if control is not None:

        def search(part: Part[RawGop, Packet]) -> Part[GopChunk, Packet]:
            return Part(part.packets, None if part.gop is None else coded_gop(model, part.gop, analysed))

        return map(search, parts_of(media, frames, quality, keep))

    def analyse(steps: Steps, own: GopQuality) -> AnalysedGop:
        return analysed_gop(model, steps, video.bit_depth, own, analysed, weights, settings)

    def code(part: Part[AnalysedGop, Packet]) -> Part[GopChunk, Packet]:
        return Part(part.packets, None if part.gop is None else chunk_of(model, part.gop))

    parts = parts_of(media, frames, quality, kept_or_made(kept, analyse, analysed))
    return kept_then_coded(parts, lambda rest: made_in_order(code, rest, ahead=threads > 1, making=making))


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


def _with_rate(report: EncodeReport, options: EncodeOptions, control: RateControl | VmafTally) -> EncodeReport:
    """The report with what the search came to. NvcodecError for a file above its target size."""
    if isinstance(control, VmafTally):
        return dataclasses.replace(report, warnings=report.warnings + control.warnings(), rate=control.report())
    if options.target_size is not None:
        if report.bytes > options.target_size:
            raise NvcodecError(
                f"the file came to {report.bytes} bytes, above the {options.target_size} asked for; "
                "a larger target, --scale 1/2 or --no-audio makes room"
            )
        return dataclasses.replace(report, rate=control.report(options.target_size, report.bytes))
    assert options.bitrate is not None
    reached = round(8 * report.video_bytes / report.duration_s) if report.duration_s else 8 * report.video_bytes
    warnings = report.warnings
    if reached > options.bitrate and control.over:
        warnings += (f"quality 1 takes {reached} bits a second, more than the {options.bitrate} asked for",)
    return dataclasses.replace(report, warnings=warnings, rate=control.report(options.bitrate, reached))


def _quality_of(options: EncodeOptions) -> int:
    """The quality asked for, 0 for the token reading. NvcodecError for what isn't one or does not go together."""
    targets = [options.bitrate, options.target_size, options.target_vmaf]
    if sum(target is not None for target in targets) > 1:
        raise NvcodecError("a bit rate, a target size and a VMAF cannot be met at once")
    if any(amount is not None and amount < 1 for amount in (options.bitrate, options.target_size)):
        raise NvcodecError("a bit rate or target size is at least 1")
    if options.target_size is not None and options.parity:
        raise NvcodecError("a target size with parity cannot be met: how much parity there is hangs on the pictures")
    if options.tokens and (any(targets) or options.roi):
        raise NvcodecError("the tokens of a video are what they are: no rate, size, VMAF or region changes them")
    if options.target_vmaf is not None:
        check_vmaf(options.target_vmaf)
        vmaf_program()  # before anything is read
    if options.tokens:
        return 0
    if not QUALITY_MIN <= options.quality <= QUALITY_MAX:
        raise NvcodecError(f"quality {options.quality} is not within {QUALITY_MIN} to {QUALITY_MAX}")
    return options.quality
