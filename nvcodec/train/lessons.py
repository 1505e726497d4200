"""What a language model is asked of a clip: which of its tokens it is given, which are masked, and whether its class.

Given something and asked for the rest it learns frame prediction (the first latent frames are given), interpolation
(the first and the last), in- and out-painting (all but a box, or a box alone), as MAGVIT's tasks do (Yu et al. 2022,
section 3.2). What is given counts in no loss.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nvcodec.generate.known import both_ends, first_frames, inside_box, outside_box
from nvcodec.generate.objectives import LmLoss, draw_masks, masked_loss, next_loss, without_some_classes
from nvcodec.generate.transformer import Grid, TokenTransformer
from nvcodec.tokenizer.frames import GRID
from nvcodec.train.lm_config import LmTrainConfig

FIRST_SHARE, ENDS_SHARE = 0.6, 0.15  # of the clips of which something is given; of the others a box is, or is not
FIRST_FRAMES_MAX = 2  # latent frames


class LmLearner(nn.Module):
    """The transformer with its loss, so that data-parallel training wraps them once."""

    def __init__(self, transformer: TokenTransformer, config: LmTrainConfig) -> None:
        super().__init__()
        self.transformer, self.config = transformer, config

    def forward(self, tokens: Tensor, classes: Tensor, masked: Tensor | None, grid: Grid) -> LmLoss:
        """The loss of `tokens` [B, N] int64 of `classes` [B]; `masked` [B, N] bool, None for the next token's."""
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            if masked is None:
                return next_loss(self.transformer, tokens, classes, grid)
            return masked_loss(self.transformer, tokens, masked, classes, grid)


def draw_lesson(
    config: LmTrainConfig, model: TokenTransformer, classes: Tensor, grid: Grid, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """Classes `[B]`, some left out, and what is masked `[B, N]` bool: None where the next token is learnt."""
    if config.objective == "next":
        return without_some_classes(classes, model, generator, config.class_dropout), None
    known = draw_known(grid, len(classes), config.given_share, generator)
    dropout = torch.where(known.any(1), config.given_dropout, config.class_dropout)
    kept = without_some_classes(classes, model, generator, dropout)
    return kept, draw_masks((known.shape[0], known.shape[1]), generator, known)


def draw_known(grid: Grid, count: int, share: float, generator: torch.Generator) -> Tensor:
    """What is given of each of `count` clips, `[count, N]` bool: of a `share` of them something, never everything."""
    given = torch.rand(count, generator=generator) < share
    return torch.stack([_given(grid, generator) if some else torch.zeros(_size(grid)).bool() for some in given])


def _given(grid: Grid, generator: torch.Generator) -> Tensor:
    kind = float(torch.rand((), generator=generator))
    if kind < FIRST_SHARE:
        known = first_frames(grid, 1 + _below(min(FIRST_FRAMES_MAX, grid[0] - 1), generator))
    elif kind < FIRST_SHARE + ENDS_SHARE:
        known = both_ends(grid)
    else:
        (x, width), (y, height) = (_side(length, generator) for length in (grid[2], grid[1]))
        box = (x * GRID, y * GRID, width * GRID, height * GRID)
        known = outside_box(grid, box) if _below(2, generator) else inside_box(grid, box)
    return known if not bool(known.all()) else torch.zeros_like(known)


def _side(length: int, generator: torch.Generator) -> tuple[int, int]:
    """Where a box begins and how long it is, a quarter of `length` at least."""
    least = max(1, length // 4)
    size = least + _below(length - least + 1, generator)
    return _below(length - size + 1, generator), size


def _size(grid: Grid) -> int:
    return grid[0] * grid[1] * grid[2]


def _below(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(max(n, 1), (), generator=generator))
