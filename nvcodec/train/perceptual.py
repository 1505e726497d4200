"""What perception adds to a tokenizer's loss: structural similarity, and a discriminator that learns beside it.

The adversarial loss is the non-saturating one (Goodfellow et al. 2014), as MAGVIT has it; LeCAM (Tseng et al. 2021)
keeps the discriminator's verdicts from drifting apart where there is little to learn from. The perceptual distance of
MAGVIT-v2 (Yu et al. 2023, appendix A) is not here: it takes a network trained on labelled photographs, which nvcodec
does not come with; MS-SSIM needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from nvcodec.train.checkpoint import moments_of, set_moments, under
from nvcodec.train.discriminator import Discriminator
from nvcodec.train.ms_ssim import luma, ms_ssim
from nvcodec.train.processes import gathering, mean_over_processes, spread

MODEL, OPTIMIZER, AVERAGES = "model.", "optimizer.", "averages"


@dataclass(frozen=True)
class PerceptualConfig:
    """Weights of what is added to the loss of a step; nothing is, as long as they are zero."""

    ms_ssim: float = 0.0  # of 1 − MS-SSIM of luma
    adversarial: float = 0.0  # of the discriminator's verdict
    adversarial_from: int = 0  # the step from which on that counts; before it the discriminator learns by itself
    lecam: float = 0.0  # of LeCAM, in the discriminator's loss
    lecam_decay: float = 0.99  # of its moving averages
    width: int = 16  # of the discriminator: channels at its finest
    learning_share: float = 1.0  # the discriminator's learning rate, in those of what draws

    @property
    def wanted(self) -> bool:
        """Whether anything is added."""
        return self.ms_ssim > 0 or self.adversarial > 0


def drawing_loss(drawn: Tensor) -> Tensor:
    """The non-saturating loss of what draws, by verdicts of any shape on what it drew."""
    return F.softplus(-drawn).mean()


def judging_loss(real: Tensor, drawn: Tensor) -> Tensor:
    """The discriminator's own, by its verdicts on clips as they were and as they were drawn."""
    return F.softplus(-real).mean() + F.softplus(drawn).mean()


def lecam(real: Tensor, drawn: Tensor, averages: Tensor) -> Tensor:
    """LeCAM (equation 4): verdicts' squared distance to the moving average `averages` [2] of the other side's.

    `averages` holds that of verdicts on what was real, then on what was drawn.
    """
    return (real - averages[1]).square().mean() + (drawn - averages[0]).square().mean()


class Perception:
    """The added loss, and the discriminator with all that it needs to go on: optimizer and LeCAM's averages."""

    def __init__(self, config: PerceptualConfig, device: torch.device, *, bfloat16: bool) -> None:
        self.config, self.bfloat16 = config, bfloat16
        self.network = Discriminator(config.width).to(device)
        self.parallel = spread(self.network, device, [], sharded=False)
        # short memories, as the task changes with every step
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=0.0, betas=(0.5, 0.99))
        self.averages = torch.zeros(2, device=device)
        self.similarity: Tensor | None = None
        self.verdicts: list[Tensor] = []  # [2] of each batch of this step: mean on what was real, and drawn

    def begin(self) -> None:
        """Forget the gradients and verdicts of the step before."""
        self.optimizer.zero_grad(set_to_none=True)
        self.verdicts.clear()

    def loss(self, clips: Tensor, decoded: Tensor, step: int) -> Tensor:
        """What is added for `decoded`, drawn of `clips` [B, 6, T, H/2, W/2]; no gradient for the discriminator."""
        added = decoded.new_zeros(())
        if self.config.ms_ssim:
            similarity = ms_ssim(luma(clips), luma(decoded))
            self.similarity = similarity.detach()
            added = added + self.config.ms_ssim * (1 - similarity)
        if self.config.adversarial and step >= self.config.adversarial_from:
            kept = {name: value.detach() for name, value in self.network.named_parameters()}
            with self._precision(decoded):
                verdicts = functional_call(self.network, kept, (decoded,))
            added = added + self.config.adversarial * drawing_loss(verdicts)
        return added

    def learn(self, clips: Tensor, decoded: Tensor, *, last: bool, share: float) -> None:
        """Leave in the discriminator the gradients of one of a step's batches, of which the `last` is shared.

        `share` is the batch's weight; nothing reaches what has drawn `decoded`.
        """
        if not self.config.adversarial:
            return
        with gathering(self.parallel, last=last):
            with self._precision(clips):
                verdicts = self.parallel(torch.cat([clips, decoded.detach()]))
            real, drawn = verdicts.chunk(2)
            loss = judging_loss(real, drawn) + self.config.lecam * lecam(real, drawn, self.averages)
            (share * loss).backward()
        self.verdicts.append(torch.stack([real.detach().mean(), drawn.detach().mean()]))

    def descend(self, learning_rate: float, clip_norm: float) -> None:
        """One step of the discriminator, and of LeCAM's averages, over all processes."""
        if not self.config.adversarial:
            return
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate * self.config.learning_share
        if bool(norm.isfinite()):  # which it is in all processes or in none
            self.optimizer.step()
            mean = mean_over_processes(torch.stack(self.verdicts).mean(0))
            self.averages.lerp_(mean, 1 - self.config.lecam_decay)

    def figures(self) -> dict[str, float]:
        """For the log: MS-SSIM of the last batch, and the averages of verdicts on what was real, and drawn."""
        figures = {} if self.similarity is None else {"ms_ssim": round(float(self.similarity), 5)}
        if self.config.adversarial:
            figures |= {"real": round(float(self.averages[0]), 4), "drawn": round(float(self.averages[1]), 4)}
        return figures

    def state(self) -> dict[str, Tensor]:
        """All that a checkpoint needs to go on."""
        if not self.config.adversarial:
            return {}
        tensors = {MODEL + key: value for key, value in self.network.state_dict().items()}
        tensors |= {OPTIMIZER + key: value for key, value in moments_of(self.optimizer).items()}
        return tensors | {AVERAGES: self.averages}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        if not self.config.adversarial:
            return
        self.network.load_state_dict(under(tensors, MODEL))
        set_moments(self.optimizer, under(tensors, OPTIMIZER))
        self.averages.copy_(tensors[AVERAGES])

    def _precision(self, like: Tensor) -> torch.autocast:
        return torch.autocast(like.device.type, torch.bfloat16, enabled=self.bfloat16)
