"""What a command says: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


def print_json(result: dict[str, Any] | list[Any]) -> None:
    """A result for programs."""
    print(json.dumps(result, indent=2, ensure_ascii=False))


def print_warnings(warnings: Iterable[str], quiet: bool = False) -> None:
    """One line each."""
    if not quiet:
        for warning in warnings:
            print(f"nvcodec: warning: {warning}", file=sys.stderr)


def print_summary(text: str, *, to_stderr: bool = False) -> None:
    """A result for people; on standard error where standard output carries the video."""
    print(text, file=sys.stderr if to_stderr else sys.stdout)


def one_line(text: str) -> str:
    """A text from a file, without what could move a terminal's cursor.

    >>> one_line("two\\nlines")
    'two lines'
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)


def size_text(count: int) -> str:
    """Bytes as people say them.

    >>> size_text(999), size_text(12_345), size_text(7_654_321)
    ('999 bytes', '12.3 kB', '7.65 MB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}" if count < 999.5 * unit else f"{count / unit:.0f} {name}"
    return f"{count} bytes" if count != 1 else "1 byte"


def count_text(count: int, name: str) -> str:
    """A number with its noun.

    >>> count_text(1, "frame"), count_text(75, "frame")
    ('1 frame', '75 frames')
    """
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def speed_text(frames: int, seconds: float) -> str:
    """How long it took, and frames a second where that can be said."""
    return f"{seconds:.1f} s" + (f" ({frames / seconds:.1f} frames/s)" if seconds > 0 else "")
