"""A run's averaged weights become a model: the prior is frozen to the integers it stands for.

The card beside the weights says which configuration and data made them.
"""

from __future__ import annotations

from pathlib import Path

from nvcodec.errors import NvcodecError
from nvcodec.prior.transformer import Prior
from nvcodec.tokenizer.tiny import TinyTokenizer
from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.config import read_config
from nvcodec.train.start import averaged_weights
from nvcodec.weights import InstalledModel, export


def export_run(run: Path, name: str, folder: Path, card: dict[str, object]) -> InstalledModel:
    """Write `name.safetensors` and its card into `folder` from the last checkpoint of `run`."""
    config, record = read_config(run)
    if config.network != "tiny":
        raise NvcodecError(f"{run} trained {config.network}, which has no prior and codes no files: nothing to export")
    average, steps = averaged_weights(run / CHECKPOINT)
    tokenizer, prior = TinyTokenizer(config.tokenizer), Prior(config.prior)
    for prefix, module in (("tokenizer.", tokenizer), ("prior.", prior)):
        module.load_state_dict({k.removeprefix(prefix): v for k, v in average.items() if k.startswith(prefix)})
    prior.freeze()
    return export(folder, name, tokenizer, prior, record, {"steps": steps, **card})
