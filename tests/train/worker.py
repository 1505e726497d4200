"""Another process that trains: `rank` and `trained` are one of several, `killed` dies at a step."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch.distributed.tensor import DTensor

from nvcodec.train.config import read_config
from nvcodec.train.joint import Draw
from nvcodec.train.networks import JointModel
from nvcodec.train.perceptual import Perception, PerceptualConfig
from nvcodec.train.processes import gathering, join_processes, spread
from nvcodec.train.run import Run

CHOICE = Draw(quality=40, first_quality=40, dropped=0, missing=False, still=True)


def one_of_several(run: str, way: str, clips: str, out: str) -> None:
    """The gradient that all ranks agree on, each having seen one clip, the model `whole` or `sharded`; rank 0 writes.

    The gradients of the same clips, taken in two parts of which the first is kept back, must come to the same.
    """
    join_processes()
    rank = dist.get_rank()
    config, _ = read_config(Path(run))
    torch.manual_seed(config.seed)
    model = JointModel(config)
    parallel = spread(model, torch.device("cpu"), model.blocks(), sharded=way == "sharded")
    clip = load_file(clips)["clips"][rank : rank + 1]
    gradients = []
    for parts in (1, 2):
        model.zero_grad()
        for part in range(parts):
            with gathering(parallel, last=part + 1 == parts):
                (parallel(clip, CHOICE, torch.Generator().manual_seed(5), None, 0).loss / parts).backward()
        gradients.append({name: whole(p.grad) for name, p in model.named_parameters() if p.grad is not None})
    for name, gradient in gradients[0].items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-6, atol=1e-6 * scale)
    if way == "whole":
        gradients[0] |= judged(clip)
    if rank == 0:
        save_file(gradients[0], out)
    dist.destroy_process_group()


def judged(clips: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a discriminator learns of `clips`, one after the other, and of their mirror images as if they were drawn."""
    torch.manual_seed(7)
    judge = Perception(PerceptualConfig(adversarial=1.0, lecam=0.5, width=4), torch.device("cpu"), bfloat16=False)
    judge.averages.copy_(torch.tensor([0.3, -0.2]))
    judge.begin()
    for index, clip in enumerate(clips.split(1)):
        judge.learn(clip, clip.flip(-1), last=index + 1 == len(clips), share=1 / len(clips))
    learnt = {f"judge.{name}": p.grad.clone() for name, p in judge.network.named_parameters() if p.grad is not None}
    judge.descend(0.0, clip_norm=5.0)
    return learnt | {"judge.averages": judge.averages}


def whole(gradient: torch.Tensor) -> torch.Tensor:
    return (gradient.full_tensor() if isinstance(gradient, DTensor) else gradient).clone()


def trained(like: str, folder: str, stop: str, *files: str) -> None:
    """Train as `like` was trained, one of several processes, until a step at which all stop, measured on one file."""
    join_processes()
    config, _ = read_config(Path(like))
    run = Run(config, Path(folder), [Path(file) for file in files], validation=[Path(files[-1])])
    run.config = dataclasses.replace(config, steps=int(stop))
    run.train()
    dist.destroy_process_group()


def killed(like: str, folder: str, step: str, *files: str) -> None:
    """Train as the run `like` was trained, and be killed right after that step."""

    def watch(done: int) -> None:
        if done == int(step):
            os.kill(os.getpid(), signal.SIGKILL)

    config, _ = read_config(Path(like))
    Run(config, Path(folder), [Path(file) for file in files]).train(watch)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"rank": one_of_several, "trained": trained, "killed": killed}[sys.argv[1]](*sys.argv[2:])
