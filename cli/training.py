"""What the stages of `nvcodec train` share: settings, and the run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from nvcodec.errors import NvcodecError, OutputError


def with_settings(config: Any, settings: list[str] | None) -> Any:
    """`config` with every KEY=VALUE of `--set`. Raises typer.BadParameter for what is none."""
    from nvcodec.train.settings import with_setting

    for setting in settings or ():
        key, equals, value = setting.partition("=")
        if not equals:
            raise typer.BadParameter(f"{setting!r} is not KEY=VALUE", param_hint="--set")
        config = with_setting(config, key, value)
    return config


def check_run_folder(folder: Path, resume: bool) -> None:
    """NvcodecError where `folder` has no run to go on with, OutputError where there is one that none asked for."""
    from nvcodec.train.checkpoint import CHECKPOINT

    there = (folder / CHECKPOINT).exists()
    if resume and not there:
        raise NvcodecError(f"{folder} has no checkpoint to go on from; without --resume a new run begins")
    if there and not resume:
        raise OutputError(f"{folder} is a run already; --resume goes on with it, --run names another folder")
