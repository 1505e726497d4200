"""A run's averaged weights become a language model that draws."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from nvcodec.generate.model import KIND, LmDescription, LmNetwork
from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.config import from_dict, read_record
from nvcodec.train.lm_config import LmTrainConfig
from nvcodec.train.start import averaged_weights
from nvcodec.weights import InstalledModel, save_network
from nvcodec.weights.catalogue import SUFFIX, describe


def export_lm(run: Path, name: str, folder: Path, card: dict[str, object]) -> InstalledModel:
    """Write `name.safetensors` and its card into `folder` from the last checkpoint of `run`, its matrices in int8."""
    _, record = read_record(run, LmTrainConfig)
    average, steps = averaged_weights(run / CHECKPOINT)
    description = from_dict(LmDescription, record["lm"])
    network = LmNetwork(description)
    network.transformer.load_state_dict(average)
    path = folder / (name + SUFFIX)
    save_network(path, KIND, network, asdict(description), {"steps": steps, **card, "training": record}, packing="int8")
    return describe(path)
