"""The language model: one transformer over the tokens of a clip, for both objectives (`objectives.py`).

The sequence is a class, or none, and then the N = T'·h·w tokens of a grid, latent frame by latent frame and row by
row. Bidirectional, place 1 + i holds token i or a mask, and its state tells token i. Causal, place i (the class is
place 0) tells token i from what stands there and before; there its position is that of the token it tells.

Pre-norm, scaled-dot-product attention, learned positions for time, row and column that add up.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import LmConfig
from .vocabulary import Vocabulary

Grid = tuple[int, int, int]


class KvCache:
    """Keys and values of the places a causal model has passed, of every layer. No gradient passes."""

    def __init__(self, config: LmConfig, batch: int, places: int, like: Tensor) -> None:
        """Room for `places` places; of the type and device of `like`."""
        shape = config.layers, 2, batch, config.heads, places, config.width // config.heads
        self._kept = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.length = 0

    def extended(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values `[B, heads, places so far, C/heads]` with those of the new places."""
        end = self.length + key.shape[2]
        self._kept[layer, 0, :, :, self.length : end] = key.detach()
        self._kept[layer, 1, :, :, self.length : end] = value.detach()
        kept = self._kept[layer, :, :, :, :end]
        return kept[0], kept[1]


class Block(nn.Module):
    """Attention and two pointwise layers, each behind a norm and beside the identity."""

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.dropout = config.heads, config.dropout
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, config.expansion * width)
        self.down = nn.Linear(config.expansion * width, width)

    def forward(self, x: Tensor, *, causal: bool, cache: KvCache | None = None, layer: int = 0) -> Tensor:
        """`x` [B, places, C]; with a `cache` the places after those in it."""
        b, places, width = x.shape
        qkv = self.query_key_value(self.norm_attention(x)).reshape(b, places, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # [B, heads, places, C/heads] each
        mask = None
        if cache is not None:
            key, value = cache.extended(layer, key, value)
            before = cache.length
            mask = torch.ones(places, before + places, dtype=torch.bool, device=x.device).tril(before)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal and mask is None)
        y = self.out(y.transpose(1, 2).reshape(b, places, width))
        x = x + F.dropout(y, self.dropout, self.training)
        y = self.down(F.gelu(self.up(self.norm_feed(x))))
        return x + F.dropout(y, self.dropout, self.training)


class TokenTransformer(nn.Module):
    """The whole. Classes are int64 `[B]` in 0 … classes, the last of which stands for none."""

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.vocabulary = Vocabulary(config)
        self.mask = nn.Parameter(torch.empty(width))
        self.classes = nn.Embedding(config.classes + 1, width)
        self.positions = nn.ParameterList(torch.empty(side, width) for side in config.grid)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        for table in (self.mask, self.classes.weight, *self.positions):
            nn.init.normal_(table, std=0.02)
        for block in self.blocks:  # so that the sum over the layers starts as large as one of them
            assert isinstance(block, Block)
            for layer in (block.out, block.down):
                nn.init.normal_(layer.weight, std=0.02 / (2 * config.layers) ** 0.5)

    @property
    def no_class(self) -> int:
        """The class that stands for none."""
        return self.config.classes

    def position(self, grid: Grid) -> Tensor:
        """Positions `[N, C]` of a grid (T', h, w). ValueError for one larger than the model's."""
        if any(not 1 <= side <= most for side, most in zip(grid, self.config.grid, strict=True)):
            raise ValueError(f"a grid of {grid} does not fit the model's {self.config.grid}")
        time, row, column = (table[:side] for table, side in zip(self.positions, grid, strict=True))
        return (time[:, None, None] + row[None, :, None] + column[None, None, :]).flatten(0, 2)

    def all_at_once(self, tokens: Tensor, masked: Tensor, classes: Tensor, grid: Grid) -> Tensor:
        """Logits `[B, N, F, 2^b]` of every token from all that are not `masked` [B, N] bool; `tokens` [B, N] int64."""
        x = torch.where(masked[..., None], self.mask, self.vocabulary.embed(tokens)) + self.position(grid)
        x = torch.cat([self.classes(classes)[:, None], x], dim=1)
        for block in self.blocks:
            x = block(x, causal=False)
        return self.vocabulary.logits(self.norm(x[:, 1:]))

    def next_ones(self, tokens: Tensor, classes: Tensor, grid: Grid, cache: KvCache | None = None) -> Tensor:
        """Logits `[B, n, F, 2^b]` of the tokens at the next n places, each from those before it.

        Without a `cache`, of all N places, from `tokens` [B, N], the last of which nothing hangs on. With one, of
        the places after those in it, which it then holds too: the first call is given the tokens [B, n − 1] that come
        first, later ones [B, n] that go on.
        """
        begin = cache.length if cache is not None else 0
        inputs = tokens[:, :-1] if cache is None else tokens
        x = self.vocabulary.embed(inputs)
        if begin == 0:
            x = torch.cat([self.classes(classes)[:, None], x], dim=1)
        places = x.shape[1]
        x = x + self.position(grid)[begin : begin + places]
        for layer, block in enumerate(self.blocks):
            x = block(x, causal=True, cache=cache, layer=layer)
        if cache is not None:
            cache.length += places
        return self.vocabulary.logits(self.norm(x))
