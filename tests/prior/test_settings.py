"""What is encoded under one setting of the machine decodes under every other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
CAPABILITIES = ("DEFAULT", "AVX2", "AVX512")  # as PyTorch names them, each more than the one before
# PyTorch's own loops, oneDNN and MKL, each kept from what the processor has beyond
LIMITS = {
    "SSE4.1": ("default", "SSE41", "SSE4_2"),
    "AVX2": ("avx2", "AVX2", "AVX2"),
    "AVX-512": ("avx512", "AVX512_CORE", "AVX512"),
}
NEEDS = {"SSE4.1": "DEFAULT", "AVX2": "AVX2", "AVX-512": "AVX512"}


def work(what: str, folder: Path, threads: int, *settings: str, limit: str | None = None) -> list[str]:
    """The names of the models coded with."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), *filter(None, sys.path)]))
    environment["OMP_WAIT_POLICY"] = "passive"  # waiting threads leave a busy machine to others
    if limit is not None:
        keys = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
        environment |= dict(zip(keys, LIMITS[limit], strict=True))
    command = [sys.executable, "-m", "tests.prior.worker", what, str(folder), str(threads), *settings]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of payloads, written with one thread and whatever the processor has."""
    folder = tmp_path_factory.mktemp("encoded")
    assert "lively" in work("encode", folder, 1)
    return folder


def assert_decodes(
    encoded: Path, folder: Path, threads: int, *settings: str, limit: str | None = None
) -> None:
    for payload in encoded.glob("*.payload"):
        shutil.copy(payload, folder)
    names = work("decode", folder, threads, *settings, limit=limit)
    assert sorted(names) == sorted(path.stem for path in encoded.glob("*.payload"))
    for name in names:
        there, here = np.load(encoded / f"{name}.encode.npz"), np.load(folder / f"{name}.decode.npz")
        for kind in ("names", "lengths", "p", "bits"):
            np.testing.assert_array_equal(here[kind], there[kind], err_msg=f"{name}: {kind}")


def test_two_threads_decode_what_one_encoded(encoded: Path, tmp_path: Path) -> None:
    assert_decodes(encoded, tmp_path, 2)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_processor_of_fewer_instructions_decodes_the_same(
    encoded: Path, tmp_path: Path, limit: str
) -> None:
    here = torch.backends.cpu.get_cpu_capability()
    if here not in CAPABILITIES:
        pytest.skip(f"instruction sets of x86 cannot be chosen on a processor of {here}")
    if CAPABILITIES.index(here) < CAPABILITIES.index(NEEDS[limit]):
        pytest.skip(f"this processor has no {limit}")
    assert_decodes(encoded, tmp_path, 1, limit=limit)


@pytest.mark.parametrize("settings", [("float32",), ("float32", "medium")])
def test_float32_products_of_any_precision_decode_what_int8_encoded(
    encoded: Path, tmp_path: Path, settings: tuple[str, ...]
) -> None:
    assert_decodes(encoded, tmp_path, 1, *settings)
