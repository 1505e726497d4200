"""What is lost of a file, in words for people: seconds, and one entry for what was lost together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from .recovery import LostGop, LostSound


@dataclass(frozen=True)
class Loss:
    """A stretch of a file that is gone, in seconds of its own time, and why.

    `frames` pictures, or, with 0, the sound of the track `track`.
    """

    start_s: float
    end_s: float
    frames: int
    reason: str
    track: int | None = None


def losses_of(tick_s: Fraction, pictures: Sequence[LostGop], sound: Sequence[LostSound]) -> tuple[Loss, ...]:
    """In order of time; pictures lost one after the other, for one reason, as one. `tick_s`: their time base."""
    losses: list[Loss] = []
    for gop in pictures:
        loss = Loss(float(gop.begin * tick_s), float(gop.end * tick_s), gop.frames, gop.reason)
        if losses and (losses[-1].end_s, losses[-1].reason) == (loss.start_s, loss.reason):
            before = losses.pop()
            loss = replace(loss, start_s=before.start_s, frames=before.frames + loss.frames)
        losses.append(loss)
    losses += [Loss(float(s.begin_s), float(s.end_s), 0, "its packets are damaged", s.track) for s in sound]
    return tuple(sorted(losses, key=lambda loss: loss.start_s))
