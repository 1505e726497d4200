"""Codes in a process of its own, under settings of its own, as `test_settings.py` tells it.

Arguments: encode or decode, a folder for the payloads and everything that passed, the number of threads,
and what else to set. Prints the models it coded with.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from nvcodec import weights
from nvcodec.prior import linear
from nvcodec.prior.transformer import Prior

from .support import Tape, decoded, encoded, frozen_prior, sparse_levels

SIZE, LATENTS, COUNTS, QUALITY = (25, 27), 2, (3, 3, 2, 1, 0), 30
SHIPPED = "tiny"


def priors() -> dict[str, Prior]:
    """By name; the shipped one only if it is there."""
    found = {"lively": frozen_prior()}
    if any(model.name == SHIPPED for model in weights.installed()):
        found[SHIPPED] = weights.load(SHIPPED).prior
    return found


def write(path: Path, tape: Tape) -> None:
    names = np.array([plane for plane, _, _ in tape.calls])
    lengths = np.array([len(p) for _, p, _ in tape.calls])
    bits = np.concatenate([bits for _, _, bits in tape.calls])
    np.savez(path, names=names, lengths=lengths, p=tape.probabilities(), bits=bits)


def main(what: str, folder: str, threads: str, *settings: str) -> None:
    torch.set_num_threads(int(threads))
    if "medium" in settings:
        torch.set_float32_matmul_precision("medium")
    if "float32" in settings:
        linear.int8_is_exact = lambda: False
    for name, prior in priors().items():
        levels = sparse_levels(prior.config, COUNTS, LATENTS, SIZE)
        path = Path(folder) / f"{name}.payload"
        if what == "encode":
            tape = encoded(prior, levels, SIZE, COUNTS, QUALITY)
            path.write_bytes(tape.encoded())
        else:
            read, tape = decoded(prior, path.read_bytes(), LATENTS, SIZE, COUNTS, QUALITY)
            assert torch.equal(read, levels), f"{name}: other levels"
        write(Path(folder) / f"{name}.{what}.npz", tape)
        print(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
