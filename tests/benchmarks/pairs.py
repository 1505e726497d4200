"""A clip and copies of it that are worse in ways no encoder's version can change, for metrics to be held to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from nvcodec.benchmarks.clips import Prepared, prepare
from nvcodec.benchmarks.metrics import Pair
from nvcodec.benchmarks.raw import Planes, read_planes

BUNNY = Path(__file__).parents[1] / "clips" / "bunny.mp4"
FRAMES = 6

Change = Callable[[np.ndarray], np.ndarray]  # of a plane


def bunny(folder: Path, scale: str | None = None) -> Prepared:
    """The first frames, 320x180 unless scaled."""
    return prepare(BUNNY, folder, "bunny", scale, FRAMES)


def changed(clip: Prepared, change: Change) -> Pair:
    """The clip with every plane changed."""
    target = clip.yuv.with_name("changed.yuv")
    with open(target, "wb") as file:
        for planes in frames(clip):
            for plane in planes:
                file.write(change(plane).astype(np.uint8).tobytes())
    return Pair(clip, target)


def same(plane: np.ndarray) -> np.ndarray:
    return plane


def blurred(plane: np.ndarray) -> np.ndarray:
    """The mean of 3 × 3 samples, rounded down; edges are repeated."""
    padded = np.pad(plane.astype(np.int64), 1, mode="edge")
    height, width = plane.shape
    return sum(padded[y : y + height, x : x + width] for y in range(3) for x in range(3)) // 9  # type: ignore


def coarse(plane: np.ndarray) -> np.ndarray:
    """One of 16 values for each sample."""
    return plane // 16 * 16 + 8


def frames(clip: Prepared, yuv: Path | None = None) -> list[Planes]:
    return list(read_planes(yuv or clip.yuv, clip.clip.width, clip.clip.height))
