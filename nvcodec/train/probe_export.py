"""A run's averaged weights become a probe, or a feature network."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.config import from_dict, read_record
from nvcodec.train.probe import TEST
from nvcodec.train.probe_config import FEATURES, ProbeTrainConfig
from nvcodec.train.start import averaged_weights
from nvcodec.understand.feature_network import FeatureConfig, FeatureNetwork
from nvcodec.understand.video_transformer import ProbeConfig, VideoTransformer
from nvcodec.weights import InstalledModel, save_network
from nvcodec.weights.catalogue import SUFFIX, describe


def export_probe(run: Path, name: str, folder: Path, card: dict[str, object]) -> InstalledModel:
    """Write `name.safetensors` and its card into `folder` from the last checkpoint of `run`.

    The card has the accuracy on the test split, if the run is through and its set has one.
    """
    config, record = read_record(run, ProbeTrainConfig)
    average, steps = averaged_weights(run / CHECKPOINT)
    described = from_dict(FeatureConfig if config.stage == FEATURES else ProbeConfig, record["network"])
    network = FeatureNetwork(described) if isinstance(described, FeatureConfig) else VideoTransformer(described)
    network.load_state_dict(average)
    measured = {"test": json.loads((run / TEST).read_text(encoding="utf-8"))} if (run / TEST).is_file() else {}
    path = folder / (name + SUFFIX)
    whole = {"steps": steps, **measured, **card, "training": record}
    packing = "int8" if config.stage == FEATURES else "float16"  # what measures is shipped, and judges no worse for it
    save_network(path, config.stage, network, asdict(described), whole, packing=packing)
    return describe(path)
