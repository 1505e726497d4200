"""Two optimizers for one model: Muon for the matrices within it, AdamW for all else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer


class Together(Optimizer):
    """Several optimizers as one, whose groups and moments are those of all in turn."""

    def __init__(self, *parts: Optimizer) -> None:
        """`parts` learn different parameters."""
        self._parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._deal()

    def _deal(self) -> None:
        """Let the parts work on the groups and moments of the whole."""
        begin = 0
        for part in self._parts:
            end = begin + len(part.param_groups)
            part.param_groups, part.state = self.param_groups[begin:end], self.state
            begin = end

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As every optimizer does."""
        super().load_state_dict(state_dict)
        self._deal()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of each part."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self._parts:
            part.step()
        return loss


def adamw(parameters: Iterable[nn.Parameter], second_moment: float, weight_decay: float) -> AdamW:
    """AdamW whose `second_moment` decays so; what is no matrix does not decay."""
    learning = list(parameters)
    matrices, others = [p for p in learning if p.dim() > 1], [p for p in learning if p.dim() <= 1]
    groups = [
        {"params": matrices, "share": 1.0, "weight_decay": weight_decay},
        {"params": others, "share": 1.0, "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=0.0, betas=(0.9, second_moment))


def muon(matrices: list[nn.Parameter], share: float, weight_decay: float) -> Muon:
    """Muon (Jordan et al. 2024) at a `share` of the learning rate, with steps as large as AdamW's (Liu et al. 2025)."""
    group = {"params": matrices, "share": share}
    return Muon([group], lr=0.0, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
