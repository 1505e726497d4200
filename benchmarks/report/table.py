"""A table of texts, as a terminal, Markdown and the page need it, and the figures' way to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MINUS = "\N{MINUS SIGN}"  # a hyphen is too short to be seen beside a figure
TIMES = "\N{MULTIPLICATION SIGN}"
LEFT, RIGHT = "l", "r"


@dataclass(frozen=True)
class Table:
    """`align` has LEFT or RIGHT for every column; `note` is what a reader must know of the whole."""

    title: str
    columns: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def markdown(table: Table, level: int = 3) -> str:
    """The table with its title as a heading."""
    rule = ["---:" if side == RIGHT else "---" for side in table.align]
    lines = [_line(table.columns), _line(rule), *(_line(row) for row in table.rows)]
    parts = [f"{'#' * level} {table.title}", "\n".join(lines)]
    if table.note:
        parts.insert(1, table.note)
    return "\n\n".join(parts) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def signed(value: float, digits: int = 1) -> str:
    """With its sign, but none for what rounds to nothing."""
    text = f"{value:+.{digits}f}".replace("-", MINUS)
    return text[1:] if not float(f"{value:.{digits}f}") else text


def rate_text(bits_per_pixel: float) -> str:
    """Bits per pixel to three figures, as a plain decimal."""
    digits = 4
    while digits < 8 and bits_per_pixel and bits_per_pixel * 10**digits < 100:
        digits += 1
    return f"{bits_per_pixel:.{digits}f}"


def share_text(share: float) -> str:
    """A share as a percentage."""
    return f"{100 * share:.0f} %"


def span(low: str, high: str) -> str:
    """From low to high."""
    return f"{low}\N{EN DASH}{high}"
