"""The long run, guided by what code is reached: `python -m tests.fuzz.fuzz container found corpus -runs=1000000`.

Needs `pip install atheris`. What follows the target's name is libFuzzer's: a folder for what it finds, first, which
must be there, then the folders it starts from, then options.
"""

from __future__ import annotations

import random
import sys
from functools import lru_cache
from importlib import import_module
from typing import Any

atheris = import_module("atheris")  # by name: no type checker is to miss it where it is not installed

# Nearly all calls, and no decision about what a file says: left out for speed.
PLAIN = ["nvcodec.bitstream.source", "nvcodec.bitstream.timing", "nvcodec.bitstream.crc"]

with atheris.instrument_imports(include=["nvcodec.bitstream", "nvcodec.prior", "nvcodec.codec.gop"], exclude=PLAIN):
    from tests.fuzz.targets import container, with_right_checksums


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """What libFuzzer makes of it, most times with right checksums."""
    data = atheris.Mutate(data, max_size)
    return with_right_checksums(data) if random.Random(seed).random() < 0.8 else data


# What the target asks for several times of one input, and where its users find it: functions of bytes alone.
PARSERS = {
    "container": ("decode_header", "decode_gop", "decode_packets", "decode_index", "encode_gop"),
    "places": ("decode_gop", "decode_index"),
    "excerpt": ("decode_packets",),
}
REMEMBERED = 64


def remembering() -> list[Any]:
    """Have every parser compute once what it is asked for again, for speed. Gives the memories, to be cleared."""
    memories: dict[str, Any] = {}
    for room, names in PARSERS.items():
        module = import_module(f"nvcodec.bitstream.{room}")
        for name in names:
            memory = memories.setdefault(name, lru_cache(REMEMBERED)(getattr(module, name)))
            setattr(module, name, memory)
    return list(memories.values())


def main() -> None:
    """Fuzz the target that is named."""
    name, *options = sys.argv[1:]
    arguments = [sys.argv[0], "-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1", *options]
    if name == "container":
        memories = remembering()

        def fresh(data: bytes) -> None:
            for memory in memories:
                memory.cache_clear()
            container(data)

        atheris.Setup(arguments, fresh, custom_mutator=mutated)
    else:
        import torch

        with atheris.instrument_imports(include=["nvcodec.prior", "nvcodec.codec.gop"]):
            from tests.fuzz.entropy import entropy

        torch.set_num_threads(1)
        atheris.Setup(arguments, entropy)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
