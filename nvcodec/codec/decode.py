"""A `.mgv` file becomes a video: read, decode planes, synthesise, write. The mirror of `encode.py`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from torch import Tensor

from nvcodec.bitstream import (
    RECOVERY,
    BitstreamError,
    GopChunk,
    Limits,
    Loss,
    LostGop,
    PacketRecord,
    StreamHeader,
    TornGop,
    check_claim,
    latent_frames,
    losses_of,
)
from nvcodec.errors import NvcodecError
from nvcodec.media import MediaWriter, Picture, VideoFormat
from nvcodec.tokenizer.motion import STEP_FRAMES
from nvcodec.weights import Model

from .access import CodedFile, CodedGops
from .conceal import Concealer
from .gop import TOKENS, CodedGop, GopQuality, PlaneReader, decode_planes, decode_torn_planes
from .gop_size import grid_size
from .headers import model_of, track_of, video_of
from .interleave import PacketQueue
from .options import DecodeOptions
from .parts import InTheMaking, Part, made_in_order
from .reports import DecodeReport, Progress, Watcher
from .shown import shown_planes
from .threads import torch_threads


def decode(
    file: BinaryIO,
    target: str | Path | BinaryIO,
    options: DecodeOptions = DecodeOptions(),
    progress: Watcher | None = None,
) -> DecodeReport:
    """Decode `file`, which is left open, and write `target`, as `MediaWriter` takes it.

    `file` is read front to back; where only a part is asked for and it can seek, only what that part needs is. From a
    pipe, the pictures of a GOP are written when all of it has come, however long the next one takes. What is lost in a
    damaged file is concealed and said in the report.

    BitstreamError for a file of which nothing is whole or that ends before the part asked for, ModelMismatch when its
    model is not here, OutputError when `target` cannot be written; with `strict` BitstreamError for a damaged or cut
    file, too, and NvcodecError when planes do not decode to what was encoded. A path then stays untouched.
    """
    began = time.perf_counter()
    making = InTheMaking[DecodedPart]()
    coded = CodedFile(file, options, making.pass_on)
    header = coded.header
    video, model = video_of(header), model_of(header, options.device)
    kept = [number for number, track in enumerate(header.tracks) if options.audio or track.kind != "audio"]
    tracks = [track_of(header.tracks[number]) for number in kept]
    queue = PacketQueue(tracks, kept)
    tally = _Tally(video, progress, coded.frame_count() if progress else None)
    concealer = Concealer(partial(pictures_of, model, video), video.time_base)
    decoded = partial(decode_part, model, header, strict=options.strict, limits=options.limits)
    with (
        torch_threads(options.threads) as threads,
        MediaWriter(
            target,
            video,
            tracks,
            header.tags,
            lossless=options.lossless,
            container=options.container,
            threads=options.threads,
            replace=options.replace,
        ) as out,
    ):

        def write(pictures: Iterator[Picture]) -> None:
            for picture in coded.chosen(pictures):
                for packet in queue.due(picture.pts * video.time_base):
                    out.write(packet)
                out.write(picture)
                tally.wrote(picture)

        def show(part: DecodedPart) -> None:
            queue.put(part.packets)
            if part.gop is not None:
                write(concealer.pictures(part.gop))
                tally.ended(part.gop)
                if isinstance(part.gop, DecodedGop) and part.gop.lost is not None:
                    write(concealer.pictures(part.gop.lost))

        making.pass_on_to(show)
        for part in made_in_order(decoded, coded.parts(), ahead=threads > 1, making=making):
            if not making.passed_on:
                show(part)
        write(concealer.rest())
        for packet in queue.rest():
            out.write(packet)
        if not tally.frames and (tally.lost or coded.damage.errors):
            raise next(iter(coded.damage.errors), None) or NvcodecError(tally.lost[0].reason)
    losses = losses_of(header.time_base, tally.lost, coded.damage.sound if options.audio else ())
    damage = tuple(str(error) for error in coded.damage.errors)
    warnings = (*coded.restored, *out.warnings)
    return tally.report(model, time.perf_counter() - began, coded.bytes_read, losses, damage, warnings)


@dataclass(frozen=True)
class DecodedGop:
    """A GOP whose planes are decoded: levels `[h·w, D]` int16 of each latent frame, times as in `GopChunk`.

    Of a damaged one there are only the first, and what comes after them is `lost`.
    """

    chunk: GopChunk
    levels: Tensor | list[Tensor]
    lost: LostGop | None = None


DecodedPart = Part[DecodedGop | LostGop, PacketRecord]


def decode_part(
    model: Model,
    header: StreamHeader,
    part: Part[CodedGops, PacketRecord],
    strict: bool,
    limits: Limits = RECOVERY,
) -> DecodedPart:
    """The part with its GOP's planes decoded; unless it is to be `strict`, a GOP of wrong planes is a lost one."""
    if part.gop is None or isinstance(part.gop, LostGop):
        return Part(part.packets, part.gop)
    if isinstance(part.gop, TornGop):
        return Part(part.packets, _rest_of(model, header, part.gop, limits))
    number, chunk = part.gop
    try:
        return Part(part.packets, DecodedGop(chunk, levels_of(model, header, number, chunk, limits=limits)))
    except NvcodecError as error:
        if strict:
            raise
        lost = LostGop(chunk.begin, chunk.end, len(chunk.pts), str(error), chunk.pts)
        return Part(part.packets, lost)


def levels_of(
    model: Model,
    header: StreamHeader,
    number: int,
    chunk: GopChunk,
    reader: PlaneReader | None = None,
    limits: Limits = RECOVERY,
) -> Tensor:
    """Levels `[T', h·w, D]` int16 of GOP `number`, which errors name. `reader` may listen to the bits."""
    try:
        coded = _coded(header, chunk, limits)
        size = grid_size(header.width, header.height)
        return decode_planes(model, coded, size, latent_frames(len(chunk.pts)), reader)
    except (NvcodecError, BitstreamError) as error:
        start = float(chunk.pts[0] * header.time_base)
        raise NvcodecError(f"GOP {number}, which begins at {start:.3f} s: {error}") from error


def _rest_of(model: Model, header: StreamHeader, torn: TornGop, limits: Limits) -> DecodedGop | LostGop:
    """The pictures of a GOP that do not hang on what is lost of it."""
    pts, size = torn.pts, grid_size(header.width, header.height)
    try:
        coded = _coded(header, torn.gop, limits)
        levels = decode_torn_planes(model, coded, size, latent_frames(len(pts)), torn.missing)
    except BitstreamError as error:
        return LostGop(torn.begin, torn.end, len(pts), str(error), pts)
    kept = 1 + STEP_FRAMES * (len(levels) - 1) if levels else 0
    if kept >= len(pts):
        return DecodedGop(torn.gop, levels)
    lost = LostGop(pts[kept], torn.end, len(pts) - kept, torn.reason, pts[kept:])
    return DecodedGop(torn.gop, levels, lost) if kept else lost


def _coded(header: StreamHeader, chunk: GopChunk, limits: Limits) -> CodedGop:
    """The planes of a GOP. BitstreamError for what the limits or its file forbid."""
    check_claim(header, chunk, limits)
    quality = GopQuality.of(chunk)
    if header.tokens != (quality == TOKENS):
        raise BitstreamError("it holds tokens in a file of pictures, or the other way round")
    return CodedGop(quality, chunk.plane_counts, chunk.planes_crc, chunk.payload)


def pictures_of(model: Model, video: VideoFormat, gop: DecodedGop) -> Iterator[Picture]:
    """The pictures of a GOP, with the times they had."""
    pts = gop.chunk.pts
    planes = shown_planes(model, gop.levels, GopQuality.of(gop.chunk), (video.width, video.height), video.bit_depth)
    for number, (y, u, v) in enumerate(islice(planes, len(pts))):  # without those that fill the last step
        end = pts[number + 1] if number + 1 < len(pts) else gop.chunk.end
        yield Picture(pts[number], y, u, v, end - pts[number])


class _Tally:
    """Counts what has been written, for progress and the report."""

    def __init__(self, video: VideoFormat, progress: Watcher | None, total: int | None) -> None:
        self.frames = 0
        self.lost: list[LostGop] = []
        self._video, self._progress, self._total = video, progress, total
        self._gops = self._first = self._end = 0

    def wrote(self, picture: Picture) -> None:
        """The picture is written."""
        self._first = picture.pts if self.frames == 0 else self._first
        self._end = picture.pts + picture.duration
        self.frames += 1
        if self._progress is not None:
            self._progress(Progress("decoding", self.frames, self._total))

    def ended(self, gop: DecodedGop | LostGop) -> None:
        """All pictures of the GOP are, if it is not lost."""
        if isinstance(gop, LostGop):
            self.lost.append(gop)
        elif gop.lost is not None:
            self.lost.append(gop.lost)
        else:
            self._gops += 1

    def report(
        self,
        model: Model,
        seconds: float,
        bytes_read: int,
        losses: tuple[Loss, ...],
        damage: tuple[str, ...],
        warnings: Sequence[str],
    ) -> DecodeReport:
        """The whole."""
        return DecodeReport(
            width=self._video.width,
            height=self._video.height,
            frames=self.frames,
            gops=self._gops,
            duration_s=float((self._end - self._first) * self._video.time_base),
            model=model.name,
            seconds=seconds,
            bytes_read=bytes_read,
            losses=losses,
            damage=damage,
            warnings=tuple(warnings),
        )
