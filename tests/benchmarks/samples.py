"""Results made up for tests of what is made of results. No figure here was ever measured, and none looks so."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from nvcodec.benchmarks.results import Clip, Coder, Cost, Measurement, Results
from PIL import Image

RATES = (0.005, 0.01, 0.02, 0.04, 0.08)
Quality = Callable[[float], float]  # from bits per pixel


def coder(key: str, family: str, *, label: str = "", series: str = "long", tuned: str = "psnr") -> Coder:
    return Coder(key, label or key, family, "1.2.3", series, tuned, ("-made-up", key, "-q", "{quality}"))


def points(
    clip: str, of: str, quality: Quality, rates: Sequence[float] = RATES, metric: str = "psnr_y", fps: float = 50.0
) -> list[Measurement]:
    """A coder's files of a clip: one at every rate."""
    return [
        Measurement(
            clip,
            of,
            setting=10.0 * number,
            bytes=round(rate * 1_000_000),
            bits_per_pixel=rate,
            metrics={metric: quality(rate)},
            encode=Cost(100 / fps, 200_000_000, 2),
            decode=Cost(50 / fps, 100_000_000, 2),
        )
        for number, rate in enumerate(rates, start=1)
    ]


def results(clips: Sequence[str], coders: Sequence[Coder], measurements: Sequence[Measurement]) -> Results:
    return Results(
        date="2001-02-03T04:05:06+00:00",
        machine="a made-up machine, 2 cores",
        versions={"nvcodec": "0.0.0-made-up", "ffmpeg": "0.0-made-up"},
        clips=tuple(Clip(name, "ab" * 32, 128, 96, 100, 25.0) for name in clips),
        coders=tuple(coders),
        measurements=tuple(measurements),
    )


def log_quality(at_one: float, a_doubling: float = 2.0) -> Quality:
    """So many dB at 1 bit per pixel, and so many more every time the rate doubles."""
    return lambda rate: at_one + a_doubling * math.log2(rate)


OURS_LONG = coder("ours-long", "nvcodec", label="nvcodec")
OURS_RANDOM = coder("ours-random", "nvcodec", label="nvcodec", series="random-access")


def pair(ours: Sequence[Measurement], theirs: Sequence[Measurement], clips: Sequence[str] = ("clip",)) -> Results:
    """nvcodec and one rival, "rival"."""
    return results(clips, (OURS_LONG, coder("rival", "hevc")), [*ours, *theirs])


def full() -> Results:
    """Two clips, seven coders, three metrics, two series and a failure: enough for a whole report."""
    rivals = [
        ("h264", "x264 slow <&>", 40.0),  # the signs try the page's escaping
        ("hevc", "x265 slow", 42.0),
        ("hevc", "x265 veryslow", 42.6),
        ("av1", "SVT-AV1 preset 4", 42.3),
        ("vvc", "vvenc medium", 43.6),
    ]
    coders, measured = [OURS_LONG, OURS_RANDOM], []
    for number, clip in enumerate(("alpha", "beta")):
        for ours in (OURS_LONG, OURS_RANDOM):
            measured += _measured(clip, ours.key, 40.5 + number, RATES, fps=16 + 4 * number)
    for family, label, at_one in rivals:
        for series in ("long", "random-access"):
            for tuned in ("psnr", "eyes"):
                rival = coder(f"{label}-{tuned}-{series}", family, label=label, series=series, tuned=tuned)
                coders.append(rival)
                for number, clip in enumerate(("alpha", "beta")):
                    rates = [1.7 * rate * (1 + 0.1 * number) for rate in RATES]
                    height = at_one + number - 0.3 * (series == "random-access") - 0.4 * (tuned == "eyes")
                    measured += _measured(clip, rival.key, height, rates, fps=30)
    broken = measured[-1]
    measured[-1] = Measurement(broken.clip, broken.coder, broken.setting, error="the encoder said <no>\nsecond line")
    return results(("alpha", "beta"), coders, measured)


def _measured(clip: str, key: str, height: float, rates: Sequence[float], fps: float) -> list[Measurement]:
    psnr = log_quality(height)
    return [
        replace(
            m,
            metrics={
                "psnr_y": (db := m.metrics["psnr_y"]),
                "vmaf": min(99.0, 3.1 * (db - 12)),
                "lpips": 2.0 ** (-(db - 12) / 6),
            },
        )
        for m in points(clip, key, psnr, rates, fps=fps)
    ]


def png(seed: int, width: int = 128, height: int = 96) -> bytes:
    """A picture that is another one for every seed: a disc on a ramp, in a colour of its own."""
    y, x = np.mgrid[:height, :width]
    colour = np.random.default_rng(seed).uniform(0.3, 1.0, 3)
    ramp = 60 + 120 * (x + y) / (width + height)
    disc = ((x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2) * 60
    image = np.clip((ramp + disc)[..., None] * colour, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
