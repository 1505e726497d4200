"""The picture of where the bits went."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from nvcodec.cli.heatmap import CELL, colours, write_heatmap


def luma_of(path: Path) -> np.ndarray:
    """[h, w], 0 … 255, of a PNG as FFmpeg shows it."""
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="gray")


def test_every_position_becomes_eight_by_eight_pixels_and_the_dearest_is_white(tmp_path: Path) -> None:
    heat = np.arange(15, dtype=np.float64).reshape(3, 5)
    write_heatmap(tmp_path / "bits.png", heat)
    luma = luma_of(tmp_path / "bits.png").astype(int)
    assert luma.shape == (3 * CELL, 5 * CELL) and CELL == 8
    centres = luma[CELL // 2 :: CELL, CELL // 2 :: CELL]
    assert (np.diff(centres.ravel()) > 0).all(), "brighter is more"
    assert centres[0, 0] <= 3 and centres[-1, -1] >= 252
    assert [path.name for path in tmp_path.iterdir()] == ["bits.png"]


def test_no_bits_at_all_are_black(tmp_path: Path) -> None:
    write_heatmap(tmp_path / "bits.png", np.zeros((2, 2)))
    assert luma_of(tmp_path / "bits.png").max() <= 3


def test_colours_depend_on_shares_and_not_on_amounts() -> None:
    heat = np.array([[0.0, 1.0], [2.0, 4.0]])
    for one, two in zip(colours(heat), colours(1000 * heat), strict=True):
        np.testing.assert_array_equal(one, two)
