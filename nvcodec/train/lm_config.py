"""Configuration of a run of the language model."""

from __future__ import annotations

from dataclasses import dataclass, field

from nvcodec.errors import NvcodecError
from nvcodec.generate.config import OBJECTIVES, LmConfig
from nvcodec.generate.transformer import Grid, grid_of
from nvcodec.tokenizer.frames import GRID
from nvcodec.train.labelled import LabelledConfig

STAGE = "lm"


@dataclass(frozen=True)
class LmSizes:
    """What of an `LmConfig` neither the clips nor their tokenizer decide."""

    width: int = 256
    layers: int = 6
    heads: int = 4
    expansion: int = 4
    factors: int = 2
    dropout: float = 0.1
    neighbours: bool = False
    around: bool = False


@dataclass(frozen=True)
class LmTrainConfig(LabelledConfig):
    """A run of the language model. Everything that decides its result, with the data and the tokenizer.

    The optimizer is MaskGIT's (Chang et al. 2022, section 4.1) but for the rate, which is that of a small model.
    """

    steps: int = 2000
    batch: int = 32
    stage: str = STAGE
    objective: str = "masked"  # or next
    class_dropout: float = 0.1  # share of the clips that are learnt without their class, for guidance
    still_share: float = 0.0  # of the steps are about the first latent frames of T' times as many clips, T' that of all
    # Masked alone: share of the clips of which something is given (`lessons.py`), and of those without their class.
    given_share: float = 0.4
    given_dropout: float = 0.5
    muon: float = 0.0  # the learning rate of the blocks' matrices by Muon, as a share of that of all others; 0: AdamW
    model: LmSizes = field(default_factory=LmSizes)

    @property
    def grid(self) -> Grid:
        """Latent frames, rows and columns of a clip's tokens."""
        return grid_of(self.frames, self.size)

    @property
    def still_grid(self) -> Grid:
        """That of its first frame alone."""
        return grid_of(1, self.size)


def check_lm(config: LmTrainConfig) -> None:
    """NvcodecError for settings that do not go together."""
    if config.stage != STAGE or config.objective not in OBJECTIVES:
        raise NvcodecError(f"the stage of a language model is {STAGE}, its objective one of {', '.join(OBJECTIVES)}")
    if config.frames < 1 or config.frames % 4 != 1 or config.size < GRID or config.size % GRID:
        raise NvcodecError(f"clips have 1 + 4k frames and a size that is a multiple of {GRID}")
    if min(config.batch, config.accumulate, config.log_steps) < 1:
        raise NvcodecError("batch, accumulate and log_steps are 1 at least")
    shares = config.class_dropout, config.still_share, config.given_share, config.given_dropout
    if not all(0 <= share <= 1 for share in shares):
        raise NvcodecError("class_dropout, still_share, given_share and given_dropout are shares, from 0 to 1")
    if config.muon < 0 or (config.muon and config.sharded):
        raise NvcodecError("muon is 0 at least, and 0 where a run is sharded: it looks at whole matrices")
    model_config(config, classes=1, token_bits=config.model.factors)  # the sizes by themselves


def model_config(config: LmTrainConfig, classes: int, token_bits: int) -> LmConfig:
    """Sizes of the transformer for clips of so many classes. NvcodecError where they do not go together."""
    sizes = config.model
    return LmConfig(
        grid=config.grid,
        classes=classes,
        width=sizes.width,
        layers=sizes.layers,
        heads=sizes.heads,
        expansion=sizes.expansion,
        token_bits=token_bits,
        factors=sizes.factors,
        dropout=sizes.dropout,
        neighbours=sizes.neighbours,
        around=sizes.around,
    )
