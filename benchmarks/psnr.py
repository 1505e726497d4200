"""PSNR as the tables here mean it: of RGB, over all frames of a clip together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from nvcodec.media import MediaReader, Picture, VideoFormat
from nvcodec.media.pictures import picture_to_frame

PEAK = 255


def pictures(
    source: str | Path, frames: int | None = None, scale: str = "1"
) -> Iterator[tuple[Picture, VideoFormat]]:
    """Up to `frames` pictures of a clip, each with the clip's format."""
    with MediaReader(source, audio=False, scale=scale) as media:
        for item in media.items():
            if isinstance(item, Picture):
                if frames is not None and frames <= 0:
                    return
                frames = None if frames is None else frames - 1
                yield item, media.video


def to_rgb(picture: Picture, video: VideoFormat) -> np.ndarray:
    """`[H, W, 3]` uint8, converted by FFmpeg's swscale."""
    return picture_to_frame(picture, video, "yuv420p").to_ndarray(format="rgb24")


def rgb_psnr(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """10 log₁₀(255² / mean squared error over all samples of all pairs), in dB; infinite for equal pictures."""
    error, samples = 0.0, 0
    for before, after in pairs:
        difference = before.astype(np.int32) - after
        error += float((difference * difference).sum())
        samples += difference.size
    return 10 * math.log10(PEAK**2 * samples / error) if error else math.inf
