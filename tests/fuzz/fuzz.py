"""The long run, guided by what code is reached: `python -m tests.fuzz.fuzz container found corpus -runs=1000000`.

Needs `pip install atheris`. What follows the target's name is libFuzzer's: a folder for what it finds, first, which
must be there, then the folders it starts from, then options.
"""

from __future__ import annotations

import random
import sys
from importlib import import_module

atheris = import_module("atheris")  # by name: no type checker is to miss it where it is not installed

with atheris.instrument_imports(include=["nvcodec.bitstream", "nvcodec.prior", "nvcodec.codec.gop"]):
    from tests.fuzz.targets import container, with_right_checksums


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """What libFuzzer makes of it, most times with right checksums."""
    data = atheris.Mutate(data, max_size)
    return with_right_checksums(data) if random.Random(seed).random() < 0.8 else data


def main() -> None:
    """Fuzz the target that is named."""
    name, *options = sys.argv[1:]
    arguments = [sys.argv[0], "-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1", *options]
    if name == "container":
        atheris.Setup(arguments, container, custom_mutator=mutated)
    else:
        import torch

        with atheris.instrument_imports(include=["nvcodec.bitstream", "nvcodec.prior", "nvcodec.codec.gop"]):
            from tests.fuzz.entropy import entropy

        torch.set_num_threads(1)
        atheris.Setup(arguments, entropy)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
