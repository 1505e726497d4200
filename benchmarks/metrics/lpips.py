"""LPIPS (Zhang et al. 2018) with AlexNet: the distance of what a network sees, mean over frames; less is better.

Measured only where the package `lpips` and torchvision's AlexNet lie on the machine already: the weights of such a
network are nothing to be downloaded unasked.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nvcodec.benchmarks.raw import read_planes

from nvcodec.media import Picture
from nvcodec.media.pictures import picture_to_frame

from .meter import Absent, Meter, Pair

NAMES = ("lpips",)
BACKBONE = "alexnet-owt-7be5be79.pth"  # torchvision's name of the weights of 2014, which LPIPS was trained with
SIDE = 64  # AlexNet sees nothing in smaller pictures


def meter() -> Meter | Absent:
    """Needs two packages and a file."""
    missing = [name for name in ("lpips", "torchvision") if find_spec(name) is None]
    if missing:
        return Absent(NAMES, f"the package {missing[0]} is not installed")
    if not backbone().is_file():
        return Absent(NAMES, f"AlexNet's weights are not on this machine ({backbone()}), and are never downloaded")
    try:
        _network()
    except Exception as error:  # two packages of others, each with its own ways of not fitting this PyTorch
        return Absent(NAMES, f"lpips does not work here: {error}")
    return Meter(NAMES, f"1: AlexNet, lpips {version('lpips')}", measure)


def backbone() -> Path:
    """Where torchvision keeps the file."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE


def measure(pair: Pair) -> dict[str, float]:
    """0 for equal frames; nothing for pictures too small."""
    import torch

    clip = pair.source.clip
    if min(clip.width, clip.height) < SIDE:
        return {}
    network, total = _network(), 0.0

    def seen(planes: Any) -> torch.Tensor:
        frame = picture_to_frame(Picture(0, *planes), pair.source.video, "yuv420p")
        rgb = torch.from_numpy(frame.to_ndarray(format="rgb24"))  # [H, W, 3] uint8
        return rgb.permute(2, 0, 1)[None].float() / 127.5 - 1  # [1, 3, H, W] −1…1

    both = (read_planes(path, clip.width, clip.height) for path in (pair.source.yuv, pair.decoded))
    with torch.inference_mode():
        for before, after in zip(*both, strict=True):
            total += float(network(seen(before), seen(after)))
    return {"lpips": total / clip.frames}


@cache
def _network() -> Any:
    package: Any = import_module("lpips")  # not this file, whose name it has
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the names of arguments between the two packages
        return package.LPIPS(net="alex", verbose=False).eval()
