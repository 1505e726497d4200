"""The generation report as tables of texts."""

from __future__ import annotations

from nvcodec.benchmarks.generation import GenerationReport, Row
from nvcodec.benchmarks.prediction import Predicted

from .table import LEFT, RIGHT, Table, share_text


def generation_tables(report: GenerationReport) -> list[Table]:
    """What was drawn, and what was predicted, if anything was."""
    tables = [_drawn(report)]
    if report.predicted:
        tables.append(_predicted(report))
    return tables


def _drawn(report: GenerationReport) -> Table:
    parts = len(report.rows[0].judged.parts)
    own = [f"part {number + 1}" for number in range(parts)] if parts > 1 else []
    outside = [measured.distance for measured in report.outside]
    columns = ("clips", "steps", "guidance", "Fréchet distance", *outside, "score", "as asked", *own, "seconds a clip")
    note = (
        f"{report.rows[0].judged.clips} clips a row, judged by the feature network of SHA-256 {report.features[:12]}…. "
        "Score: inception-like. As asked: clips that it judges to be of the class that was asked for"
        + (", and of each part of the class's name. " if own else ". ")
        + _outside(report)
        + f"Seconds: on {report.machine}, {_threads(report.threads)}."
    )
    rows = tuple(_row(row, bool(own)) for row in report.rows)
    return Table("Generated clips", columns, LEFT + RIGHT * (len(columns) - 1), rows, note)


def _outside(report: GenerationReport) -> str:
    """What FID and FVD are of, and what they are not good for; nothing where there are none."""
    if not report.outside:
        return ""
    of = (
        f"{measured.distance}: {measured.row:,} {measured.unit} a row, {measured.reference:,} real ones to hold them "
        f"against, by the weights of SHA-256 {measured.sha256[:12]}…. "
        for measured in report.outside
    )
    return "".join(of) + "Few make such distances too large: they compare with others of equally many alone. "


def _row(row: Row, parts: bool) -> tuple[str, ...]:
    judged = row.judged
    what = row.what if row.psnr is None else f"{row.what} ({row.psnr:.1f} dB)"
    return (
        what,
        "" if row.steps is None else str(row.steps),
        "" if row.guidance is None else f"{row.guidance:g}",
        f"{judged.frechet:.2f}",
        *(f"{distance:.1f}" for distance in judged.outside.values()),
        f"{judged.score:.1f}",
        share_text(judged.agreement),
        *(share_text(share) for share in judged.parts if parts),
        _seconds(row.seconds),
    )


def _predicted(report: GenerationReport) -> Table:
    first = report.predicted[0]
    note = (
        f"After {first.context} frames, no class told. PSNR of the predicted frames; Fréchet distance of whole clips, "
        "the real frames before the predicted ones."
    )
    rows = tuple(_prediction(row) for row in report.predicted)
    columns = ("prediction", "PSNR, dB", "Fréchet distance", "seconds a clip")
    return Table("Frame prediction", columns, LEFT + 3 * RIGHT, rows, note)


def _prediction(row: Predicted) -> tuple[str, ...]:
    return row.what, f"{row.psnr:.2f}", f"{row.frechet:.2f}", _seconds(row.seconds)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count != 1)}"
