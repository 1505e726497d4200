"""A run's configuration, and the record of it that the run's folder keeps."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from nvcodec.errors import NvcodecError
from nvcodec.prior.transformer import PriorConfig
from nvcodec.tokenizer.lfq import LfqConfig
from nvcodec.tokenizer.magvit2_config import Magvit2Config
from nvcodec.tokenizer.tiny import TinyConfig
from nvcodec.train.data import DataConfig
from nvcodec.train.joint import LossConfig

CONFIG = "config.json"
STAGES = ("joint", "tokenizer", "prior")
NETWORKS = ("tiny", "magvit2")
SMALLEST_CROP = 32  # luma pixels a side, of the codec's networks: no group of positions is empty

# What a run may go on with otherwise than it began; anything else makes another run.
MAY_CHANGE = ("steps", "checkpoint_steps", "log_steps", "validation")


@dataclass(frozen=True)
class ValidationConfig:
    """How a run is measured on clips it does not learn from. `every` in steps, 0 for never; frames 1 + 4k."""

    every: int = 500
    clips: int = 8  # at most, the first of those given
    frames: int = 17  # at most, from the start of a clip
    height: int = 240  # clips higher than this are scaled down to it
    qualities: tuple[int, ...] = (20, 40, 60)


@dataclass(frozen=True)
class TrainConfig:
    """A training run. Everything that decides its result, with the data's files."""

    steps: int = 8000
    batch: int = 8  # clips a process, at once
    accumulate: int = 1  # such batches to an optimizer step
    learning_rate: float = 1e-3
    transform_share: float = 0.1  # of that rate, for the linear transforms
    warmup: int = 200
    final_rate: float = 0.02  # share of the learning rate left at the end of the cosine
    clip_norm: float = 5.0
    norm_limit: float = 20000.0  # a step with a larger gradient, or none that is a number, is left out
    average: float = 0.998  # decay of the moving average of the weights, which is what is exported
    seed: int = 1
    checkpoint_steps: int = 150
    log_steps: int = 10
    bfloat16: bool = True
    sharded: bool = False  # over the processes (FSDP2), instead of whole in each (DDP)
    long_clips: tuple[int, ...] = (1, 1, 1, 2, 4)  # optimizer steps that a clip goes on for, drawn at random
    stage: str = "joint"  # what learns: both, or the tokenizer or the prior alone
    network: str = "tiny"  # or magvit2, a tokenizer alone
    tokenizer: TinyConfig = field(default_factory=TinyConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    magvit2: Magvit2Config = field(default_factory=Magvit2Config)
    lfq: LfqConfig = field(default_factory=LfqConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)


def check(config: TrainConfig) -> None:
    """NvcodecError for settings that do not go together."""
    if config.stage not in STAGES or config.network not in NETWORKS:
        raise NvcodecError(f"stage is one of {', '.join(STAGES)} and network one of {', '.join(NETWORKS)}")
    if config.network == "magvit2" and config.stage != "tokenizer":
        raise NvcodecError("magvit2 is a tokenizer without a prior: nvcodec train tokenizer trains it")
    if config.network == "magvit2" and set(config.long_clips) != {1}:
        raise NvcodecError("magvit2 learns from whole clips: long_clips is 1")
    if config.network == "tiny" and config.tokenizer.latent_dims != config.prior.latent_dims:
        raise NvcodecError(
            f"the tokenizer has {config.tokenizer.latent_dims} latent dimensions, the prior {config.prior.latent_dims}"
        )
    counts = {"batch": config.batch, "accumulate": config.accumulate, "log_steps": config.log_steps}
    for name, count in counts.items():
        if count < 1:
            raise NvcodecError(f"{name} is {count}, but there must be one at least")
    for name, frames in (("data.frames", config.data.frames), ("validation.frames", config.validation.frames)):
        if frames < 1 or frames % 4 != 1:
            raise NvcodecError(f"{name} is {frames}, but clips have 1 + 4k frames")
    smallest = SMALLEST_CROP if config.network == "tiny" else 8
    if config.data.crop < smallest or config.data.crop % 8:
        raise NvcodecError(f"data.crop is {config.data.crop}, not a multiple of 8 from {smallest} on")
    if not config.long_clips or min(config.long_clips) < 1:
        raise NvcodecError("long_clips lists numbers of steps, one at least")


def check_start(config: TrainConfig, start: Path | None) -> None:
    """NvcodecError for a new run of half a model that has nothing to `start` from."""
    if start is None and config.network == "tiny" and config.stage != "joint":
        raise NvcodecError(f"the stage {config.stage} needs --start RUN|FILE: what has learnt the other half")


def read_config(folder: Path) -> tuple[TrainConfig, dict[str, Any]]:
    """The configuration a run was started with, and its whole record: configuration, processes and data.

    NvcodecError for a folder that holds none, or one of another kind of run.
    """
    path = folder / CONFIG
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return _from_dict(TrainConfig, record["configuration"]), record
    except OSError as error:
        raise NvcodecError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NvcodecError(f"{path} is not the configuration of a run that this nvcodec knows ({error})") from error


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Keep a run's record; mirror of `read_config`."""
    partial = folder / (CONFIG + ".partial")
    partial.write_text(json.dumps(record, indent=1), encoding="utf-8")
    partial.replace(folder / CONFIG)


def check_same_run(folder: Path, wanted: TrainConfig, data: list[str]) -> None:
    """NvcodecError if the run in `folder` cannot go on with `wanted` and the prepared files `data`, saying why."""
    before, record = read_config(folder)
    old, new = _settings(before), _settings(wanted)
    changed = [
        f"{name} was {old[name]!r} and is {new[name]!r}"
        for name in new
        if new[name] != old[name] and name.partition(".")[0] not in MAY_CHANGE
    ]
    if changed:
        raise NvcodecError(f"{folder} is another run ({'; '.join(changed)}): --run and --start begin a new one from it")
    if record["data"] != data:
        gone, come = (len(set(a) - set(b)) for a, b in ((record["data"], data), (data, record["data"])))
        raise NvcodecError(
            f"{folder} learns from other data ({gone} prepared files are gone, {come} are new): "
            "--run and --start begin a new run from it"
        )


def _settings(config: Any, prefix: str = "") -> dict[str, Any]:
    """Every setting by its name, as `--set` has it."""
    found: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        name = prefix + item.name
        found |= _settings(value, name + ".") if dataclasses.is_dataclass(value) else {name: value}
    return found


def record_of(config: TrainConfig, processes: int, data: list[str]) -> dict[str, Any]:
    """What is kept of a run."""
    return {"configuration": asdict(config), "processes": processes, "data": data}


def _from_dict(kind: Any, values: dict[str, Any]) -> Any:
    types = get_type_hints(kind)
    return kind(
        **{
            name: _from_dict(types[name], value)
            if isinstance(value, dict)
            else tuple(value)
            if isinstance(value, list)
            else value
            for name, value in values.items()
        }
    )
