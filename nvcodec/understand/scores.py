"""What a classifier says of a set of generated clips: how sure and how varied, and whether they are what was asked."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .class_parts import members


def inception_score(probabilities: Tensor) -> float:
    """exp(E[KL(p(y|x) ‖ p(y))]) of `[N, classes]` (Salimans et al. 2016, section 4), over all N at once.

    From 1, where all clips are judged alike, to the number of classes, where each is sure and all are as frequent.
    """
    p = probabilities.double()
    divergence = torch.special.entr(p.mean(0)).sum() - torch.special.entr(p).sum(1).mean()
    return float(divergence.exp())


@dataclass(frozen=True)
class Agreement:
    """Shares of clips that are judged as they are labelled: of the class, and of each of its parts."""

    whole: float
    parts: tuple[float, ...]


def agreement(probabilities: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Agreement:
    """Of probabilities `[N, classes]` and `labels` [N]; a part's probability is that of all classes with its value."""
    p = probabilities.double().cpu()
    labels = labels.cpu()

    def share(scores: Tensor, wanted: Tensor) -> float:
        return float((scores.argmax(1) == wanted).double().mean())

    parts = []
    for table in members(classes):  # [values, classes]
        parts.append(share(p @ table.double().T, table.argmax(0)[labels]))
    return Agreement(share(p, labels), tuple(parts))
