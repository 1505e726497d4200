"""Clips of a labelled set's test split, judged by a feature network: what generated and decoded clips are held against.

The split is dealt out once: `count` clips, evenly from all classes, are what reconstruction and prediction begin with
and what real clips score; all the others are the reference. What is judged is rounded to 8 bits first, as in a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from nvcodec.benchmarks.outside_features import OutsideFeatures, Yardstick
from torch import Tensor

from nvcodec.datasets import LabelledClip, open_labelled, read_clip
from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.frames import to_frames
from nvcodec.train.labelled import evenly
from nvcodec.understand.feature_network import FeatureNetwork, judge
from nvcodec.understand.frechet import Gaussian, frechet_distance
from nvcodec.understand.scores import agreement, inception_score
from nvcodec.weights import load_network

BATCH = 60  # clips in memory as frames, where there are many
REFERENCE_LEAST = 100  # clips


@dataclass(frozen=True)
class Judged:
    """A set of clips against the reference. `agreement` is that with the classes asked for, `parts` with their parts.

    `frechet` is 0 at the least, `score` from 1 to the number of classes; `outside` has the distances in the features of
    networks from elsewhere, "FID" and "FVD", where they were asked for.
    """

    clips: int
    frechet: float
    score: float
    agreement: float
    parts: tuple[float, ...]
    outside: Mapping[str, float] = field(default_factory=dict)


class Judge:
    """A feature network, and what it makes of the reference; networks from elsewhere beside it, if there are any."""

    def __init__(
        self,
        network: FeatureNetwork,
        sha256: str,
        reference: Iterable[Tensor],
        outside: Sequence[OutsideFeatures] = (),
    ) -> None:
        """`reference`: batches `[B, 6, T, H/2, W/2]` of real clips; `sha256` is that of the network's file."""
        self.network, self.sha256 = network, sha256
        found = [[judge(network, part)[0], *(each.of(part) for each in outside)] for part in reference]
        own, *others = (torch.cat(parts) for parts in zip(*found, strict=True))
        self.reference = Gaussian.of(own)
        self.outside = tuple(
            Yardstick(each, Gaussian.of(features), len(own), len(features))
            for each, features in zip(outside, others, strict=True)
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the network."""
        return self.network.config.classes

    def __call__(self, clips: Tensor, labels: Tensor) -> Judged:
        """Of `clips` [N, 6, T, H/2, W/2] and the classes `labels` [N] that they are to be of."""
        features, probabilities = judge(self.network, stored(clips))
        right = agreement(probabilities, labels, self.classes)
        distance = frechet_distance(Gaussian.of(features), self.reference)
        outside = {each.features.distance: each.distance(clips) for each in self.outside}
        return Judged(len(clips), distance, inception_score(probabilities), right.whole, right.parts, outside)

    def frechet(self, clips: Tensor) -> float:
        """The distance of `clips` [N, 6, T, H/2, W/2] in the feature network's own features, and no other."""
        return frechet_distance(Gaussian.of(judge(self.network, stored(clips))[0]), self.reference)


@dataclass(frozen=True)
class RealClips:
    """What everything begins with: `frames` [N, 6, T, H/2, W/2] and `labels` [N] of clips, and who judges."""

    frames: Tensor
    labels: Tensor
    judge: Judge


def real_clips(
    root: Path, features: str, count: int, device: str = "cpu", outside: Sequence[OutsideFeatures] = ()
) -> RealClips:
    """The test split of the set in `root`, dealt out, and the feature network of that name or file.

    NvcodecError for a set of other classes, for too few clips, and for clips that are too short for `outside`.
    """
    loaded = load_network(features, device)
    network = loaded.module
    if not isinstance(network, FeatureNetwork):
        raise NvcodecError(f"{features} is no feature network, but of kind {loaded.kind!r}; nvcodec train features")
    labelled = open_labelled(root, "test")
    if labelled.classes != network.config.classes:
        raise NvcodecError(f"{features} knows other classes than {root} has")
    clips = labelled.clips
    if len(clips) < count + REFERENCE_LEAST or count < 2:
        wanted = f"not {count} to measure and {REFERENCE_LEAST} to hold them against"
        raise NvcodecError(f"{root} has {len(clips)} test clips, {wanted}")
    chosen = set(evenly(len(clips), count).tolist())
    own = [clip for number, clip in enumerate(clips) if number in chosen]
    others = [clip for number, clip in enumerate(clips) if number not in chosen]
    size = network.config.frames, network.config.size
    for each in outside:
        each.check(network.config.frames)
    judge = Judge(network, loaded.sha256, _read(others, *size), outside)
    labels = torch.tensor([clip.label for clip in own])
    return RealClips(torch.cat(list(_read(own, *size))), labels, judge)


def stored(frames: Tensor) -> Tensor:
    """Frames `[N, 6, T, H/2, W/2]` as 8-bit samples hold them."""
    levels = torch.cat([frames[:, :4] + 0.5, frames[:, 4:] / 2 + 128 / 255], 1)
    return to_frames((255 * levels).round().clamp(0, 255).transpose(0, 1)).transpose(0, 1)


def psnr(frames: Tensor, original: Tensor) -> float:
    """In dB, over all frames and clips together, of the squared error of the six channels, as training logs have it.

    A pixel's share of that is about the mean of R, G and B (`tokenizer/frames.py`), and 255 levels are its peak.
    """
    error = float((stored(frames) - original).double().square().sum(1).mean()) / 4
    return float(-10 * np.log10(max(error, 1e-10)))


def _read(clips: Sequence[LabelledClip], frames: int, size: int) -> Iterator[Tensor]:
    """Batches of clips as frames."""
    packed = (torch.from_numpy(read_clip(clip, frames, size)) for clip in clips)  # each [T, 6, H/2, W/2]
    while part := list(islice(packed, BATCH)):
        yield to_frames(torch.stack(part).permute(2, 0, 1, 3, 4)).transpose(0, 1)
