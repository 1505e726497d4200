"""One clip of the moving set: a digit's way, the digit along it, and the photograph behind."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from .backgrounds import Background

MOTIONS = ("right", "left", "up", "down", "turn", "grow")
TRIES = 3  # pieces of a photograph of which the one of most contrast is taken
BLUR = 1 / 12  # standard deviation of the photograph's blur, in widths of a clip


@dataclass(frozen=True)
class Path2d:
    """Where a digit is in every frame, `[T]` each: centre in pixels, side in pixels, and turn clockwise in radians."""

    x: np.ndarray
    y: np.ndarray
    side: np.ndarray
    angle: np.ndarray


def draw_clip(
    shape: np.ndarray, motion: str, background: Background, size: int, frames: int, random: np.random.Generator
) -> np.ndarray:
    """The digit `shape` [H, H], nearly white with a dark rim, before a photograph: `[T, S, S, 3]` uint8 RGB."""
    ground = _ground(background, size, random)
    ink, rim = masks(shape, draw_path(motion, size, frames, random), size)  # [T, S, S]
    colour = 255 * np.array(colorsys.hsv_to_rgb(random.random(), random.uniform(0, 0.25), random.uniform(0.92, 1)))
    clip = ground * (1 - 0.85 * rim[..., None])  # [T, S, S, 3]
    clip += ink[..., None] * (colour.astype(np.float32) - clip)
    return np.clip(np.rint(clip), 0, 255).astype(np.uint8)


def draw_path(motion: str, size: int, frames: int, random: np.random.Generator) -> Path2d:
    """A digit's way at constant speed; what the motion does not change stays as it is drawn for the first frame.

    Sides, distances and places are in proportion to `size`: the digit (with the paper about it) is 0.5 to 0.62 of it,
    moves by 0.3 to 0.42, turns clockwise by 100 to 160 degrees, or grows from 0.6 of its side
    by a factor of 2.1 to 2.6.
    """
    time = np.linspace(0, 1, frames)
    still = np.ones(frames)
    side, angle = random.uniform(0.5, 0.62), random.uniform(-0.2, 0.2)
    moved, turned = random.uniform(0.3, 0.42), np.deg2rad(random.uniform(100, 160))
    grown, along = random.uniform(2.1, 2.6), random.uniform(0, 1)
    across = random.uniform(0.34, 0.66, 2)
    x, y, sides, angles = across[0] * still, across[1] * still, side * still, angle * still
    # Ink is some 0.8 of a side: a digit that moves may touch the edge, and next to nothing of it goes beyond.
    line = 0.42 * side + along * (1 - 0.84 * side - moved) + moved * time
    if motion in ("right", "left"):
        x = line if motion == "right" else 1 - line
    elif motion in ("down", "up"):
        y = line if motion == "down" else 1 - line
    elif motion == "turn":
        angles = angle + turned * time
    elif motion == "grow":
        sides = side * 0.6 * (1 + (grown - 1) * time)
    else:
        raise ValueError(f"there is no motion {motion!r}")
    return Path2d(size * x, size * y, size * sides, angles)


def _ground(background: Background, size: int, random: np.random.Generator) -> np.ndarray:
    """A piece of a photograph, `[S, S, 3]` float32, perhaps mirrored, out of focus and dimmed.

    A small model on two cores learns what a photograph's details are like or what a digit is like, and clips have a
    class for the digit's sake.
    """
    from scipy.ndimage import gaussian_filter

    pieces = []
    for _ in range(TRIES):
        pixels = background.sizes[random.integers(len(background.sizes))]
        top, left = (random.integers(side - size + 1) for side in pixels.shape[:2])
        pieces.append(pixels[top : top + size, left : left + size].astype(np.float32))
    piece = max(pieces, key=lambda piece: float(piece.std()))  # there is less of empty sky
    piece = gaussian_filter(piece, (BLUR * size, BLUR * size, 0))
    return (piece[:, ::-1] if random.random() < 0.5 else piece) * np.float32(random.uniform(0.4, 0.6))


def masks(shape: np.ndarray, path: Path2d, size: int) -> tuple[np.ndarray, np.ndarray]:
    """How much ink, and how much of its dark rim, each pixel has: `[T, S, S]` float32 each."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    y, x = np.mgrid[:size, :size].astype(np.float32) + 0.5
    dx, dy = x - path.x[:, None, None], y - path.y[:, None, None]  # [T, S, S]
    cos, sin = np.cos(path.angle)[:, None, None], np.sin(path.angle)[:, None, None]
    scale = (len(shape) / path.side)[:, None, None]
    # From the picture back into the shape: y points down, so clockwise as it is seen.
    column = (cos * dx + sin * dy) * scale + (len(shape) - 1) / 2
    row = (cos * dy - sin * dx) * scale + (len(shape) - 1) / 2
    ink, rim = (
        map_coordinates(mask, [row, column], order=1, mode="constant")
        for mask in (shape, np.minimum(1, 2.5 * gaussian_filter(shape, len(shape) / 24)))
    )
    return ink, rim
