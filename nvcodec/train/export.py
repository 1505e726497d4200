"""A run's averaged weights become a model: the prior is frozen to the integers it stands for.

The card beside the weights says which configuration and data made them.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path

from nvcodec.errors import NvcodecError
from nvcodec.prior.transformer import Prior
from nvcodec.tokenizer.compact import CompactTokenizer
from nvcodec.tokenizer.tiny import TinyTokenizer
from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.config import read_config, stage_of
from nvcodec.train.lm_config import STAGE
from nvcodec.train.lm_export import export_lm
from nvcodec.train.probe_config import FEATURES, PROBE
from nvcodec.train.probe_export import export_probe
from nvcodec.train.start import averaged_weights
from nvcodec.weights import InstalledModel, export, save_network
from nvcodec.weights.catalogue import SUFFIX, describe

LISTED = 1000  # names of prepared files that a card lists one by one


def export_run(run: Path, name: str, folder: Path, card: dict[str, object]) -> InstalledModel:
    """Write `name.safetensors` and its card into `folder` from the last checkpoint of `run`."""
    if stage_of(run) == STAGE:
        return export_lm(run, name, folder, card)
    if stage_of(run) in (PROBE, FEATURES):
        return export_probe(run, name, folder, card)
    config, record = read_config(run)
    record["data"] = _listed(record["data"])
    if config.network == "magvit2":
        raise NvcodecError(f"{run} trained {config.network}, which nothing reads: nothing to export")
    average, steps = averaged_weights(run / CHECKPOINT)
    if config.network == "compact":
        compact = CompactTokenizer(config.compact)
        compact.load_state_dict({key.removeprefix("tokenizer."): value for key, value in average.items()})
        path = folder / (name + SUFFIX)
        save_network(path, "compact", compact, asdict(config.compact), {"steps": steps, **card, "training": record})
        return describe(path)
    tokenizer, prior = TinyTokenizer(config.tokenizer), Prior(config.prior)
    for prefix, module in (("tokenizer.", tokenizer), ("prior.", prior)):
        module.load_state_dict({k.removeprefix(prefix): v for k, v in average.items() if k.startswith(prefix)})
    prior.freeze()
    return export(folder, name, tokenizer, prior, record, {"steps": steps, **card})


def _listed(names: list[str]) -> list[str]:
    """The names of prepared files for a card, which is to stay readable: of very many their number and one hash."""
    if len(names) <= LISTED:
        return names
    return [f"{len(names)} prepared files, names {hashlib.sha256(' '.join(names).encode()).hexdigest()[:16]}"]
