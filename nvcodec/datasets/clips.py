"""What a labelled set is to everyone: classes, and files that each show one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nvcodec.errors import UnsupportedInput

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class LabelledClip:
    """A video, a part of one (from `start_s` to `end_s`, in seconds) or a still; `label` counts in the classes."""

    path: Path
    label: int
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class LabelledSet:
    """The clips of one split. `classes` are those of the whole set; `missing` clips are listed but not there."""

    classes: tuple[str, ...]
    clips: tuple[LabelledClip, ...]
    missing: int = 0


def read_lines(path: Path) -> list[str]:
    """The lines of a list that belongs to a set, less empty ones; UnsupportedInput when it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnsupportedInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return [line.strip() for line in lines if line.strip()]
