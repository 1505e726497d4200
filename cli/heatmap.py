"""A picture of where the bits went."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from nvcodec.media import Colour, MediaWriter, Picture, VideoFormat

CELL = 8  # pixels a side that one position of the latent stands for

# Full-range BT.601 y, u, v of black, indigo, magenta, orange, yellow and white: brightness rises all the way.
RAMP = np.array(
    [(0, 128, 128), (45, 172, 132), (92, 150, 196), (150, 74, 188), (214, 44, 146), (255, 128, 128)],
    dtype=np.float64,
)
BT601, FULL = 6, True


def write_heatmap(path: Path, heat: np.ndarray) -> None:
    """Writes a PNG, 8 by 8 pixels for each position; the dearest position is white.

    heat: [h, w], bits a position, none negative.
    """
    y, u, v = colours(heat)
    video = VideoFormat(
        width=heat.shape[1] * CELL,
        height=heat.shape[0] * CELL,
        time_base=Fraction(1, 25),
        colour=Colour(matrix=BT601, full_range=FULL),
    )
    chroma = CELL // 2
    with MediaWriter(path, video) as out:
        out.write(Picture(0, _enlarged(y, CELL), _enlarged(u, chroma), _enlarged(v, chroma)))


def colours(heat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, u and v, each [h, w] uint8, of `heat` [h, w] on the ramp from none to the most."""
    share = heat / max(float(heat.max(initial=0)), 1e-9)
    places = np.linspace(0, 1, len(RAMP))
    y, u, v = (np.rint(np.interp(share, places, channel)).astype(np.uint8) for channel in RAMP.T)
    return y, u, v


def _enlarged(plane: np.ndarray, factor: int) -> np.ndarray:
    return plane.repeat(factor, axis=0).repeat(factor, axis=1)
