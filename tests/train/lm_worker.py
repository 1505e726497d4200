"""Clips of tokens to learn, and another process that learns them: `trained` is one of several, `killed` dies."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from nvcodec.train.labelled import LabelledValidationConfig
from nvcodec.train.lm_config import LmSizes, LmTrainConfig
from nvcodec.train.lm_data import TokenSet
from nvcodec.train.lm_run import LmRun
from nvcodec.train.processes import join_processes
from nvcodec.train.settings import with_setting

TOKENIZER = "0" * 64
SMALL = LmTrainConfig(
    steps=12,
    batch=2,
    warmup=2,
    checkpoint_steps=4,
    log_steps=3,
    bfloat16=False,
    frames=5,
    size=24,
    still_share=0.5,
    muon=1.0,
    model=LmSizes(width=32, layers=2, heads=2, neighbours=True),
    validation=LabelledValidationConfig(every=0),
)


def some_clips(count: int = 8, key: str = "some") -> TokenSet:
    """Clips of two classes, each its own noise."""
    drawn = np.random.default_rng(len(key))
    tokens = drawn.integers(0, 1 << 18, (count, 2, 3, 3)).astype(np.uint32)
    return TokenSet(("zero", "one"), tokens, np.arange(count) % 2, key)


def begun(config: LmTrainConfig, folder: Path, clips: TokenSet | None = None, start: Path | None = None) -> LmRun:
    """A run on some clips, measured on some others."""
    held_out = some_clips(4, "others")
    return LmRun(config, folder, clips or some_clips(), held_out, TOKENIZER, 18, start, torch.device("cpu"))


def trained(folder: str, *settings: str) -> None:
    """Train as SMALL but for `settings` KEY=VALUE, one of several processes."""
    join_processes()
    config = SMALL
    for setting in settings:
        config = with_setting(config, *setting.split("="))
    begun(config, Path(folder)).train()
    dist.destroy_process_group()


def killed(folder: str, step: str) -> None:
    """Train as SMALL, and be killed right after that step."""

    def watch(done: int) -> None:
        if done == int(step):
            os.kill(os.getpid(), signal.SIGKILL)

    begun(SMALL, Path(folder)).train(watch)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"trained": trained, "killed": killed}[sys.argv[1]](*sys.argv[2:])
