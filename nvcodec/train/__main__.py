"""`python -m nvcodec.train --run DIR --data DIR… --cache DIR [--set key=value …]`: train tokenizer and prior jointly.

Example: `python -m nvcodec.train --run runs/tiny --cache runs/data --data clips/train clips/stills --set steps=8000`
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nvcodec.train.config import TrainConfig
from nvcodec.train.prepare import prepare
from nvcodec.train.processes import join_processes
from nvcodec.train.run import Run
from nvcodec.train.settings import with_setting


def main() -> None:
    """Parse the command line, prepare the data, train."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.train", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; goes on from a checkpoint there")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of videos and photographs")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the decoded clips")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for example data.crop=96")
    parser.add_argument(
        "--start", type=Path, metavar="RUN|MODEL.safetensors", help="begin with what that run or model has learnt"
    )
    arguments = parser.parse_args()
    config = TrainConfig()
    for setting in arguments.set:
        key, _, value = setting.partition("=")
        config = with_setting(config, key, value)
    join_processes()
    Run(config, arguments.run, prepare(arguments.data, arguments.cache), arguments.start).train()


if __name__ == "__main__":
    main()
