"""What several tests read, made once: a file that the command coded itself, and small language models."""

from __future__ import annotations

from pathlib import Path

import pytest

from .drawing import save_models
from .support import BUNNY, run_well


@pytest.fixture(scope="session")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 15 frames of the bunny, 160x90, as two GOPs, with its sound."""
    folder = tmp_path_factory.mktemp("coded")
    options = ("--duration", "0.6", "--scale", "1/2", "--gop", "9", "--quiet")
    run_well("encode", BUNNY, "bunny.mgv", *options, cwd=folder)
    return folder / "bunny.mgv"


@pytest.fixture(scope="session")
def language_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the models that `drawing.py` saves."""
    folder = tmp_path_factory.mktemp("models")
    save_models(folder)
    return folder
