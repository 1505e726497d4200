"""One GOP: frames to levels, levels to bits, and both back. Encoder and decoder are mirror images here.

A GOP of n frames is 1 + ⌈(n − 1) / 4⌉ latent frames: the first frame alone, then four at a time, the last
step filled up by repeating the last frame. GOPs know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import BitDecoder, BitstreamError, crc32c, encode_groups_backwards
from nvcodec.errors import NvcodecError
from nvcodec.prior.choosing import ChosenFrame, LevelChooser, code_chosen
from nvcodec.prior.coding import LatentCoder, PlaneCoder
from nvcodec.prior.walk import dimension_groups
from nvcodec.tokenizer.conditioning import conditions
from nvcodec.tokenizer.motion import MOTION_DIMS, STEP_FRAMES
from nvcodec.tokenizer.motion_search import MotionMatch, motion_cost, search_motion
from nvcodec.tokenizer.quantize import LEVEL_PLANES, QUALITY_MAX, step_size
from nvcodec.tokenizer.tiny import PATCH, DecoderState, Prediction
from nvcodec.weights import Model

# How much finer than the others the first latent frame is, on which they all lean: the more of them, the finer.
BOOST_PER_DOUBLING, BOOST_MAX = 6, 24


@dataclass(frozen=True)
class GopQuality:
    """Qualities of the first latent frame of a GOP and of the others, 1…100; both 0: the token reading."""

    first: int
    others: int

    def at(self, index: int) -> int:
        """The quality of latent frame `index`."""
        return self.others if index else self.first


TOKENS = GopQuality(0, 0)


def planned_quality(quality: int, latents: int) -> GopQuality:
    """Qualities for a GOP that may have `latents` latent frames."""
    boost = min(BOOST_MAX, BOOST_PER_DOUBLING * (latents.bit_length() - 1))
    return GopQuality(min(QUALITY_MAX, quality + boost), quality)


@dataclass(frozen=True)
class CodedGop:
    """The planes of a GOP, coded."""

    quality: GopQuality
    plane_counts: bytes
    planes_crc: int
    payload: bytes


class _Decoded:
    """What the decoder knows of a GOP, and so the encoder too: the closed loop, a latent frame at a time."""

    def __init__(self, model: Model, quality: GopQuality, dropped: int = 0) -> None:
        self.model, self.dropped = model, dropped
        self.quality, self.index = quality, -1
        self.state: DecoderState | None = None
        self._turn()

    def _turn(self) -> None:
        """To the next latent frame: its quality and conditions."""
        self.index += 1
        self.own = self.quality.at(self.index)
        self.condition = conditions(self.own, first=self.index == 0)[None].to(self.model.device)

    def predict(self, motion: Tensor) -> Prediction | None:
        """What is known of the next frames, moved by levels `[1, h, w, 4]`; None at the start."""
        return None if self.state is None else self.model.tokenizer.predict(self.state, motion)

    def add(self, level: Tensor, prediction: Prediction | None) -> Tensor:
        """Frames `[1, 6, T, H/2, W/2]` of the next latent frame's levels `[1, h, w, D]`."""
        tokenizer = self.model.tokenizer
        if self.own:
            latent = tokenizer.dequantize(level, step_size(self.own), self.condition, self.dropped)
        else:
            latent = tokenizer.token_latent(level[..., : self.model.token_dims], first=self.index == 0)
        frames, self.state = tokenizer.synthesise(latent, prediction, self.condition)
        self._turn()
        return frames


@torch.inference_mode()
def analyse(model: Model, steps: Iterable[Tensor], quality: GopQuality) -> Iterator[ChosenFrame]:
    """The latent frame of each step of a GOP, in closed loop at `quality`.

    `steps`: frames `[6, T, H/2, W/2]` in float32, T = 1 for the first and up to 4 for the others. A step is
    asked for when its latent frame is.
    """
    decoded, before = _Decoded(model, quality), None  # before: the last step's levels and prediction
    motion: Tensor | None = None
    chooser: LevelChooser | None = None
    for step in steps:
        if before is not None:
            decoded.add(*before)  # the last step's is never needed
        fill = (STEP_FRAMES if decoded.index else 1) - step.shape[1]
        frames = torch.cat([step, step[:, -1:].expand(-1, fill, -1, -1)], dim=1)[None].to(model.device)
        h, w = (side // PATCH for side in frames.shape[-2:])
        chooser = chooser or LevelChooser(model.prior, h, w)
        chooser.begin(decoded.own)
        motion = _choose_motion(decoded, chooser, frames, motion)
        prediction = decoded.predict(motion)
        latent = model.tokenizer.analyse(frames, prediction, decoded.condition)
        if not torch.isfinite(latent).all():
            raise NvcodecError(f"the model {model.name} computes what is no number on the device {model.device}")
        if decoded.own:
            shrink = model.tokenizer.shrinkage(decoded.condition)[0, 0, 0]
            chosen = chooser.levels(_rows(latent.float() / step_size(decoded.own)), shrink.float().cpu())
        else:
            chosen = chooser.signs(_rows(latent))
        grid = chosen.level[:, MOTION_DIMS:].reshape(latent.shape).to(model.device, torch.float32)
        before = (grid, prediction)
        yield chosen


def _choose_motion(decoded: _Decoded, chooser: LevelChooser, frames: Tensor, before: Tensor | None) -> Tensor:
    """Motion levels `[1, h, w, 4]` for the next frames, none at the start and for tokens; `before`: the last step's."""
    h, w = chooser.walk.size
    if decoded.state is None or not decoded.own:
        return frames.new_zeros(1, h, w, MOTION_DIMS)
    cost = motion_cost(step_size(decoded.own))
    match = MotionMatch.of(frames, decoded.state.last)
    found = search_motion(match, before, cost)

    def error(*question: Tensor) -> Tensor:
        return match.error_of(*(x.to(frames.device) for x in question)).cpu() / cost

    return chooser.motion(_rows(found.int()), error).reshape(found.shape).to(found)


def _rows(grid: Tensor) -> Tensor:
    """`[1, h, w, C]` as a table `[h·w, C]` on the CPU, where the prior is."""
    return grid[0].flatten(0, 1).cpu()


@torch.inference_mode()
def synthesise(
    model: Model, levels: Iterable[Tensor], size: tuple[int, int], quality: GopQuality, dropped: int = 0
) -> Iterator[Tensor]:
    """Frames `[6, T, H/2, W/2]` of each step's levels `[h·w, MOTION_DIMS + D]`; mirror of `analyse`.

    `size` (h, w); T = 1, then 4, those repeated to fill the last step among them. With `dropped` > 0 so
    many least significant magnitude planes are taken as missing.
    """
    decoded = _Decoded(model, quality, dropped)
    for level in levels:
        grid = level.to(model.device, torch.float32).reshape(1, *size, -1)
        motion, latent = grid.tensor_split([MOTION_DIMS], dim=-1)
        yield decoded.add(latent, decoded.predict(motion))[0]


class PlaneWriter:
    """The encoder's port: notes bits and probabilities, for ANS is a stack and wants the last first."""

    def __init__(self) -> None:
        self.groups: list[tuple[np.ndarray, np.ndarray]] = []

    def begin(self, positions: Tensor, dims: slice) -> None:
        """Nothing depends on where the bits belong."""

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        """Note `bits` [n] bool with `p` [n] int32, in 1/2¹⁶."""
        if bits is None:
            raise ValueError("there are no bits to write")
        self.groups.append((bits.numpy().astype(np.uint8), p.numpy().astype(np.uint16)))
        return bits


class PlaneReader:
    """The decoder's port: takes the bits from a payload."""

    def __init__(self, payload: bytes) -> None:
        self.decoder = BitDecoder(payload)

    def begin(self, positions: Tensor, dims: slice) -> None:
        """Nothing depends on where the bits belong."""

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        """The next bits [n] bool, for `p` [n] int32, in 1/2¹⁶."""
        return torch.from_numpy(self.decoder.decode(p.numpy().astype(np.uint16))).bool()


@torch.inference_mode()
def encode_planes(model: Model, frames: Sequence[ChosenFrame], size: tuple[int, int], quality: GopQuality) -> CodedGop:
    """Code the latent frames of a GOP, and decode them again before anybody relies on them."""
    levels = torch.stack([frame.level for frame in frames])
    counts = plane_counts(levels, model.token_dims) if quality != TOKENS else b""
    payload = encode_groups_backwards(_bits_backwards(frames, PlaneCoder(model.tables, counts, group_count(model))))
    coded = CodedGop(quality, counts, planes_checksum(levels), payload)
    if not torch.equal(decode_planes(model, coded, size, len(levels)), levels):
        raise NvcodecError("the coded planes do not decode to themselves on this machine")
    return coded


def _bits_backwards(frames: Sequence[ChosenFrame], planes: PlaneCoder) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The groups of bits of a GOP with their probabilities, last first, of one latent frame at a time."""
    for index in reversed(range(len(frames))):
        port = PlaneWriter()
        code_chosen(frames[index], port, planes, first=index == 0)
        yield from reversed(port.groups)


@torch.inference_mode()
def decode_planes(
    model: Model, gop: CodedGop, size: tuple[int, int], latents: int, reader: PlaneReader | None = None
) -> Tensor:
    """Levels `[T', h·w, D]` int16 of a coded GOP; mirror of `encode_planes`. `reader` may listen to the bits.

    NvcodecError when they are not what the encoder had, BitstreamError for what no encoder writes.
    """
    groups = group_count(model)
    if (
        max(gop.quality.first, gop.quality.others) > QUALITY_MAX
        or (gop.quality.first == 0) != (gop.quality.others == 0)
        or len(gop.plane_counts) not in ((groups, 2 * groups) if gop.quality != TOKENS else (0,))
        or max(gop.plane_counts, default=0) > LEVEL_PLANES
    ):
        raise BitstreamError(
            f"qualities {gop.quality.first} and {gop.quality.others} with planes {list(gop.plane_counts)}, "
            "which no encoder writes"
        )
    coder = LatentCoder(model.prior, model.tables, *size, gop.plane_counts)
    port = reader or PlaneReader(gop.payload)
    levels = torch.stack([coder.code(port, gop.quality.at(index), None).to(torch.int16) for index in range(latents)])
    if planes_checksum(levels) != gop.planes_crc:
        raise NvcodecError("the planes decoded are not those encoded (their checksum does not match)")
    return levels


def group_count(model: Model) -> int:
    """How many groups of dimensions have a plane count of their own."""
    return len(dimension_groups(model.prior.config.latent_dims, model.token_dims))


def plane_counts(levels: Tensor, token_dims: int) -> bytes:
    """Magnitude planes that each dimension group needs in a GOP's first latent frame, then in the others, if any."""
    groups = dimension_groups(levels.shape[-1] - MOTION_DIMS, token_dims)
    parts = [part for part in (levels[:1], levels[1:]) if len(part)]
    return bytes(int(part[..., group].abs().max()).bit_length() for part in parts for group in groups)


def planes_checksum(levels: Tensor) -> int:
    """CRC-32C of the levels as little-endian int16, in the order latent frame, row, column, dimension."""
    return crc32c(levels.to(torch.int16).contiguous().numpy().astype("<i2", copy=False).tobytes())
