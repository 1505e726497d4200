"""`python -m nvcodec.train.export --run DIR --name NAME --to FOLDER`: a run's averaged weights become a model.

Example: `python -m nvcodec.train.export --run runs/tiny --name tiny --to nvcodec/weights --note "…"`

The prior is frozen to the integers it stands for. The card beside the weights says which command, configuration
and data made them; `--figures FILE` adds measured figures (the JSON of `python -m nvcodec.benchmarks.quality`).
"""

from __future__ import annotations

import argparse
import json
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


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.train.export", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--name", required=True, help="name of the model, for --model")
    parser.add_argument("--to", type=Path, required=True, help="folder to write into, over what is there")
    parser.add_argument("--note", default="", help="a line for the card")
    parser.add_argument("--figures", type=Path, help="JSON of measured figures for the card")
    arguments = parser.parse_args()
    card: dict[str, object] = {"note": arguments.note} if arguments.note else {}
    if arguments.figures:
        card["figures"] = json.loads(arguments.figures.read_text())
    model = export_run(arguments.run, arguments.name, arguments.to, card)
    print(f"{model.path}: {model.bytes} bytes, sha256 {model.sha256}")


if __name__ == "__main__":
    main()
