"""The tables of the token-level report."""

from __future__ import annotations

from nvcodec.benchmarks.packers import PACKERS
from nvcodec.benchmarks.tokens import FileReport, TokenReport

from .table import LEFT, RIGHT, TIMES, Table

NONE = "\N{EN DASH}"


def token_tables(report: TokenReport) -> list[Table]:
    """Tokens, planes of every file, rivals."""
    tokens = [file for file in report.files if file.reading == "tokens"]
    tables = [_tokens(tokens)] if tokens else []
    return [*tables, *map(_planes, report.files), _rivals(report)]


def _tokens(files: list[FileReport]) -> Table:
    rows = []
    for file in files:
        use = file.codebook
        first, later = (file.bits_per_token_in(first=first) for first in (True, False))
        figures = (f"{file.tokens:,}", _bits(float(file.raw_bits_per_token or 0)), _bits(file.bits_per_token))
        used = ("", "", "") if use is None else (f"{use.distinct:,}", _bits(use.entropy), f"{use.perplexity:,.0f}")
        rows.append((file.source, *figures, _bits(first), _bits(later), *used))
    columns = ("file", "tokens", "raw", "coded", "first", "later", "distinct", "entropy", "perplexity")
    note = (
        "Bits per token: raw, as coded, and of that in the first latent frame of every group and in the later ones. "
        "Then how many distinct tokens occur, and the entropy of their frequencies in bits: a fixed code made for just "
        "this file could take as little, and the table that says so is not counted."
    )
    return Table("Tokens: bits each", columns, LEFT + RIGHT * 8, tuple(rows), note)


def _planes(file: FileReport) -> Table:
    rows = tuple(
        (
            plane.name,
            f"{plane.first.bits:,.0f}",
            _bits(plane.first.each),
            f"{plane.later.bits:,.0f}",
            _bits(plane.later.each),
        )
        for plane in file.planes
    )
    what = "bits per sign" if file.reading == "tokens" else "bits"
    columns = ("plane", "first, bits", "a symbol", "later, bits", "a symbol")
    return Table(f"{file.source}: {what}, plane by plane", columns, LEFT + RIGHT * 4, rows)


def _rivals(report: TokenReport) -> Table:
    rows = []
    for file in report.files:
        rows.append((file.source, "our prior", f"{file.payload_bytes:,}", f"1.00 {TIMES}", ""))
        rows += [
            (file.source, p.packer, f"{p.bytes:,}", f"{p.bytes / file.payload_bytes:.2f} {TIMES}", p.arrangement)
            for p in sorted(file.packed, key=lambda p: list(PACKERS).index(p.packer))
        ]
    note = (
        "Bytes for the same values, losslessly. The others are each at their strongest, without headers, in the "
        "arrangement that suits them best, over all groups at once. Our prior's weights come with nvcodec and are "
        "not counted."
    )
    columns = ("file", "coder", "bytes", "to ours", "arrangement")
    return Table("The same planes, packed by others", columns, "llrrl", tuple(rows), note)


def _bits(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"
