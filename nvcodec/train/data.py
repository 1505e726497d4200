"""Clips to train on: random crops of prepared videos, and prepared photographs in motion.

A sample is a random crop of a video at one of its sizes and frame strides, played forwards or backwards, or a
photograph under a moving camera, or several as a scene (`scenes.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nvcodec.tokenizer.frames import to_frames
from nvcodec.train.camera import camera_motion
from nvcodec.train.scenes import scene


@dataclass(frozen=True)
class DataConfig:
    """What a sample looks like. Sizes in luma pixels, a multiple of 8; frames of an optimizer step, 1 + 4k."""

    crop: int = 128
    frames: int = 17
    still_share: float = 0.4  # of the samples are photographs in motion; of these
    scene_share: float = 0.0  # are scenes of several
    max_stride: int = 2


@dataclass(frozen=True)
class PreparedFile:
    """A prepared file `[T, 6, H/2, W/2]` uint8. It is opened when a sample needs it, for there may be thousands."""

    path: Path
    shape: tuple[int, ...]

    @classmethod
    def of(cls, path: Path) -> PreparedFile:
        """The file `path`."""
        return cls(path, np.load(path, mmap_mode="r").shape)

    def open(self) -> np.ndarray:
        """Its samples, read from the disk as far as they are looked at."""
        return np.load(self.path, mmap_mode="r")


class ClipSampler:
    """Random clips from prepared files. The same generator state gives the same clips."""

    def __init__(self, files: list[Path], config: DataConfig) -> None:
        self.config = config
        self.stills = [PreparedFile.of(file) for file in files if file.name.startswith("still-")]
        videos = [PreparedFile.of(file) for file in files if file.name.startswith("video-")]
        self.videos = [v for v in videos if v.shape[0] >= config.frames and 2 * min(v.shape[2:]) >= config.crop]
        # a long clip says less per frame than a short one: weight by the root of its length
        self.weights = torch.tensor([video.shape[0] ** 0.5 for video in self.videos])
        if not self.videos and not self.stills:
            raise ValueError("no video of enough frames and pixels and no still to train on")

    def batch(self, size: int, frames: int, generator: torch.Generator) -> Tensor:
        """`[size, 6, frames, crop/2, crop/2]` float clips; a video too short goes back and forth."""
        return torch.stack([self._clip(frames, generator) for _ in range(size)])

    def _clip(self, frames: int, g: torch.Generator) -> Tensor:
        still = not self.videos or (self.stills and torch.rand((), generator=g) < self.config.still_share)
        clip = self._still(frames, g) if still else self._video(frames, g)
        if torch.rand((), generator=g) < 0.5:
            clip = mirror(clip)
        return clip

    def _video(self, frames: int, g: torch.Generator) -> Tensor:
        video = self.videos[int(torch.multinomial(self.weights, 1, generator=g))].open()
        side = self.config.crop // 2
        strides = min(self.config.max_stride, max(1, (len(video) - 1) // (frames - 1))) if frames > 1 else 1
        stride = _below(strides, g) + 1
        start = _below(len(video) - (frames - 1) * stride, g)
        top, left = _below(video.shape[2] - side + 1, g), _below(video.shape[3] - side + 1, g)
        times = _back_and_forth(start + stride * np.arange(frames), len(video))
        part = np.stack([video[t, :, top : top + side, left : left + side] for t in times], axis=1)
        clip = to_frames(torch.from_numpy(part))
        return clip.flip(1) if torch.rand((), generator=g) < 0.3 else clip

    def _still(self, frames: int, g: torch.Generator) -> Tensor:
        if self.config.scene_share and torch.rand((), generator=g) < self.config.scene_share:
            return scene(lambda: self._any_still(g), frames, self.config.crop, g)
        return camera_motion(self._any_still(g), frames, self.config.crop, g)

    def _any_still(self, g: torch.Generator) -> Tensor:
        return torch.from_numpy(np.array(self.stills[_below(len(self.stills), g)].open()[0]))


def _back_and_forth(times: np.ndarray, length: int) -> np.ndarray:
    """Times past the end of a clip of `length` frames, turned back into it."""
    period = max(1, 2 * (length - 1))
    return (length - 1) - np.abs((times % period) - (length - 1))


def _below(n: int, g: torch.Generator) -> int:
    return int(torch.randint(max(n, 1), (), generator=g))


def mirror(clip: Tensor) -> Tensor:
    """Left and right exchanged; the luma phases change places with the columns."""
    return clip.flip(-1)[[1, 0, 3, 2, 4, 5]]
