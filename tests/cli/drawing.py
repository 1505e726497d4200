"""Two language models and their tokenizer, as files that commands load, and what their results hold."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from nvcodec.cli.main import app
from typer.testing import CliRunner

from nvcodec.media import MediaReader, Picture
from nvcodec.weights import FOLDER_VARIABLE, save_network
from tests.generate.models import small_network, small_tokenizer

from .support import Result

MASKED, NEXT = ("--model", "lm-small"), ("--model", "lm-small-next")


def save_models(folder: Path) -> None:
    """Untrained networks for 9 frames of 32 by 32 pixels, of the classes 3-left and 3-right."""
    tokenizer = small_tokenizer()
    sha256 = save_network(
        folder / "small-compact.safetensors", "compact", tokenizer, dataclasses.asdict(tokenizer.config), {}
    )
    for objective, name in (("masked", "lm-small"), ("next", "lm-small-next")):
        network = small_network(objective, sha256)
        save_network(folder / f"{name}.safetensors", "lm", network, dataclasses.asdict(network.description), {})


def tried(models: Path, *arguments: str | Path, cwd: Path) -> Result:
    """`nvcodec arguments…` where the models lie in the folder `models`, in this process: PyTorch comes but once."""
    with contextlib.chdir(cwd), pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(models))
        patch.setenv("COLUMNS", "100")
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="nvcodec")
    return Result(result.exit_code, result.stdout_bytes, result.stderr)


def drawn(models: Path, *arguments: str | Path, cwd: Path) -> Result:
    """The same, which must succeed."""
    result = tried(models, *arguments, cwd=cwd)
    assert result.code == 0, result.err
    return result


def lumas(path: Path) -> np.ndarray:
    """Luma of every picture of a video, `[T, H, W]`."""
    with MediaReader(path) as media:
        return np.stack([item.y for item in media.items() if isinstance(item, Picture)])
