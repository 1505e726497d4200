"""Several processes that train one model: their group, the device of each, and how the model is spread over them."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.distributed as dist
from torch import Tensor, nn


def join_processes() -> None:
    """Under torchrun, join the group of its processes, over NCCL where each has a GPU; alone, do nothing."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        device = own_device()
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


def leave_processes() -> None:
    """Mirror of `join_processes`."""
    if dist.is_initialized():
        dist.destroy_process_group()


def own_device() -> torch.device:
    """The GPU of this process, by its place on its machine; the CPU where there is none."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def place() -> tuple[int, int]:
    """Rank of this process and how many there are; (0, 1) alone."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def wait_for_all() -> None:
    """Returns when every process has come here."""
    if dist.is_initialized():
        dist.barrier()


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of what each process has, in the place of `value`."""
    if dist.is_initialized():
        dist.all_reduce(value)  # Gloo knows sums alone
        value /= dist.get_world_size()
    return value


def spread(model: nn.Module, device: torch.device, blocks: list[nn.Module], *, sharded: bool) -> nn.Module:
    """`model`, which is on `device`, as all processes train it; itself where there is one.

    Whole in every process (DDP), or `sharded` (FSDP2): in place, each of `blocks` gathered when it is called, the
    rest for the whole of a pass.
    """
    if not dist.is_initialized():
        return model
    if not sharded:
        ids = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=ids, find_unused_parameters=True)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for block in blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


def gathering(model: nn.Module, *, last: bool) -> AbstractContextManager[None]:
    """Around forward and backward of a part of a step: only the `last` part's gradients go to the other processes."""
    if isinstance(model, nn.parallel.DistributedDataParallel) and not last:
        return model.no_sync()
    if hasattr(model, "set_requires_gradient_sync"):
        model.set_requires_gradient_sync(last)  # type: ignore[operator]
    return nullcontext()
