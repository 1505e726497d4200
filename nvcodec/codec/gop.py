"""One GOP: frames to levels, levels to bits, and both back. Encoder and decoder are mirror images here.

A GOP of n frames is 1 + ⌈(n − 1) / 4⌉ latent frames: the first frame alone, then four at a time, the last
step filled up by repeating the last frame. GOPs know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import BitDecoder, BitstreamError, GopChunk, crc32c, encode_groups_backwards
from nvcodec.errors import NvcodecError
from nvcodec.prior.choosing import ChosenFrame, LevelChooser, code_chosen
from nvcodec.prior.coding import LatentCoder, PlaneCoder
from nvcodec.prior.walk import dimension_groups
from nvcodec.tokenizer.conditioning import conditions
from nvcodec.tokenizer.motion import MOTION_DIMS, STEP_FRAMES
from nvcodec.tokenizer.motion_search import MotionMatch, motion_cost, search_motion
from nvcodec.tokenizer.quantize import LEVEL_PLANES, QUALITY_MAX, step_size
from nvcodec.tokenizer.resampling import halved, halved_grid, restored
from nvcodec.tokenizer.tiny import PATCH, DecoderState, Prediction
from nvcodec.weights import Model

from .effort import AS_USUAL, EncoderSettings
from .refinement import Aim, Choice, choose_for

# How much finer than the others the first latent frame is, on which they all lean: the more of them, the finer.
BOOST_PER_DOUBLING, BOOST_MAX = 6, 24
HALVINGS_MAX = 3


@dataclass(frozen=True)
class GopQuality:
    """Qualities of the first latent frame of a GOP and of the others, 1…100; both 0: the token reading.

    `halvings`: how often the size of the pictures is halved before they are coded.
    """

    first: int
    others: int
    halvings: int = 0

    @classmethod
    def of(cls, chunk: GopChunk) -> GopQuality:
        """What a GOP of a file was coded at."""
        return cls(chunk.first_quality, chunk.quality, chunk.halvings)

    def at(self, index: int) -> int:
        """The quality of latent frame `index`."""
        return self.others if index else self.first

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of positions that are coded of pictures of `size` (h, w) positions."""
        return halved_grid(size, self.halvings)


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


class ClosedLoop:
    """The latent frames of a GOP, chosen one after the other by an encoder that knows what its decoder will show."""

    def __init__(
        self,
        model: Model,
        quality: GopQuality,
        weights: Tensor | None = None,
        settings: EncoderSettings = AS_USUAL,
    ) -> None:
        """`weights` [h·w], of the grid that is coded: what squared error counts at each position, 1 left out."""
        self.model, self.quality, self.weights, self.settings = model, quality, weights, settings
        self._decoded = _Decoded(model, quality)
        self._chooser: LevelChooser | None = None
        self._motion: Tensor | None = None
        self._last: tuple[Tensor, Prediction | None] | None = None  # levels and prediction of the step taken last
        self._size = 0, 0

    @torch.inference_mode()
    def take(self, step: Tensor) -> ChosenFrame:
        """The next latent frame, of frames `[6, T, H/2, W/2]` in float32: T = 1 for the first, then up to 4."""
        self._decode()
        decoded = self._decoded
        self._size = step.shape[2] // PATCH, step.shape[3] // PATCH
        for _ in range(self.quality.halvings):
            step = halved(step)
        fill = (STEP_FRAMES if decoded.index else 1) - step.shape[1]
        frames = torch.cat([step, step[:, -1:].expand(-1, fill, -1, -1)], dim=1)[None].to(self.model.device)
        h, w = (side // PATCH for side in frames.shape[-2:])
        self._chooser = chooser = self._chooser or LevelChooser(self.model.prior, h, w)
        chooser.begin(decoded.own)
        self._motion = motion = _choose_motion(decoded, chooser, frames, self._motion, self.settings)
        prediction = decoded.predict(motion)
        latent = self.model.tokenizer.analyse(frames, prediction, decoded.condition)
        if not torch.isfinite(latent).all():
            raise NvcodecError(f"the model {self.model.name} computes what is no number on {self.model.device}")
        if decoded.own:
            aim = Aim(frames, prediction, decoded.condition, step_size(decoded.own), self.weights)
            choice = choose_for(self.model.tokenizer, chooser, latent, aim, self.settings.passes)
        else:
            choice = Choice(chooser, chooser.signs(_rows(latent)), latent.shape, latent.device)
        self._chooser, self._last = choice.chooser, (choice.level, prediction)
        return choice.frame

    @torch.inference_mode()
    def shown(self) -> Tensor:
        """Frames `[6, T, H/2, W/2]` that the decoder shows of the latent frame taken last, at the size of its step."""
        frames = self._decode()
        assert frames is not None, "nothing was taken, or asked for twice"
        return restored(frames[0].float(), self._size, self.quality.halvings)

    def _decode(self) -> Tensor | None:
        """What `_Decoded.add` gives for the step taken last, unless that was done. The last step's is rarely needed."""
        if self._last is None:
            return None
        last, self._last = self._last, None
        return self._decoded.add(*last)


def analyse(
    model: Model, steps: Iterable[Tensor], quality: GopQuality, weights: Tensor | None = None
) -> Iterator[ChosenFrame]:
    """The latent frame of each of a GOP's `steps`, in closed loop; a step is asked for when its latent frame is."""
    loop = ClosedLoop(model, quality, weights)
    for step in steps:
        yield loop.take(step)


def _choose_motion(
    decoded: _Decoded, chooser: LevelChooser, frames: Tensor, before: Tensor | None, settings: EncoderSettings
) -> Tensor:
    """Motion levels `[1, h, w, 4]` for the next frames, none at the start and for tokens; `before`: the last step's."""
    h, w = chooser.walk.size
    if decoded.state is None or not decoded.own:
        return frames.new_zeros(1, h, w, MOTION_DIMS)
    cost = motion_cost(step_size(decoded.own))
    last = decoded.state.last
    fine = MotionMatch.fine(frames, last)
    found = search_motion(MotionMatch.of(frames, last), before, cost, fine, settings.motion_rounds)

    def error(*question: Tensor) -> Tensor:
        return fine.error_of(*(x.to(frames.device) for x in question)).cpu() / cost

    return chooser.motion(_rows(found.int()), error).reshape(found.shape).to(found)


def _rows(grid: Tensor) -> Tensor:
    """`[1, h, w, C]` as a table `[h·w, C]` on the CPU, where the prior is."""
    return grid[0].flatten(0, 1).cpu()


@torch.inference_mode()
def synthesise(
    model: Model, levels: Iterable[Tensor], size: tuple[int, int], quality: GopQuality, dropped: int = 0
) -> Iterator[Tensor]:
    """Frames `[6, T, H/2, W/2]` of each step's levels `[h·w, MOTION_DIMS + D]`; mirror of `analyse`.

    `size` (h, w) of the pictures, coded at `quality.grid(size)`; T = 1, then 4, those repeated to fill the last step
    among them. With `dropped` > 0 so many least significant magnitude planes are taken as missing.
    """
    decoded = _Decoded(model, quality, dropped)
    for level in levels:
        grid = level.to(model.device, torch.float32).reshape(1, *quality.grid(size), -1)
        motion, latent = grid.tensor_split([MOTION_DIMS], dim=-1)
        yield restored(decoded.add(latent, decoded.predict(motion))[0], size, quality.halvings)


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

    def __init__(self, payload: bytes, *, missing: int = 0) -> None:
        self.decoder = BitDecoder(payload, missing=missing)

    def begin(self, positions: Tensor, dims: slice) -> None:
        """Nothing depends on where the bits belong."""

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        """The next bits [n] bool, for `p` [n] int32, in 1/2¹⁶."""
        return torch.from_numpy(self.decoder.decode(p.numpy().astype(np.uint16))).bool()


@torch.inference_mode()
def encode_planes(model: Model, frames: Sequence[ChosenFrame], size: tuple[int, int], quality: GopQuality) -> CodedGop:
    """Code the latent frames of a GOP, and decode them again before anybody relies on them."""
    return checked_planes(model, frames, size, code_planes(model, frames, quality))


@torch.inference_mode()
def code_planes(model: Model, frames: Sequence[ChosenFrame], quality: GopQuality) -> CodedGop:
    """Code the latent frames of a GOP; nobody has decoded them yet."""
    levels = torch.stack([frame.level for frame in frames])
    counts = plane_counts(levels, model.token_dims) if quality != TOKENS else b""
    payload = encode_groups_backwards(_bits_backwards(frames, PlaneCoder(model.tables, counts, group_count(model))))
    return CodedGop(quality, counts, planes_checksum(levels), payload)


@torch.inference_mode()
def checked_planes(model: Model, frames: Sequence[ChosenFrame], size: tuple[int, int], coded: CodedGop) -> CodedGop:
    """What `code_planes` made of `frames`, once it has been decoded again. NvcodecError when that gives others."""
    levels = torch.stack([frame.level for frame in frames])
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

    `size` (h, w) of the pictures; the levels are those of `gop.quality.grid(size)`.

    NvcodecError when they are not what the encoder had, BitstreamError for what no encoder writes.
    """
    port = reader or PlaneReader(gop.payload)
    levels = torch.stack(list(_decoded_frames(model, gop, size, latents, port)))
    if planes_checksum(levels) != gop.planes_crc:
        raise NvcodecError("the planes decoded are not those encoded (their checksum does not match)")
    return levels


@torch.inference_mode()
def decode_torn_planes(
    model: Model, gop: CodedGop, size: tuple[int, int], latents: int, missing: int
) -> list[Tensor]:
    """Levels `[h·w, D]` int16 of the first latent frames of a GOP whose payload lacks its last `missing` bytes.

    As many as what is there tells. BitstreamError for what no encoder writes.
    """
    port = PlaneReader(gop.payload, missing=missing)
    decoded = _decoded_frames(model, gop, size, latents, port)
    return list(takewhile(lambda _: port.decoder.is_sound(), decoded))


def _decoded_frames(
    model: Model, gop: CodedGop, size: tuple[int, int], latents: int, port: PlaneReader
) -> Iterator[Tensor]:
    """Levels of one latent frame after the other."""
    groups = group_count(model)
    if (
        max(gop.quality.first, gop.quality.others) > QUALITY_MAX
        or gop.quality.halvings > HALVINGS_MAX
        or (gop.quality.first == 0) != (gop.quality.others == 0)
        or len(gop.plane_counts) not in ((groups, 2 * groups) if gop.quality != TOKENS else (0,))
        or max(gop.plane_counts, default=0) > LEVEL_PLANES
    ):
        raise BitstreamError(
            f"qualities {gop.quality.first} and {gop.quality.others} with planes {list(gop.plane_counts)}, "
            "which no encoder writes"
        )
    coder = LatentCoder(model.prior, model.tables, *gop.quality.grid(size), gop.plane_counts)
    for index in range(latents):
        yield coder.code(port, gop.quality.at(index), None).to(torch.int16)


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
