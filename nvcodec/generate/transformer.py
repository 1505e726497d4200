"""The language model: one transformer over the tokens of a clip, for both objectives (`objectives.py`).

The sequence is a class, or none, and then the N = T'·h·w tokens of a grid, latent frame by latent frame and row by
row. Bidirectional, place 1 + i holds token i or a mask, and its state tells token i. Causal, place i (the class is
place 0) tells token i from what stands there and before; there its position is that of the token it tells. What a
state says of its token is the vocabulary's (`vocabulary.py`).

The class is added to every place as well: by attention to one place among hundreds it is found late.

Pre-norm, scaled-dot-product attention, learned positions for time, row and column that add up.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.bitstream import latent_frames
from nvcodec.tokenizer.frames import GRID

from .config import LmConfig
from .neighbours import Neighbours, known_of
from .vocabulary import Vocabulary

Grid = tuple[int, int, int]
# Of numbers at first. Positions stand out, for by them attention finds a place's neighbours; classes stand above
# tokens, for they were found late.
TOKEN_SCALE, POSITION_SCALE, CLASS_SCALE = 0.02, 0.2, 0.1


def grid_of(frames: int, size: int) -> Grid:
    """The grid of 1 + 4k `frames` of `size` luma pixels a side."""
    return latent_frames(frames), size // GRID, size // GRID


class KvCache:
    """What of the places it has passed a causal model looks at again. No gradient passes.

    That is keys and values of every layer, and `known` [B, N + 1, C] of the tokens as their neighbours are told them.
    """

    def __init__(self, config: LmConfig, batch: int, places: int, like: Tensor) -> None:
        """Room for `places` places; of the type and device of `like`."""
        shape = config.layers, 2, batch, config.heads, places, config.width // config.heads
        self._kept = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.known = torch.zeros(batch, places + 1, config.width, dtype=like.dtype, device=like.device)
        self.length = 0

    def extended(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values `[B, heads, places so far, C/heads]` with those of the new places."""
        end = self.length + key.shape[2]
        self._kept[layer, 0, :, :, self.length : end] = key.detach()
        self._kept[layer, 1, :, :, self.length : end] = value.detach()
        kept = self._kept[layer, :, :, :, :end]
        return kept[0], kept[1]


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, causal: bool) -> Tensor:
    """Scaled-dot-product attention `[B, heads, places, C/heads]`; `mask` [places, places before and now] bool says what
    is seen, or each sees itself and those before it where it is `causal`.

    Written out for bfloat16 on a CPU, where PyTorch's own takes twice as long (16 clips of 320 tokens, forward and
    backward: 33 ms against 72 on one thread).
    """
    if query.dtype != torch.bfloat16 or query.device.type != "cpu":
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
    scores = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1) @ value


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
        y = attend(query, key, value, mask, causal=causal and mask is None)
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
        self.neighbours = Neighbours(width, around=config.around) if config.neighbours else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.mask, std=TOKEN_SCALE)
        for table in self.positions:
            nn.init.normal_(table, std=POSITION_SCALE)
        nn.init.normal_(self.classes.weight, std=CLASS_SCALE)
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
        """States `[B, N, C]` that tell each of `tokens` [B, N] int64 from all that are not `masked` [B, N] bool."""
        kind = self.classes(classes)[:, None]
        seen = torch.where(masked[..., None], self.mask, self.vocabulary.embed(tokens))
        x = seen + self.position(grid) + kind
        if self.neighbours is not None:
            x = x + self.neighbours(seen, grid)
        x = torch.cat([kind, x], dim=1)
        for block in self.blocks:
            x = block(x, causal=False)
        return self.norm(x[:, 1:])

    def next_ones(self, tokens: Tensor, classes: Tensor, grid: Grid, cache: KvCache | None = None) -> Tensor:
        """States `[B, n, C]` that tell the tokens at the next n places, each from those before it.

        Without a `cache`, of all N places, from `tokens` [B, N], the last of which nothing hangs on. With one, of
        the places after those in it, which it then holds too: the first call is given the tokens [B, n − 1] that come
        first, later ones [B, n] that go on.
        """
        begin = cache.length if cache is not None else 0
        kind = self.classes(classes)[:, None]
        embedded = self.vocabulary.embed(tokens)
        x = (embedded[:, :-1] if cache is None else embedded) + kind
        if begin == 0:
            x = torch.cat([kind, x], dim=1)
        places = x.shape[1]
        x = x + self.position(grid)[begin : begin + places]
        if self.neighbours is not None:
            x = x + self._near(self.neighbours, embedded, grid, begin, places, cache)
        for layer, block in enumerate(self.blocks):
            x = block(x, causal=True, cache=cache, layer=layer)
        if cache is not None:
            cache.length += places
        return self.norm(x)

    def _near(
        self, neighbours: Neighbours, embedded: Tensor, grid: Grid, begin: int, places: int, cache: KvCache | None
    ) -> Tensor:
        """What the `neighbours` of so many places say, from the tokens that `next_ones` was given for them."""
        if cache is None:
            return neighbours(embedded, grid)
        first = max(begin - 1, 0)
        cache.known[:, first : first + embedded.shape[1]] = known_of(embedded)
        return neighbours.told(cache.known, grid, begin, begin + places)
