"""Training data: real video and photographs, cut to small clips in motion.

Every source is decoded once to 8-bit 4:2:0 at a few sizes and kept in a folder of .npy files, which training
maps into memory. A sample is a random crop of a video at one of its sizes and frame strides, played forwards
or backwards, or a photograph under a moving camera.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.media import MediaReader, Picture

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = {".mp4", ".avi", ".mkv", ".webm", ".mov", ".y4m"}
STILL_SUFFIXES = {".jpg", ".jpeg", ".png"}
HEIGHTS = (720, 480, 360, 240, 160)  # sizes kept of every source, none above its own
MAX_PIXELS = 1280 * 720
MIN_SIDE = 128


@dataclass(frozen=True)
class DataConfig:
    """What a sample looks like. Sizes in luma pixels, a multiple of 8; frames of an optimizer step, 1 + 4k."""

    crop: int = 128
    frames: int = 17
    still_share: float = 0.4
    max_stride: int = 2


def pack(y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """4:2:0 planes of even size to `[6, H/2, W/2]`: the four luma phases, U, V."""
    return np.stack([y[0::2, 0::2], y[0::2, 1::2], y[1::2, 0::2], y[1::2, 1::2], u, v])


def to_frames(packed: Tensor) -> Tensor:
    """Packed 8-bit samples `[6, …]` to the tokenizer's floats: luma − ½, and twice chroma − ½ (H.273 mid grey).

    A chroma sample stands for four pixels, so the factor two makes the squared error of the six channels
    weigh as it does in RGB (BT.601: R and B differ from Y by 1.402 and 1.772 times a chroma difference).
    """
    x = packed.float() / 255
    return torch.cat([x[:4] - 0.5, 2 * (x[4:] - 128 / 255)])


def prepare(sources: list[Path], folder: Path) -> list[Path]:
    """Decode every video and still below `sources` into `folder`; returns the files in a stable order.

    A source that cannot be read is reported and left out. What is already there is not made again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for source in sorted(p for root in sources for p in root.rglob("*")):
        kind = "video" if source.suffix.lower() in VIDEO_SUFFIXES else "still"
        if kind == "still" and source.suffix.lower() not in STILL_SUFFIXES:
            continue
        with MediaReader(source, audio=False) as reader:
            width, height = reader.video.width, reader.video.height
        sizes = [h for h in HEIGHTS if h <= height and min(h, h * width // height) >= MIN_SIDE] or [height]
        for rows in sizes:
            columns = round(width * rows / height)
            if rows * columns > MAX_PIXELS * 1.01:
                continue
            out = folder / f"{kind}-{source.stem}-{rows}.npy"
            if not out.exists():
                try:
                    _decode(source, out, columns // 2 * 2, rows // 2 * 2)
                except (ValueError, OSError) as error:
                    log.warning("left out %s: %s", source.name, error)
                    continue
            made.append(out)
    return made


def _decode(source: Path, out: Path, width: int, height: int) -> None:
    with MediaReader(source, audio=False, scale=f"{width}x{height}") as reader:
        shift = reader.video.bit_depth - 8
        frames = [
            pack(*((plane >> shift).astype(np.uint8) for plane in (item.y, item.u, item.v)))
            for item in reader.items()
            if isinstance(item, Picture)
        ]
    partial = out.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, np.stack(frames))
    partial.rename(out)


class ClipSampler:
    """Random clips from prepared files. The same generator state gives the same clips."""

    def __init__(self, files: list[Path], config: DataConfig) -> None:
        arrays = [(file, np.load(file, mmap_mode="r")) for file in files]
        self.config = config
        self.stills = [a for file, a in arrays if file.name.startswith("still-")]
        self.videos = [a for file, a in arrays if file.name.startswith("video-") and len(a) >= config.frames]
        # a long clip says less per frame than a short one: weight by the root of its length
        self.weights = torch.tensor([len(a) ** 0.5 for a in self.videos])
        if not self.videos and not self.stills:
            raise ValueError("no video of enough frames and no still to train on")

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
        video = self.videos[int(torch.multinomial(self.weights, 1, generator=g))]
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
        still = self.stills[_below(len(self.stills), g)][0]
        return camera_motion(torch.from_numpy(np.array(still)), frames, self.config.crop, g)


def _back_and_forth(times: np.ndarray, length: int) -> np.ndarray:
    """Times past the end of a clip of `length` frames, turned back into it."""
    period = max(1, 2 * (length - 1))
    return (length - 1) - np.abs((times % period) - (length - 1))


def _below(n: int, g: torch.Generator) -> int:
    return int(torch.randint(max(n, 1), (), generator=g))


def mirror(clip: Tensor) -> Tensor:
    """Left and right exchanged; the luma phases change places with the columns."""
    return clip.flip(-1)[[1, 0, 3, 2, 4, 5]]


def camera_motion(packed: Tensor, frames: int, crop: int, g: torch.Generator) -> Tensor:
    """A photograph `[6, H/2, W/2]` uint8 seen by a camera that pans, zooms and rolls; some stand still.

    Returns `[6, frames, crop/2, crop/2]`. Luma is sampled at full resolution, bilinear, so motion is sub-pixel.
    """
    half = packed.shape[1:]
    luma = F.pixel_shuffle(packed[:4].float()[None], 2)  # [1, 1, H, W]
    chroma = packed[4:].float()[None]
    size = torch.tensor([half[1] * 2.0, half[0] * 2.0])
    u = torch.rand(6, generator=g)
    pace = 0.0 if u[0] < 0.15 else float(6 * u[0] ** 2)  # pixels a frame
    angle, zoom, roll = (
        2 * torch.pi * u[1],
        (u[2] - 0.5) * 0.02 * (u[0] > 0.3),
        (u[3] - 0.5) * 0.02 * (u[0] > 0.3),
    )
    velocity = pace * torch.stack([torch.cos(angle), torch.sin(angle)])
    t = torch.arange(frames) - (frames - 1) / 2
    margin = crop / 2 + 1
    centre = margin + torch.rand(2, generator=g) * (size - 2 * margin).clamp_min(0)
    scale, turn = torch.exp(zoom * t), roll * t
    matrix = torch.stack([torch.cos(turn), -torch.sin(turn), torch.sin(turn), torch.cos(turn)], -1).reshape(-1, 2, 2)
    matrix = matrix * scale[:, None, None]
    grids = []
    for side, pitch in ((crop, 1.0), (crop // 2, 2.0)):
        axis = (torch.arange(side) + 0.5) * pitch - crop / 2
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        points = (
            torch.stack([x, y], -1).reshape(-1, 2) @ matrix.transpose(1, 2) + (centre + t[:, None] * velocity)[:, None]
        )
        grids.append((2 * points / size - 1).reshape(frames, side, side, 2))
    kwargs = {"mode": "bilinear", "padding_mode": "reflection", "align_corners": False}
    y = F.grid_sample(luma.expand(frames, -1, -1, -1), grids[0], **kwargs)
    uv = F.grid_sample(chroma.expand(frames, -1, -1, -1), grids[1], **kwargs)
    moved = torch.cat([F.pixel_unshuffle(y, 2), uv], 1)  # [T, 6, crop/2, crop/2]
    return to_frames(moved.transpose(0, 1))
