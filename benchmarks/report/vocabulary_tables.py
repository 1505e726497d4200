"""The vocabulary report as a table and as pictures."""

from __future__ import annotations

from nvcodec.benchmarks.vocabulary import VocabularyReport, VocabularyRow

from .chart import Line, chart_svg
from .table import LEFT, RIGHT, Table, share_text

QUANTIZERS = {"lfq": "lookup-free (LFQ)", "vq": "vector (VQ)"}


def vocabulary_table(report: VocabularyReport) -> Table:
    """A row for every tokenizer."""
    columns = ("tokenizer", "quantization", "tokens", "used", "entropy, bits", "PSNR, dB", "Fréchet distance", "right")
    with_model = any(row.generation is not None for row in report.rows)
    more = ("generated: Fréchet distance", "as asked") if with_model else ()
    note = (
        f"{report.clips} test clips, {report.rows[0].tokens} tokens; real clips are {report.floor:.2f} from real ones. "
        f"Right: decoded clips whose class the feature network of SHA-256 {report.features[:12]}… still tells."
    )
    rows = tuple(_row(row, with_model) for row in report.rows)
    return Table("Vocabularies", columns + more, 2 * LEFT + RIGHT * (len(columns + more) - 2), rows, note)


def vocabulary_charts(report: VocabularyReport) -> dict[str, str]:
    """SVG pictures by name: PSNR and Fréchet distance over the bits of a token."""
    psnr = [_line(report, quantizer, "psnr", name) for quantizer, name in QUANTIZERS.items()]
    distance = [
        _line(report, quantizer, figure, f"{name}, {what}")
        for figure, what in (("reconstruction", "decoded"), ("generation", "generated"))
        for quantizer, name in QUANTIZERS.items()
    ]
    charts = {"vocabulary-psnr": ("PSNR, dB", psnr), "vocabulary-frechet": ("Fréchet distance", distance)}
    return {
        name: chart_svg(y_name, "bits of a token", y_name, [line for line in lines if line.points])
        for name, (y_name, lines) in charts.items()
    }


def _line(report: VocabularyReport, quantizer: str, figure: str, label: str) -> Line:
    found = [(row.bits, getattr(row, figure)) for row in report.rows if row.quantizer == quantizer]
    points = tuple(sorted((bits, value) for bits, value in found if value is not None))
    return Line(label, points, list(QUANTIZERS).index(quantizer), dashed=figure == "generation")


def _row(row: VocabularyRow, with_model: bool) -> tuple[str, ...]:
    more = ("", "")
    if row.generation is not None and row.generated_agreement is not None:
        more = (f"{row.generation:.2f}", share_text(row.generated_agreement))
    return (
        row.name,
        QUANTIZERS[row.quantizer],
        f"{row.vocabulary:,}",
        f"{row.used:,}",
        f"{row.entropy:.1f}",
        f"{row.psnr:.2f}",
        f"{row.reconstruction:.2f}",
        share_text(row.agreement),
        *(more if with_model else ()),
    )
