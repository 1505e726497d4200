"""A video transformer that tells a clip's class: one network, whatever it reads (Yu et al. 2023, section 4.4).

The paper has action recognition read tokens where a ViViT (Arnab et al. 2021) reads patches of pixels. Here all
inputs come to the same grid of vectors, a position of 4 frames × 8 × 8 pixels each, and from there on everything is
the same: four neighbours become one place, as large as ViViT's patches of 16 × 16; attention among the places of a
time, then among the times of a place (its factorised self-attention); and the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.frames import GRID
from nvcodec.tokenizer.lfq import INDEX_BITS, unpack
from nvcodec.tokenizer.motion import STEP_FRAMES
from nvcodec.tokenizer.tiny import FRAME_DIMS, patchify

from .class_parts import ClassHead
from .feature_network import check_clips

INPUTS = ("pixels", "bits", "table")
TABLE_MAX = 1 << 20


@dataclass(frozen=True)
class ProbeConfig:
    """What the transformer reads and its sizes. Clips have `frames` of `size` luma pixels a side.

    `reads`: "pixels"; "bits", tokens of lookup-free quantization as ±1; "table", tokens of vector quantization, each
    with a vector of its own. `vocabulary` is how many tokens there are, 0 for pixels, and `tokenizer` the SHA-256 of
    the tokenizer whose they are, "" for pixels. NvcodecError for what does not go together.
    """

    classes: tuple[str, ...]
    reads: str = "pixels"
    vocabulary: int = 0
    tokenizer: str = ""
    frames: int = 17
    size: int = 64
    width: int = 192
    layers: int = 4
    heads: int = 4
    expansion: int = 2
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_clips(self.classes, self.frames, self.size)
        if self.reads not in INPUTS:
            raise NvcodecError(f"a probe reads one of {', '.join(INPUTS)}, not {self.reads!r}")
        bits = self.vocabulary.bit_length() - 1
        allowed = {
            "pixels": self.vocabulary == 0,
            "bits": 1 <= bits <= INDEX_BITS and self.vocabulary == 1 << bits,
            "table": 2 <= self.vocabulary <= TABLE_MAX,
        }
        if not allowed[self.reads]:
            raise NvcodecError(f"a probe that reads {self.reads} does not go with a vocabulary of {self.vocabulary}")
        if not (2 <= self.width <= 1 << 14 and 1 <= self.layers <= 128 and 1 <= self.expansion <= 16):
            raise NvcodecError("a probe's width is at most 16384, its layers 1 to 128, its expansion 1 to 16")
        if self.heads < 1 or self.width % (2 * self.heads) or not 0 <= self.dropout < 1:
            raise NvcodecError("twice the heads divide a probe's width, and its dropout is below 1")

    @property
    def grid(self) -> tuple[int, int, int]:
        """Times, rows and columns of the positions."""
        return 1 + (self.frames - 1) // STEP_FRAMES, self.size // GRID, self.size // GRID


class PixelEmbedding(nn.Module):
    """Frames `[B, 6, T, H/2, W/2]` to `[B, T', h, w, C]`: the first frame's 96 numbers a position, then 384."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(FRAME_DIMS, width)
        self.following = nn.Linear(STEP_FRAMES * FRAME_DIMS, width)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        first = self.first(patchify(frames[:, :, :1]))[:, None]
        groups = frames[:, :, 1:].unflatten(2, (-1, STEP_FRAMES)).transpose(1, 2)  # [B, T' − 1, 6, 4, H/2, W/2]
        following = self.following(patchify(groups.flatten(0, 1)))
        return torch.cat([first, following.unflatten(0, groups.shape[:2])], 1)


class BitEmbedding(nn.Module):
    """Tokens `[B, T', h, w]` of 2^D to `[B, T', h, w, C]`: a linear map of their D bits as ±1."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.bits = vocabulary.bit_length() - 1
        self.linear = nn.Linear(self.bits, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """See the class."""
        return self.linear(unpack(tokens, self.bits))


def embedding_of(config: ProbeConfig, width: int) -> nn.Module:
    """From what `config` reads to vectors `[B, T', h, w, width]`."""
    if config.reads == "pixels":
        return PixelEmbedding(width)
    return BitEmbedding(config.vocabulary, width) if config.reads == "bits" else nn.Embedding(config.vocabulary, width)


class VideoTransformer(nn.Module):
    """Class logits of frames `[B, 6, T, H/2, W/2]` or tokens `[B, T', h, w]` or `[B, N]` int64, as `config` says."""

    def __init__(self, config: ProbeConfig) -> None:
        super().__init__()
        self.config = config
        width, (times, rows, columns) = config.width, config.grid
        self.embedding = embedding_of(config, width // 2)
        self.neighbours = nn.Conv3d(width // 2, width // 2, (1, 3, 3), padding=(0, 1, 1))
        self.merge = nn.Conv3d(width // 2, width, (1, 2, 2), (1, 2, 2))
        self.time = nn.Parameter(torch.empty(times, 1, width))
        self.place = nn.Parameter(torch.empty(rows // 2 * (columns // 2), width))
        for table in (self.time, self.place):
            nn.init.normal_(table, std=0.02)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.head = ClassHead(width, config.classes)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if self.config.reads != "pixels":
            x = x.reshape(-1, *self.config.grid)
        x = self.embedding(x).movedim(-1, 1)  # [B, C/2, T', h, w]
        x = x + F.gelu(self.neighbours(x))
        x = self.merge(x).flatten(3).permute(0, 2, 3, 1) + self.time + self.place  # [B, T', h/2 · w/2, C]
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean((1, 2)))

    def blocks(self) -> list[nn.Module]:
        """The parts that a sharded run gathers one at a time."""
        return list(self.layers)


class Block(nn.Module):
    """Attention in space, attention in time, two pointwise layers; each behind a norm and beside the identity."""

    def __init__(self, config: ProbeConfig) -> None:
        super().__init__()
        width = config.width
        self.dropout = config.dropout
        self.space, self.time = Attention(width, config.heads), Attention(width, config.heads)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, config.expansion * width)
        self.down = nn.Linear(config.expansion * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`x` [B, T', places, C]."""
        x = x + self._dropped(self.space(x))
        x = x + self._dropped(self.time(x.transpose(1, 2)).transpose(1, 2))
        return x + self._dropped(self.down(F.gelu(self.up(self.norm(x)))))

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class Attention(nn.Module):
    """Attention along the last but one dimension of `[…, places, C]`, behind a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of `x`."""
        qkv = self.query_key_value(self.norm(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = (part.transpose(-3, -2) for part in qkv.unbind(-3))  # […, heads, places, C/heads] each
        y = F.scaled_dot_product_attention(query, key, value)
        return self.out(y.transpose(-3, -2).flatten(-2))
