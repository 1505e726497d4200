"""Times of pictures: fill the missing ones, and keep them strictly increasing."""

from __future__ import annotations

from fractions import Fraction


class PictureClock:
    """Gives every picture of a stream a presentation time, strictly later than the one before.

    A picture without a time is put where the frame rate expects it; one that is not later than its
    predecessor is moved one tick behind it. Times that are sound are returned untouched.

    >>> clock = PictureClock(time_base=Fraction(1, 1000), frame_rate=Fraction(30))
    >>> [clock.place(pts) for pts in (0, 33, None, 100, 100)]
    [0, 33, 66, 100, 101]
    >>> clock.repaired
    2
    """

    def __init__(self, time_base: Fraction, frame_rate: Fraction | None, first: int = 0) -> None:
        self._step = 1 / ((frame_rate or Fraction(25)) * time_base)  # ticks from picture to picture
        self._anchor = first  # the last time that the file itself gave
        self._since_anchor = 0  # pictures placed after it
        self._last: int | None = None
        self.repaired = 0

    def place(self, pts: int | None) -> int:
        """Time of the next picture, in ticks of the time base; `pts` is what the file says."""
        if pts is None:
            self.repaired += 1
            time = self._anchor + int(self._since_anchor * self._step)
        else:
            time = self._anchor = pts
            self._since_anchor = 0
        if self._last is not None and time <= self._last:
            self.repaired += pts is not None
            time = self._last + 1
        self._since_anchor += 1
        self._last = time
        return time
