"""What commands say of a damaged file: on standard error, whatever else was asked to be quiet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .messages import count_text

if TYPE_CHECKING:
    from nvcodec.bitstream import Loss

LINES = 20  # of damage and of losses each; a badly damaged file has thousands


def print_losses(name: str, losses: Sequence[Loss], damage: Sequence[str], done: str) -> None:
    """One line for each loss, then for damage that none of them is due to. `done`: to pictures that are lost."""
    reasons = {loss.reason for loss in losses}
    for lines in ([loss_text(loss, done) for loss in losses], [text for text in damage if text not in reasons]):
        for line in lines[:LINES]:
            print(f"nvcodec: {name}: {line}", file=sys.stderr)
        if len(lines) > LINES:
            print(f"nvcodec: {name}: and {len(lines) - LINES} more", file=sys.stderr)


def loss_text(loss: Loss, done: str) -> str:
    """A loss with its times, what was done, and the reason."""
    what = count_text(loss.frames, "frame") if loss.frames else f"sound of track {loss.track}"
    done = f", {done}" if loss.frames else ""
    return f"{when_text(loss)}: {what}{done} ({loss.reason})"


def when_text(loss: Loss) -> str:
    """The times of a loss."""
    return f"lost from {loss.start_s:.3f} s to {loss.end_s:.3f} s"
