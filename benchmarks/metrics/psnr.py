"""PSNR of each plane over all frames together, and the three weighed 6:1:1."""

from __future__ import annotations

import math

import numpy as np
from nvcodec.benchmarks.raw import read_planes

from .meter import Meter, Pair

NAMES = ("psnr_y", "psnr_u", "psnr_v", "psnr_611")
PEAK = 255
WEIGHTS = (6, 1, 1)  # of y, u, v in 4:2:0 (Ohm et al. 2012, section IV)


def meter() -> Meter:
    """Always there."""
    return Meter(NAMES, "1: of the mean squared error over all frames", measure)


def measure(pair: Pair) -> dict[str, float]:
    """In dB; infinite for equal planes."""
    clip = pair.source.clip
    errors, samples = [0] * 3, [0] * 3
    both = (read_planes(path, clip.width, clip.height) for path in (pair.source.yuv, pair.decoded))
    for before, after in zip(*both, strict=True):
        for index, (one, two) in enumerate(zip(before, after, strict=True)):
            difference = one.astype(np.int32) - two
            errors[index] += int((difference * difference).sum())
            samples[index] += difference.size
    planes = [decibel(error / count) for error, count in zip(errors, samples, strict=True)]
    weighed = sum(weight * value for weight, value in zip(WEIGHTS, planes, strict=True)) / sum(WEIGHTS)
    return dict(zip(NAMES, [*planes, weighed], strict=True))


def decibel(squared_error: float) -> float:
    """10 log₁₀(255² / mean squared error)."""
    return 10 * math.log10(PEAK**2 / squared_error) if squared_error else math.inf
