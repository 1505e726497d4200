"""One GOP: frames to levels, levels to bits, and both back. Encoder and decoder are mirror images here.

A GOP of n frames is 1 + ⌈(n − 1) / 4⌉ latent frames: the first frame alone, then four at a time, the last step
filled up by repeating the last frame. GOPs know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import google_crc32c
import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import BitDecoder, encode_groups
from nvcodec.errors import NvcodecError
from nvcodec.prior.coding import LatentCoder, dimension_groups
from nvcodec.tokenizer.conditioning import conditions
from nvcodec.tokenizer.quantize import QUALITY_MAX, quantize, step_size
from nvcodec.tokenizer.tiny import STEP_FRAMES
from nvcodec.weights import Model

FIRST_BOOST = 6  # the first latent frame, which all others lean on, is this many qualities finer


@dataclass(frozen=True)
class CodedGop:
    """The planes of a GOP, coded."""

    quality: int  # 0: the token reading
    plane_counts: bytes
    planes_crc: int
    payload: bytes


def latent_frames(frames: int) -> int:
    """Latent frames of a GOP of `frames` frames."""
    return 1 + -(-(frames - 1) // STEP_FRAMES)


def quality_of(quality: int, index: int) -> int:
    """The quality latent frame `index` of a GOP is coded at: the first one finer; 0 stays the token reading."""
    return min(QUALITY_MAX, quality + FIRST_BOOST) if quality and index == 0 else quality


@torch.inference_mode()
def analyse(model: Model, frames: Tensor, quality: int) -> Tensor:
    """Levels `[T', h·w, D]` int32 of `frames` [6, n, H/2, W/2], coded in closed loop at `quality` (0: tokens)."""
    tokenizer = model.tokenizer
    fill = latent_frames(frames.shape[1]) * STEP_FRAMES - (STEP_FRAMES - 1) - frames.shape[1]
    frames = torch.cat([frames, frames[:, -1:].expand(-1, fill, -1, -1)], dim=1)[None]
    state, levels = None, []
    for index, start in enumerate([0, *range(1, frames.shape[2], STEP_FRAMES)]):
        part = frames[:, :, start : start + (STEP_FRAMES if index else 1)]
        own = quality_of(quality, index)
        condition = conditions(own, first=index == 0)[None].to(frames.device)
        latent = tokenizer.analyse(part, state, condition)
        if own:
            level = quantize(latent, step_size(own))
        else:
            signs = torch.where(latent[..., : model.token_dims] >= 0, 1.0, -1.0)
            level = torch.nn.functional.pad(signs, (0, latent.shape[-1] - model.token_dims))
        levels.append(level[0].flatten(0, 1).to("cpu", torch.int32))
        if start + STEP_FRAMES <= frames.shape[2] - 1 or index == 0:
            _, state = tokenizer.synthesise(_dequantize(model, level, own, index, condition), state, condition)
    return torch.stack(levels)


@torch.inference_mode()
def synthesise(model: Model, levels: Tensor, size: tuple[int, int], frames: int, quality: int, dropped: int = 0) -> Iterator[Tensor]:
    """Frames `[6, T, H/2, W/2]`, a latent frame's at a time, of levels `[T', h·w, D]`; `size` (h, w); mirror of `analyse`.

    With `dropped` > 0 that many least significant magnitude planes are taken as missing.
    """
    state, left = None, frames
    device = next(model.tokenizer.parameters()).device
    for index, level in enumerate(levels):
        own = quality_of(quality, index)
        condition = conditions(own, first=index == 0)[None].to(device)
        grid = level.to(device, torch.float32).reshape(1, *size, -1)
        decoded, state = model.tokenizer.synthesise(
            _dequantize(model, grid, own, index, condition, dropped), state, condition
        )
        yield decoded[0, :, :left]
        left -= decoded.shape[2]


def _dequantize(model: Model, level: Tensor, quality: int, index: int, condition: Tensor, dropped: int = 0) -> Tensor:
    if quality == 0:
        return model.tokenizer.token_latent(level[..., : model.token_dims], first=index == 0)
    return model.tokenizer.dequantize(level, step_size(quality), condition, dropped)


class _Recorder:
    """The encoder's port: notes bits and probabilities, for the ANS coder is a stack and wants the last first."""

    def __init__(self) -> None:
        self.groups: list[tuple[np.ndarray, np.ndarray]] = []

    def begin(self, positions: Tensor, dims: slice) -> None:
        """Nothing depends on where the bits belong."""

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        assert bits is not None
        self.groups.append((bits.numpy().astype(np.uint8), p.numpy().astype(np.uint16)))
        return bits


class _Reader:
    """The decoder's port."""

    def __init__(self, payload: bytes) -> None:
        self.decoder = BitDecoder(payload)

    def begin(self, positions: Tensor, dims: slice) -> None:
        """Nothing depends on where the bits belong."""

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        return torch.from_numpy(self.decoder.decode(p.numpy().astype(np.uint16))).bool()


def encode_planes(model: Model, levels: Tensor, size: tuple[int, int], quality: int) -> CodedGop:
    """Code levels `[T', h·w, D]`, and decode them again before anybody relies on them."""
    counts = plane_counts(levels, model.token_dims) if quality else b""
    coder = LatentCoder(model.prior, model.tables, *size, counts)
    port = _Recorder()
    for index, level in enumerate(levels):
        coder.code(port, quality_of(quality, index), level)
    coded = CodedGop(quality, counts, planes_checksum(levels), encode_groups(port.groups))
    if not torch.equal(decode_planes(model, coded, size, len(levels)), levels):
        raise NvcodecError("the coded planes do not decode to themselves on this machine; nothing was written")
    return coded


def decode_planes(model: Model, gop: CodedGop, size: tuple[int, int], latents: int) -> Tensor:
    """Levels `[T', h·w, D]` int32 of a coded GOP; NvcodecError when they are not what the encoder had."""
    coder = LatentCoder(model.prior, model.tables, *size, gop.plane_counts)
    port = _Reader(gop.payload)
    levels = torch.stack([coder.code(port, quality_of(gop.quality, index), None) for index in range(latents)])
    if planes_checksum(levels) != gop.planes_crc:
        raise NvcodecError("the planes decoded differ from those encoded (their checksum does not match)")
    return levels


def plane_counts(levels: Tensor, token_dims: int) -> bytes:
    """Magnitude planes each dimension group of a GOP needs."""
    groups = dimension_groups(levels.shape[-1], token_dims)
    return bytes(int(levels[..., group].abs().max()).bit_length() for group in groups)


def planes_checksum(levels: Tensor) -> int:
    """CRC-32C of the levels as little-endian int16, in the order latent frame, row, column, dimension."""
    return google_crc32c.value(levels.to(torch.int16).contiguous().numpy().astype("<i2").tobytes())


ProgressCallback = Callable[[int], None]
