"""What every GOP may take, so that the whole takes what was asked for: bits a second, or bytes of the file.

GOPs know nothing of each other, so each is searched for by itself (`rate_search.py`); here is the account. What a GOP
leaves of its budget is there for those after it. GOPs that are still being coded count as if they took all of theirs.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from nvcodec.bitstream import GopChunk
from nvcodec.bitstream.checks import WORTH
from nvcodec.errors import NvcodecError
from nvcodec.media import Picture

from .coded_size import nominal
from .gop import GopQuality
from .rate_search import RUNGS, RUNGS_PER_OCTAVE, rung_of
from .raw_gop import GopBudget
from .reports import RateReport

# The rung that one bit for 36 pixels takes, on the clips of the tests; only where a search begins hangs on it.
USUAL_RUNG, USUAL_BITS_PER_PIXEL = 30 * RUNGS, 1 / 36
FIRST_FRAMES = 24  # what the first picture of a GOP weighs against those that lean on it
LEAST_SHARE = 0.25  # of its own due that a GOP gets after GOPs which took too much


class RateControl(ABC):
    """The account. `budget` is asked for GOPs in order, `coded` told of them in the same order, perhaps later."""

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels  # of one picture
        self._open: deque[GopBudget] = deque()
        self._coded: list[tuple[int, int]] = []  # frames and quality, as it is at the whole size
        self._last: tuple[float, int] | None = None  # bits per pixel of the last GOP coded, and its rung
        self.over = False  # whether a GOP took more than its budget, at the lowest quality

    def budget(self, pictures: Sequence[Picture]) -> GopBudget:
        """What the next GOP may take."""
        allowed = max(1, math.floor(self._share(pictures)))
        density, rung = self._last or (USUAL_BITS_PER_PIXEL, USUAL_RUNG)
        octaves = math.log2(8 * allowed / (self._pixels * len(pictures)) / density)
        budget = GopBudget(allowed, rung + round(octaves * RUNGS_PER_OCTAVE))
        self._open.append(budget)
        return budget

    def coded(self, gop: GopChunk) -> None:
        """The GOP whose budget has been open longest is coded. NvcodecError when it is clear that all can't fit."""
        budget, size = self._open.popleft(), len(gop.payload)
        self._coded.append((len(gop.pts), nominal(GopQuality.of(gop)).others))
        self._last = 8 * max(1, size) / (self._pixels * len(gop.pts)), rung_of(gop)
        self.over = self.over or size > budget.bytes
        self._settle(budget.bytes - size)

    def report(self, asked: int, reached: int) -> RateReport:
        """What came of it; `asked` and `reached` in bits a second or bytes."""
        return RateReport.over(asked, reached, self._coded)

    @abstractmethod
    def _share(self, pictures: Sequence[Picture]) -> float:
        """Bytes for the next GOP, taken out of the account."""

    @abstractmethod
    def _settle(self, left: int) -> None:
        """So many bytes of what a GOP was given come back; below 0 it took more."""


class BitrateControl(RateControl):
    """So many bits a second of time, of coded pictures."""

    def __init__(self, bits_per_s: int, time_base: Fraction, pixels: int) -> None:
        super().__init__(pixels)
        self._rate, self._tick = bits_per_s / 8, float(time_base)
        self._balance = 0.0

    def _share(self, pictures: Sequence[Picture]) -> float:
        due = self._rate * self._seconds(pictures)
        # No more is saved up than a GOP's worth: after a still scene the next is not to take all at once.
        self._balance = min(self._balance, due)
        share = max(LEAST_SHARE * due, due + self._balance)
        self._balance += due - share
        return share

    def _settle(self, left: int) -> None:
        self._balance += left

    def _seconds(self, pictures: Sequence[Picture]) -> float:
        spacing = pictures[-1].pts - pictures[0].pts
        last = pictures[-1].duration or spacing / max(1, len(pictures) - 1)
        seconds = (spacing + last) * self._tick
        if seconds <= 0:
            raise NvcodecError("a picture that is shown for no time has no bit rate; -q and --target-size suit it")
        return seconds


@dataclass(frozen=True)
class Extent:
    """What is known of a file before its pictures are coded: all its other bytes, and the frames of its GOPs."""

    other_bytes: int
    gop_frames: tuple[int, ...]


class SizeControl(RateControl):
    """So many bytes of file."""

    def __init__(self, target: int, extent: Extent, pixels: int) -> None:
        super().__init__(pixels)
        if target <= extent.other_bytes:
            raise NvcodecError(
                f"{target} bytes have no room for pictures: sound, headers and index alone take up to "
                f"{extent.other_bytes}; --no-audio may make room"
            )
        self._target, self._left = target, float(target - extent.other_bytes)
        self._weights = deque(FIRST_FRAMES + frames for frames in extent.gop_frames)

    def _share(self, pictures: Sequence[Picture]) -> float:
        ahead = sum(self._weights)
        if not self._weights:
            raise NvcodecError("the input has changed since it was first read")
        share = max(0.0, self._left) * self._weights.popleft() / ahead
        self._left -= math.floor(share)
        return share * WORTH / (WORTH + 1)  # the rest is for its checks

    def _settle(self, left: int) -> None:
        self._left += left
        if self._left < 0:
            self.refuse()

    def refuse(self) -> None:
        """Raises NvcodecError: the pictures are too many bytes."""
        raise NvcodecError(
            f"the pictures do not fit {self._target} bytes even at quality 1; "
            "a larger target, --scale 1/2 or --no-audio makes room"
        )
