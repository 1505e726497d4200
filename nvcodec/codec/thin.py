"""A smaller file from a file: its planes are decoded, made fewer and coded again; no picture is decoded or analysed.

A payload is one stack of bits whose probabilities depend on all levels before them, so planes cannot be cut out of
it. Dropping the lowest n magnitude planes makes the step Δ 2ⁿ times as large, and that is what a quality lower by
n · QUALITIES_PER_OCTAVE means: the result is a GOP like any other. What pictures are predicted from changes with it
and nothing makes up for that, so a thinned file shows less than one encoded at its rate (docs/reliability.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO

import torch
from torch import Tensor

from nvcodec.bitstream import ContainerReader, ContainerWriter, GopChunk, Limits, StreamHeader
from nvcodec.bitstream.recovery import frame_step
from nvcodec.errors import NvcodecError
from nvcodec.prior.choice import COST_PER_BIT
from nvcodec.prior.choosing import ChosenFrame, LevelChooser
from nvcodec.tokenizer.conditioning import conditions
from nvcodec.tokenizer.motion import MOTION_DIMS
from nvcodec.tokenizer.quantize import QUALITIES_PER_OCTAVE, QUALITY_MIN, step_size
from nvcodec.weights import Model

from .decode import levels_of
from .gop import GopQuality, encode_planes
from .gop_size import grid_size
from .headers import model_of
from .reports import Progress, Watcher

# What squared error counts when levels are chosen: errors stay in all later pictures of a GOP, where the encoder's
# are coded away in the next. Best of the three weights tried, 8.5, 2.8 and 1, where one plane is dropped.
ERROR_WEIGHT = COST_PER_BIT / 0.06
KEPT = 1e9  # bits that other motion than the file's would cost


@dataclass(frozen=True)
class ThinReport:
    """A thinned file: sizes of the whole files in bytes; `drops` by how much each GOP's quality fell."""

    frames: int
    gops: int
    bytes_before: int
    bytes: int
    drops: tuple[int, ...]


def thin(
    source: BinaryIO,
    target: BinaryIO,
    planes: int | None = None,
    bitrate: float | None = None,
    progress: Watcher | None = None,
    limits: Limits = Limits(),
) -> ThinReport:
    """Write `source` to `target` with its lowest `planes` dropped, or with what it takes to come to `bitrate`.

    Exactly one is given. `bitrate`, in bits a second, is a ceiling for the entropy-coded pictures of every GOP; those
    below it stay as they are. Packets go over bit for bit. Both files are left open; a GOP at a time is in memory.
    NvcodecError where so much cannot be dropped, and for a file of tokens; BitstreamError for damage.
    """
    if (planes is None) == (bitrate is None) or (planes or 0) < 0 or (bitrate is not None and bitrate <= 0):
        raise NvcodecError("say either how many planes to drop or which bit rate to come to")
    reader = ContainerReader(source, limits)
    header = reader.header
    if header.tokens:
        raise NvcodecError("the file holds tokens alone, which have no planes to spare")
    model = model_of(header, "cpu")
    writer = ContainerWriter(target, limits)
    writer.write_header(header)
    frames, drops = 0, list[int]()
    for content in reader.chunks():
        if not isinstance(content, GopChunk):
            writer.write_packets(content)
            continue
        coarse = _Coarser(model, header, len(drops), content, limits)
        if planes is not None:
            drop, gop = coarse.without(planes)
        else:
            drop, gop = coarse.within(int(Fraction(str(bitrate)) * _seconds(header, content) / 8))
        writer.write_gop(gop)
        drops.append(drop)
        frames += len(gop.pts)
        if progress is not None:
            progress(Progress("thinning", frames, None))
    writer.finish()
    return ThinReport(frames, len(drops), reader.bytes_read, writer.bytes_written, tuple(drops))


def _seconds(header: StreamHeader, gop: GopChunk) -> Fraction:
    end = gop.end if gop.duration else gop.pts[-1] + int(frame_step(header, gop.pts))
    return max(1, end - gop.begin) * header.time_base


class _Coarser:
    """A GOP, its levels decoded, at lower qualities."""

    def __init__(self, model: Model, header: StreamHeader, number: int, chunk: GopChunk, limits: Limits) -> None:
        self._model, self._number, self._chunk = model, number, chunk
        self._size, self._quality = grid_size(header.width, header.height), GopQuality.of(chunk)
        self._levels = levels_of(model, header, number, chunk, limits=limits)
        self._most = min(chunk.quality, chunk.first_quality) - QUALITY_MIN

    def without(self, planes: int) -> tuple[int, GopChunk]:
        """With so many planes dropped, and by how much its quality fell."""
        drop = planes * QUALITIES_PER_OCTAVE
        if drop > self._most:
            raise NvcodecError(
                f"GOP {self._number} is of quality {self._chunk.quality}: "
                f"at most {self._most // QUALITIES_PER_OCTAVE} planes can be dropped, not {planes}"
            )
        return drop, self._at(drop)

    def within(self, size: int) -> tuple[int, GopChunk]:
        """As fine as fits `size` bytes, found by halving, and by how much its quality fell."""
        if len(self._chunk.payload) <= size:
            return 0, self._chunk
        low, high = 0, self._most
        best = self._at(high)
        if len(best.payload) > size:
            raise NvcodecError(
                f"GOP {self._number} cannot be made so small: it has {len(best.payload)} bytes at the lowest quality, "
                f"and the bit rate leaves {size}; ask for a higher one"
            )
        while high - low > 1:
            middle = (low + high) // 2
            tried = self._at(middle)
            if len(tried.payload) <= size:
                high, best = middle, tried
            else:
                low = middle
        return high, best

    @torch.inference_mode()
    def _at(self, drop: int) -> GopChunk:
        if not drop:
            return self._chunk
        old = self._quality
        new = replace(old, first=old.first - drop, others=old.others - drop)
        chooser = LevelChooser(self._model.prior, *old.grid(self._size))
        chosen = [
            _coarser(self._model, chooser, level, old.at(index), new.at(index), first=index == 0)
            for index, level in enumerate(self._levels)
        ]
        coded = encode_planes(self._model, chosen, self._size, new)
        return replace(
            self._chunk,
            quality=new.others,
            first_quality=new.first,
            plane_counts=coded.plane_counts,
            planes_crc=coded.planes_crc,
            payload=coded.payload,
        )


def _coarser(model: Model, chooser: LevelChooser, level: Tensor, old: int, new: int, *, first: bool) -> ChosenFrame:
    """The next latent frame, levels `[h·w, MOTION_DIMS + D]`, from quality `old` at `new`; its motion stays."""
    chooser.begin(new)
    motion, latent = level.int().tensor_split([MOTION_DIMS], dim=1)
    if not first:
        chooser.motion(motion, _other_motion)
    tokenizer, device = model.tokenizer, model.device
    before, after = (conditions(quality, first=first)[None].to(device) for quality in (old, new))
    value = tokenizer.dequantize(latent.float()[None, None].to(device), step_size(old), before)[0, 0]
    shrink = tokenizer.shrinkage(after)[0, 0, 0].float().cpu()
    weights = torch.full((len(level),), ERROR_WEIGHT)
    return chooser.levels(value.float().cpu() / step_size(new), shrink, weights)


def _other_motion(field: Tensor, positions: Tensor, candidates: Tensor) -> Tensor:
    """What makes every candidate but the motion that is there too dear."""
    here = field.index_select(1, positions)
    return KEPT * (candidates != here).any(-1).float()
