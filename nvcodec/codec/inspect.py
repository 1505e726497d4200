"""Where the bits of a file's pictures went: its planes are decoded, its pixels are not."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from torch import Tensor

from nvcodec.bitstream import ContainerReader, GopChunk, Limits
from nvcodec.tokenizer.motion import MOTION_DIMS

from .decode import levels_of
from .gop import GopQuality, PlaneReader
from .gop_size import grid_size
from .headers import model_of
from .reports import PlaneReport

MOTION = "motion"  # all planes of it together
KINDS = (MOTION, "significance", "sign", "refinement")  # in the order they are shown
ONE = 1 << 16  # a probability of 1


def inspect(file: BinaryIO, limits: Limits = Limits()) -> PlaneReport:
    """Read `file` front to back and say where its bits went. The errors are those of `decode`."""
    reader = ContainerReader(file, limits)
    header = reader.header
    model = model_of(header, "cpu")
    rows, columns = grid_size(header.width, header.height)
    bits_by_plane: dict[str, float] = {}
    heat = np.zeros((rows, columns))
    number = 0
    for chunk in reader.chunks():
        if isinstance(chunk, GopChunk):
            coded = np.zeros(GopQuality.of(chunk).grid((rows, columns)))
            levels_of(model, header, number, chunk, _Meter(chunk.payload, bits_by_plane, coded.reshape(-1)), limits)
            heat += _spread(coded, 2**chunk.halvings)[:rows, :columns]
            number += 1
    ordered = dict(sorted(bits_by_plane.items(), key=lambda item: _place(item[0])))
    return PlaneReport(ordered, heat)


def _spread(bits: np.ndarray, factor: int) -> np.ndarray:
    """Bits of positions, dealt to the `factor` × `factor` positions of the whole picture that each stands for."""
    return np.repeat(np.repeat(bits, factor, axis=0), factor, axis=1) / factor**2


class _Meter(PlaneReader):
    """A reader that notes what every bit costs."""

    def __init__(self, payload: bytes, bits_by_plane: dict[str, float], heat: np.ndarray) -> None:
        super().__init__(payload)
        self._bits_by_plane, self._heat = bits_by_plane, heat
        self._positions = np.zeros(0, np.int64)
        self._width = 1
        self._motion = False

    def begin(self, positions: Tensor, dims: slice) -> None:
        """The next calls are about these positions and columns of levels."""
        self._positions, self._width = positions.numpy(), dims.stop - dims.start
        self._motion = dims.stop <= MOTION_DIMS

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        """As the reader's."""
        read = super().__call__(p, bits, plane, where)
        one = p.numpy() / ONE
        cost = -np.log2(np.where(read.numpy(), one, 1 - one))
        plane = MOTION if self._motion else plane
        self._bits_by_plane[plane] = self._bits_by_plane.get(plane, 0.0) + float(cost.sum())
        np.add.at(self._heat, self._positions[where.numpy() // self._width], cost)
        return read


def _place(plane: str) -> tuple[int, int]:
    """Where a plane stands in the report: by kind, then from the most significant down."""
    kind, _, number = plane.partition(" ")
    return KINDS.index(kind), -int(number or 0)
