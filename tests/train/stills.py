"""Photographs made at test time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from av import VideoFrame
from av.codec import CodecContext


def picture(seed: int, height: int = 144, width: int = 160) -> np.ndarray:
    """Smooth colours with edges, `[H, W, 3]` uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    out = np.zeros((height, width, 3))
    for _ in range(6):
        centre, radius = random.uniform(0, 1, 2) * (height, width), random.uniform(10, 60)
        inside = np.hypot(y - centre[0], x - centre[1]) < radius
        out[inside] = random.uniform(0, 255, 3)
    return np.clip(out + 20 * np.sin(x / 9 + seed)[..., None] + 40, 0, 255).astype(np.uint8)


def write_still(path: Path, seed: int) -> None:
    """A PNG."""
    pixels = picture(seed)
    encoder = CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = pixels.shape[1], pixels.shape[0], "rgb24"  # type: ignore[attr-defined]
    frame = VideoFrame.from_ndarray(pixels, "rgb24")
    packets = [*encoder.encode(frame), *encoder.encode(None)]  # type: ignore[attr-defined]
    path.write_bytes(b"".join(bytes(packet) for packet in packets))
