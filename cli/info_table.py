"""What `nvcodec info` draws for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from .info import FileFacts

PLANE_GROUPS = 5  # counts of planes that a latent frame has; the first latent frame may have its own


def print_facts(
    name: str, facts: FileFacts, rows: list[tuple[str, str]], bits_by_plane: dict[str, float] | None
) -> None:
    """The file's facts, then a table of its GOPs, then one of its planes where they were measured."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(name)
    width = max(len(key) for key, _ in rows)
    for key, value in rows:
        console.print(f"  {key:<{width}}  {value}")
    console.print(gop_table(facts))
    if bits_by_plane is None:
        console.print("Bits for each plane: --planes; where in the picture they went: --heatmap map.png")
    else:
        console.print(plane_table(bits_by_plane))


def gop_table(facts: FileFacts) -> Table:
    """One row a GOP."""
    table = Table("GOP", "start", "frames", "quality", "size", "planes", "bits", "bits per pixel", box=box.SIMPLE)
    for column in table.columns:
        column.justify = "right"
    for number, gop in enumerate(facts.gops):
        first, others = gop.plane_counts[:PLANE_GROUPS], gop.plane_counts[PLANE_GROUPS:]
        planes = " / ".join(" ".join(map(str, counts)) for counts in (first, others) if counts)
        table.add_row(
            str(number),
            f"{gop.start_s:.3f} s",
            str(gop.frames),
            "tokens" if facts.header.tokens else str(gop.quality),
            f"1/{2**gop.halvings}" if gop.halvings else "1",
            planes,
            f"{gop.bits:,}",
            f"{gop.bits_per_pixel:.4f}",
        )
    return table


def plane_table(bits_by_plane: dict[str, float]) -> Table:
    """One row a plane, with its share."""
    total = sum(bits_by_plane.values())
    table = Table("plane", "bits", "share", box=box.SIMPLE)
    for column in table.columns[1:]:
        column.justify = "right"
    for plane, bits in bits_by_plane.items():
        table.add_row(plane, f"{bits:,.0f}", f"{100 * bits / total:.1f} %" if total else "")
    return table
