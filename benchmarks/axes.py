"""What the names of metrics mean on an axis: label, unit, direction, and for which the rivals are tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nvcodec.benchmarks.results import OURS, Coder, Results

PSNR, EYES = "psnr", "eyes"  # as in Coder.tuned


@dataclass(frozen=True)
class Axis:
    """A metric as readers see it. `digits` behind the point tell apart what eyes may tell apart."""

    metric: str
    label: str
    unit: str = ""
    digits: int = 2
    higher_is_better: bool = True
    tuned: str = PSNR

    def text(self, value: float) -> str:
        """The value with its unit."""
        return f"{value:.{self.digits}f}{self.unit and ' '}{self.unit}"


_KNOWN = {
    axis.metric: axis
    for axis in (
        Axis("psnr_y", "PSNR Y", "dB"),
        Axis("psnr_u", "PSNR U", "dB"),
        Axis("psnr_v", "PSNR V", "dB"),
        Axis("psnr_611", "PSNR 6:1:1", "dB"),
        Axis("xpsnr", "XPSNR", "dB"),
        Axis("ssim", "SSIM", digits=4),
        Axis("ms_ssim", "MS-SSIM", digits=4),
        Axis("vmaf", "VMAF", digits=1, tuned=EYES),
        Axis("vmaf_neg", "VMAF-NEG", digits=1, tuned=EYES),
        Axis("ssimulacra2", "SSIMULACRA2", digits=1, tuned=EYES),
        Axis("lpips", "LPIPS", digits=4, higher_is_better=False, tuned=EYES),
    )
}


def axis_of(metric: str) -> Axis:
    """The axis of a metric; of one not known here, its name as it stands."""
    return _KNOWN.get(metric.lower().replace("-", "_"), Axis(metric, metric, digits=3))


def metrics_of(results: Results) -> tuple[str, ...]:
    """Every metric some file has: those known in their usual order, then others by name."""
    found = {metric for m in results.measurements for metric in m.metrics}
    order = list(_KNOWN)
    keys = {metric: metric.lower().replace("-", "_") for metric in found}
    return tuple(sorted(found, key=lambda m: (order.index(keys[m]) if keys[m] in order else len(order), m)))


def coders_for(results: Results, metric: str) -> tuple[Coder, ...]:
    """The coders whose curves belong on a metric's axis, in the order of the results.

    Where the eye is to judge, rivals appear as they were tuned for it and as they were tuned for PSNR: x264 at low
    rates scores better in VMAF by the latter.
    """
    with_values = {m.coder for m in results.measurements if metric in m.metrics}
    coders = tuple(coder for coder in results.coders if coder.key in with_values)
    return coders if axis_of(metric).tuned == EYES else tuned_for(PSNR, coders)


def tuned_for(goal: str, coders: Sequence[Coder]) -> tuple[Coder, ...]:
    """The coders without those tuned for something else where they also ran tuned for this goal.

    Nobody should win because a rival was optimised for another goal.
    """
    at_their_best = {_encoder(coder) for coder in coders if coder.tuned == goal}
    return tuple(
        coder for coder in coders if coder.family == OURS or coder.tuned == goal or _encoder(coder) not in at_their_best
    )


def _encoder(coder: Coder) -> tuple[str, str, str, float]:
    """What stays the same when an encoder is tuned for something else."""
    return coder.family, coder.label, coder.series, coder.scale
