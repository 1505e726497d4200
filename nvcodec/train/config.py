"""A run's configuration, and the record of it that the run's folder keeps."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from nvcodec.errors import NvcodecError
from nvcodec.prior.transformer import PriorConfig
from nvcodec.tokenizer.compact import CompactConfig
from nvcodec.tokenizer.lfq import LfqConfig
from nvcodec.tokenizer.magvit2_config import Magvit2Config
from nvcodec.tokenizer.tiny import TinyConfig
from nvcodec.train.data import DataConfig
from nvcodec.train.joint import LossConfig
from nvcodec.train.loop import LoopConfig
from nvcodec.train.ms_ssim import WINDOW
from nvcodec.train.perceptual import PerceptualConfig

C = TypeVar("C", bound=LoopConfig)
CONFIG = "config.json"
STAGES = ("joint", "tokenizer", "prior")
NETWORKS = ("tiny", "magvit2", "compact")
SMALLEST_CROP = 32  # luma pixels a side, of the codec's networks: no group of positions is empty

# What a run may go on with otherwise than it began; anything else makes another run.
MAY_CHANGE = ("steps", "checkpoint_steps", "log_steps", "validation")


@dataclass(frozen=True)
class ValidationConfig:
    """How a run is measured on clips it does not learn from. `every` in steps, 0 for never; frames 1 + 4k."""

    every: int = 500
    clips: int = 8  # at most, evenly from all
    frames: int = 17  # at most, from the start of a clip
    height: int = 240  # clips higher than this are scaled down to it
    qualities: tuple[int, ...] = (20, 40, 60)


@dataclass(frozen=True)
class TrainConfig(LoopConfig):
    """A training run. Everything that decides its result, with the data's files."""

    transform_share: float = 0.1  # of the learning rate, for the linear transforms
    long_clips: tuple[int, ...] = (1, 1, 1, 2, 4)  # optimizer steps that a clip goes on for, drawn at random
    stage: str = "joint"  # what learns: both, or the tokenizer or the prior alone
    network: str = "tiny"  # or magvit2 or compact, a tokenizer alone
    tokenizer: TinyConfig = field(default_factory=TinyConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    magvit2: Magvit2Config = field(default_factory=Magvit2Config)
    compact: CompactConfig = field(default_factory=CompactConfig)
    lfq: LfqConfig = field(default_factory=LfqConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    perceptual: PerceptualConfig = field(default_factory=PerceptualConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)


def check(config: TrainConfig) -> None:
    """NvcodecError for settings that do not go together."""
    if config.stage not in STAGES or config.network not in NETWORKS:
        raise NvcodecError(f"stage is one of {', '.join(STAGES)} and network one of {', '.join(NETWORKS)}")
    if config.network != "tiny" and config.stage != "tokenizer":
        raise NvcodecError(f"{config.network} is a tokenizer without a prior: nvcodec train tokenizer trains it")
    if config.network != "tiny" and set(config.long_clips) != {1}:
        raise NvcodecError(f"{config.network} learns from whole clips: long_clips is 1")
    groups, bits = config.lfq.groups, config.compact.token_bits
    if config.network == "compact" and config.compact.quantizer == "lfq" and (groups < 1 or bits % groups):
        raise NvcodecError(f"compact.token_bits is {bits}, which does not fall into lfq.groups = {groups} equal parts")
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
    perceptual = config.perceptual
    if config.network == "tiny" and config.stage != "tokenizer" and perceptual.wanted:
        raise NvcodecError(f"the stage {config.stage} takes no [perceptual] weights: nvcodec train tokenizer does")
    if perceptual.adversarial and config.sharded:
        raise NvcodecError("perceptual.adversarial needs sharded = false: the discriminator is whole in every process")
    if perceptual.ms_ssim and config.data.crop < WINDOW:
        raise NvcodecError(f"data.crop is {config.data.crop}, but MS-SSIM takes crops from {WINDOW} pixels a side on")
    if not config.long_clips or min(config.long_clips) < 1:
        raise NvcodecError("long_clips lists numbers of steps, one at least")


def check_start(config: TrainConfig, start: Path | None) -> None:
    """NvcodecError for a new run of half a model that has nothing to `start` from."""
    if start is None and config.network == "tiny" and config.stage != "joint":
        raise NvcodecError(f"the stage {config.stage} needs --start RUN|FILE: what has learnt the other half")


def read_config(folder: Path) -> tuple[TrainConfig, dict[str, Any]]:
    """The configuration a run of tokenizer or prior was started with, and its whole record, as `read_record` has it."""
    return read_record(folder, TrainConfig)


def read_record(folder: Path, kind: type[C]) -> tuple[C, dict[str, Any]]:
    """The configuration a run was started with, of that kind, and its whole record: that, processes and data.

    NvcodecError for a folder that holds none, or one of another kind of run.
    """
    record = _record(folder)
    try:
        return from_dict(kind, record["configuration"]), record
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unknown(folder, error) from error


def stage_of(folder: Path) -> str:
    """What stage of training the run in `folder` is of. NvcodecError for a folder that holds none."""
    try:
        return str(_record(folder)["configuration"]["stage"])
    except (KeyError, TypeError) as error:
        raise _unknown(folder, error) from error


def _record(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NvcodecError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise _unknown(folder, error) from error


def _unknown(folder: Path, error: Exception) -> NvcodecError:
    return NvcodecError(f"{folder / CONFIG} is not the configuration of a run that this nvcodec knows ({error})")


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Keep a run's record; mirror of `read_config`."""
    partial = folder / (CONFIG + ".partial")
    partial.write_text(json.dumps(record, indent=1), encoding="utf-8")
    partial.replace(folder / CONFIG)


def check_same_run(folder: Path, wanted: LoopConfig, data: list[str]) -> None:
    """NvcodecError if the run in `folder` cannot go on with `wanted` and the prepared files `data`, saying why."""
    before, record = read_record(folder, type(wanted))
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


def record_of(config: LoopConfig, processes: int, data: list[str]) -> dict[str, Any]:
    """What is kept of a run."""
    return {"configuration": asdict(config), "processes": processes, "data": data}


def from_dict(kind: Any, values: dict[str, Any]) -> Any:
    """The dataclass `kind` of the table that `asdict` made of one and JSON has kept. TypeError for another's."""
    types = get_type_hints(kind)
    return kind(
        **{
            name: from_dict(types[name], value)
            if isinstance(value, dict)
            else tuple(value)
            if isinstance(value, list)
            else value
            for name, value in values.items()
        }
    )
