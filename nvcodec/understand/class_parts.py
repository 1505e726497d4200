"""Classes that are made of parts, such as "3-left" of a digit and a motion, and the layer that tells them.

Where the names of all classes, cut at "-", are every combination of a few parts, a part is learnt from all classes
that share it: with ten digits and six motions a digit has six times the clips of a class. Any other names are whole.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

SEPARATOR = "-"


def parts_of(classes: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The values of every part, in the order in which they first appear; one part, the classes, of other names.

    >>> parts_of(("0-left", "0-up", "1-left", "1-up"))
    (('0', '1'), ('left', 'up'))
    >>> parts_of(("run", "well-done"))
    (('run', 'well-done'),)
    """
    names = [tuple(name.split(SEPARATOR)) for name in classes]
    if len({len(parts) for parts in names}) != 1 or len(names[0]) < 2:
        return (classes,)
    values = tuple(tuple(dict.fromkeys(column)) for column in zip(*names, strict=True))
    whole = set(product(*values)) == set(names) and all(len(part) > 1 for part in values)
    return values if whole else (classes,)


def members(classes: tuple[str, ...]) -> list[Tensor]:
    """For every part a matrix `[values, classes]` of ones where a class has that value, else zeros."""
    parts = parts_of(classes)
    cut = [(name,) if len(parts) == 1 else tuple(name.split(SEPARATOR)) for name in classes]
    return [
        torch.tensor([[float(name[index] == value) for name in cut] for value in values])
        for index, values in enumerate(parts)
    ]


class ClassHead(nn.Module):
    """Logits `[B, classes]` of features `[B, C]`: a class's is the sum of those of its parts.

    So the probability of a class is the product of its parts' where the classes are all combinations of them.
    """

    def __init__(self, width: int, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.members: Tensor
        self.register_buffer("members", torch.cat(members(classes)), persistent=False)  # [values of all parts, classes]
        self.linear = nn.Linear(width, self.members.shape[0])

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        return self.linear(features).float() @ self.members
