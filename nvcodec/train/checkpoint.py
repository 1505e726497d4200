"""A run's checkpoint: one safetensors file, written whole or not at all, whichever way the model is spread.

Weights, their moving average, the optimizer's moments and the step, by names that do not depend on the number of
processes. A sharded run writes its parts through torch.distributed.checkpoint, which puts them together to the same
file, and reads of it only what each process keeps.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load as load_parts
from torch.distributed.checkpoint.state_dict_saver import save as save_parts
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from nvcodec.train.processes import place, wait_for_all
from nvcodec.weights.catalogue import read_header

CHECKPOINT = "latest.safetensors"
SHARDS = "latest.partial"  # the folder in which a sharded checkpoint grows
WHOLE = "model-00001-of-00001.safetensors"  # what torch.distributed.checkpoint puts together there
MODEL, AVERAGE, OPTIMIZER, STEP = "model.", "average.", "optimizer.", "step"
BESIDE = "beside."  # what some stages have besides


def save(
    path: Path,
    model: nn.Module,
    average: dict[str, Tensor],
    optimizer: Optimizer,
    step: int,
    beside: Mapping[str, Tensor],
) -> None:
    """Write everything needed to go on; the old checkpoint stays until the new one is whole. All processes call it.

    What a stage keeps `beside` is the same in all of them.
    """
    tensors = {MODEL + key: value for key, value in model.state_dict().items()}
    tensors |= {AVERAGE + key: value for key, value in average.items()}
    tensors |= {OPTIMIZER + key: value for key, value in moments_of(optimizer).items()}
    tensors |= {BESIDE + key: value for key, value in beside.items()}
    tensors[STEP] = torch.tensor([float(step)], dtype=torch.float64)  # put together from parts, integers are refused
    if any(isinstance(tensor, DTensor) for tensor in tensors.values()):
        _save_shards(path, tensors)
    elif place()[0] == 0:
        partial = path.with_suffix(".partial")
        save_file({key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}, partial)
        partial.replace(path)


def _save_shards(path: Path, tensors: dict[str, Tensor]) -> None:
    folder = path.parent / SHARDS
    first = place()[0] == 0
    if first:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    wait_for_all()
    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True, enable_consolidation=True)
    # a tensor without dimensions would be put together as zero
    save_parts(
        {key: value.reshape(1) if not value.dim() else value for key, value in tensors.items()}, storage_writer=writer
    )
    if first:
        (folder / WHOLE).replace(path)
        shutil.rmtree(folder)
    wait_for_all()


def load(path: Path, model: nn.Module, optimizer: Optimizer) -> tuple[dict[str, Tensor], int]:
    """Put a checkpoint into `model` and `optimizer`; gives the average and the step. Mirror of `save`."""
    state = model.state_dict()
    if any(isinstance(tensor, DTensor) for tensor in state.values()):
        tensors = _load_shards(path, state, optimizer)
    else:
        tensors = load_file(path)
    model.load_state_dict(under(tensors, MODEL))
    average = {key: value.to(state[key].device) for key, value in under(tensors, AVERAGE).items()}
    set_moments(optimizer, under(tensors, OPTIMIZER))
    return average, int(tensors[STEP])


def load_beside(path: Path) -> dict[str, Tensor]:
    """What a stage has kept beside its model."""
    return under(load_file(path), BESIDE)


def moments_of(optimizer: Optimizer) -> dict[str, Tensor]:
    """An optimizer's moments, by the number of the parameter and their own name."""
    return {
        f"{index}.{key}": value
        for index, moments in optimizer.state_dict()["state"].items()
        for key, value in moments.items()
    }


def set_moments(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Mirror of `moments_of`."""
    moments = optimizer.state_dict()
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        moments["state"].setdefault(int(index), {})[key] = value.reshape(()) if key == STEP else value
    optimizer.load_state_dict(moments)


def _load_shards(path: Path, state: dict[str, Tensor], optimizer: Optimizer) -> dict[str, Tensor]:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    tensors: dict[str, Any] = {}
    for name in read_header(path):
        if name.startswith(OPTIMIZER):
            _, index, key = name.split(".")
            tensors[name] = torch.zeros(1) if key == STEP else torch.zeros_like(parameters[int(index)]).detach()
        elif name.startswith((MODEL, AVERAGE)):
            tensors[name] = torch.zeros_like(state[name.partition(".")[2]])
    tensors[STEP] = torch.zeros(1, dtype=torch.float64)
    # of a folder with nothing else: the reader takes every file of weights there is
    load_parts(tensors, storage_reader=HuggingFaceStorageReader(str(path.parent)))
    return tensors


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
