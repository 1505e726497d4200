"""Configuration of a run of what understands: the video transformer, or the feature network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nvcodec.errors import NvcodecError
from nvcodec.train.labelled import LabelledConfig, LabelledValidationConfig

PROBE, FEATURES = "probe", "features"
PIXELS, TOKENS = "pixels", "tokens"


@dataclass(frozen=True)
class ProbeSizes:
    """What of a `ProbeConfig` neither the clips nor what is read of them decide."""

    width: int = 96
    layers: int = 2
    heads: int = 4
    expansion: int = 2
    dropout: float = 0.1


@dataclass(frozen=True)
class FeatureSizes:
    """The same of a `FeatureConfig`."""

    width: int = 32
    features: int = 64


@dataclass(frozen=True)
class ProbeTrainConfig(LabelledConfig):
    """A run that learns the classes of clips. Everything that decides its result, with the data and the tokenizer."""

    steps: int = 3000
    batch: int = 64
    learning_rate: float = 2e-3
    checkpoint_steps: int = 250
    stage: str = PROBE  # or features
    reads: str = PIXELS  # or tokens, of the stage probe
    size: int = 64  # luma pixels a side, a multiple of 16
    second_moment: float = 0.98
    weight_decay: float = 0.05
    model: ProbeSizes = field(default_factory=ProbeSizes)
    # Of the stage features: share of the steps, but for the last fifth of them, that learn from one frame of each clip,
    # at a tenth of the work: enough to tell what it shows, though not how it moves.
    still_share: float = 0.0
    features: FeatureSizes = field(default_factory=FeatureSizes)
    validation: LabelledValidationConfig = field(default_factory=lambda: LabelledValidationConfig(500, 1000))


def usual_config(stage: str, reads: str) -> ProbeTrainConfig:
    """What `nvcodec train` begins with. Of features: what made the weights in the package."""
    usual = ProbeTrainConfig(stage=stage, reads=reads)
    return replace(usual, steps=1800, still_share=0.9) if stage == FEATURES else usual


def check_probe(config: ProbeTrainConfig) -> None:
    """NvcodecError for settings that do not go together; sizes of networks are checked where those are made."""
    if config.stage not in (PROBE, FEATURES) or config.reads not in (PIXELS, TOKENS):
        raise NvcodecError(f"the stage is {PROBE} or {FEATURES}, and what a probe reads {PIXELS} or {TOKENS}")
    if config.stage == FEATURES and config.reads != PIXELS:
        raise NvcodecError("a feature network reads pixels")
    if not 0 <= config.still_share <= 1:
        raise NvcodecError(f"still_share is a share, from 0 to 1, not {config.still_share}")
    if min(config.batch, config.accumulate, config.log_steps) < 1:
        raise NvcodecError("batch, accumulate and log_steps are 1 at least")
