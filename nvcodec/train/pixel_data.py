"""A labelled set of clips as pixels: read once into one file, and drawn from as `lm_data.py` draws from tokens."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.datasets import LabelledSet, read_clip
from nvcodec.errors import NvcodecError
from nvcodec.files import temporary_path
from nvcodec.tokenizer.frames import to_frames
from nvcodec.train.labelled import evenly
from nvcodec.train.lm_data import Watch, clips_key
from nvcodec.train.processes import place, wait_for_all

UNREAD = -1  # the label of a clip that could not be read
SHIFT = 2  # samples of [H/2, W/2] that a varied clip is moved by, at most
LIGHT, SATURATION = 0.2, 0.4  # what a varied clip gains or loses of each, at most


@dataclass(frozen=True)
class PixelSet:
    """Packed 8-bit clips `[M, T, 6, H/2, W/2]` and their labels `[M]`, places in `classes`; `key` names them all."""

    classes: tuple[str, ...]
    clips: np.ndarray
    labels: np.ndarray
    key: str

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Frames `[B, 6, T, H/2, W/2]` for a tokenizer and labels `[B]` int64 of the clips at `places`."""
        chosen = places.numpy()
        packed = torch.from_numpy(self.clips[chosen]).permute(2, 0, 1, 3, 4)  # [6, B, T, H/2, W/2]
        return to_frames(packed).transpose(0, 1), torch.from_numpy(self.labels[chosen].astype(np.int64))

    def stills(self, places: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A frame of each of the clips at `places`, `[B, 6, 1, H/2, W/2]`, and their labels, as `batch` gives them."""
        chosen = places.numpy()
        times = torch.randint(self.clips.shape[1], (len(chosen),), generator=generator).numpy()
        packed = torch.from_numpy(self.clips[chosen, times]).transpose(0, 1)  # [6, B, H/2, W/2]
        return to_frames(packed).transpose(0, 1)[:, :, None], torch.from_numpy(self.labels[chosen].astype(np.int64))

    def evenly(self, most: int) -> PixelSet:
        """`most` of the clips, or all, evenly from first to last: sets are sorted by class."""
        chosen = evenly(len(self.labels), most)
        return replace(self, clips=self.clips[chosen], labels=self.labels[chosen])


def pixel_set(
    labelled: LabelledSet,
    frames: int,
    size: int,
    cache: Path,
    leave_out: Callable[[Path, str], object],
    watch: Watch | None = None,
) -> PixelSet:
    """The clips as `frames` pictures of `size` pixels a side, kept in `cache`: 1.5 bytes a pixel.

    Clips that cannot be read are told to `leave_out`, once. All processes call it; the first reads. NvcodecError for a
    set of none.
    """
    key = clips_key(labelled.clips, "pixels", frames, size)
    path = cache / f"pixels-{key[:16]}.npy"
    names = path.with_suffix(".labels.npy")
    if place()[0] == 0 and not (path.exists() and names.exists()):
        cache.mkdir(parents=True, exist_ok=True)
        _write(labelled, path, names, (frames, 6, size // 2, size // 2), leave_out, watch)
    wait_for_all()
    labels = np.load(names, allow_pickle=False)
    found = np.flatnonzero(labels != UNREAD)
    if not len(found):
        raise NvcodecError("none of the clips can be read")
    clips = np.load(path, mmap_mode="r", allow_pickle=False)
    if len(found) < len(labels):
        clips = clips[found]
    return PixelSet(labelled.classes, clips, labels[found], key)


def varied(frames: Tensor, generator: torch.Generator) -> Tensor:
    """Clips `[B, 6, T, H/2, W/2]`, each moved a little and of other light and colour, the same in all its frames.

    Nothing is mirrored or turned, for that may make another class of it.
    """
    count, rows, columns = len(frames), *frames.shape[3:]
    wide = F.pad(frames.flatten(1, 2), (SHIFT,) * 4, mode="replicate").unflatten(1, frames.shape[1:3])
    places = torch.randint(2 * SHIFT + 1, (count, 2), generator=generator).tolist()
    moved = [clip[:, :, y : y + rows, x : x + columns] for clip, (y, x) in zip(wide, places, strict=True)]
    light, saturation, hue = torch.rand(3, count, 1, 1, 1, generator=generator)
    luma, u, v = torch.stack(moved).split([4, 1, 1], 1)
    luma = luma * (1 + LIGHT * (2 * light - 1))[:, None]
    strength, angle = (1 + SATURATION * (2 * saturation - 1))[:, None], (2 * math.pi * hue)[:, None]
    cosine, sine = strength * angle.cos(), strength * angle.sin()
    return torch.cat([luma, cosine * u - sine * v, sine * u + cosine * v], 1)


def _write(
    labelled: LabelledSet,
    path: Path,
    names: Path,
    shape: tuple[int, ...],
    leave_out: Callable[[Path, str], object],
    watch: Watch | None,
) -> None:
    count, size = len(labelled.clips), 2 * shape[-1]
    labels = np.full(count, UNREAD, np.int64)
    growing, growing_names = temporary_path(path), temporary_path(names)
    try:
        clips = np.lib.format.open_memmap(growing, "w+", np.uint8, (count, *shape))
        for number, clip in enumerate(labelled.clips):
            try:
                clips[number] = read_clip(clip, shape[0], size)
                labels[number] = clip.label
            except NvcodecError as error:
                leave_out(clip.path, str(error))
            if watch is not None:
                watch(number + 1, count)
        clips.flush()
        del clips
        np.save(growing_names, labels, allow_pickle=False)
        os.replace(growing, path)
        os.replace(growing_names, names)  # last: with it the pair is whole
    finally:
        growing.unlink(missing_ok=True)
        growing_names.unlink(missing_ok=True)
