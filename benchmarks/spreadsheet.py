"""`results.csv`: a line for every file, for whoever draws their own plots."""

from __future__ import annotations

import csv
import io

from nvcodec.benchmarks.axes import metrics_of
from nvcodec.benchmarks.results import Cost, Results


def to_csv(results: Results) -> str:
    """The text. Empty cells where there is no value."""
    metrics = metrics_of(results)
    clips = {clip.name: clip for clip in results.clips}
    coders = {coder.key: coder for coder in results.coders}
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    costs = [f"{step}_{what}" for step in ("encode", "decode") for what in ("seconds", "fps", "peak_bytes")]
    of_coder = ["coder", "label", "family", "series", "tuned", "scale", "setting"]
    of_file = ["bytes", "bits_per_pixel", *metrics, *costs, "threads", "error"]
    sheet.writerow(["clip", "width", "height", "frames", *of_coder, *of_file])
    for m in results.measurements:
        clip, coder = clips[m.clip], coders[m.coder]
        row: list[object] = [clip.name, clip.width, clip.height, clip.frames, coder.key, coder.label, coder.family]
        row += [coder.series, coder.tuned, coder.scale, m.setting]
        row += [None, None] if m.error is not None else [m.bytes, m.bits_per_pixel]
        row += [m.metrics.get(metric) for metric in metrics]
        for cost in (m.encode, m.decode):
            row += _cells(cost, clip.frames)
        sheet.writerow([*row, m.encode.threads if m.encode else None, m.error])
    return out.getvalue()


def _cells(cost: Cost | None, frames: int) -> list[object]:
    if cost is None:
        return [None] * 3
    return [cost.seconds, frames / cost.seconds if cost.seconds else None, cost.peak_bytes]
