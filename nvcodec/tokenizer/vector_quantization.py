"""Vector quantization: the entry of a learnt codebook that lies nearest to the latent is the token.

What lookup-free quantization is measured against (van den Oord et al. 2017, arXiv:1711.00937, section 3). Latents and
codes have their dimensions last, `[..., D]`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COMMITMENT = 0.25  # β (section 3.2)
POSITIONS = 1 << 12  # compared with all codes at once: a whole picture's table of distances could be too large


class Codebook(nn.Module):
    """`size` vectors of `dims` numbers, learnt with the network whose latents they stand for."""

    def __init__(self, size: int, dims: int) -> None:
        super().__init__()
        self.codes = nn.Parameter(torch.randn(size, dims))

    @torch.no_grad()
    def start(self, latents: Tensor) -> None:
        """Let codes be latents drawn from those given, `[N, D]`: random ones would mostly lie where no latent is."""
        self.codes.copy_(latents[torch.randint(len(latents), (len(self.codes),))])

    def tokens(self, latent: Tensor) -> Tensor:
        """Index `[...]` int64 of the code nearest to each latent `[..., D]`; of two as near, the first."""
        with torch.no_grad(), torch.autocast(latent.device.type, enabled=False):
            codes = self.codes.float()
            half = codes.square().sum(1) / 2
            flat = latent.float().reshape(-1, codes.shape[1])
            nearest = [torch.addmm(half, part, codes.T, alpha=-1).argmin(1) for part in flat.split(POSITIONS)]
            return torch.cat(nearest).reshape(latent.shape[:-1])

    def codes_of(self, tokens: Tensor) -> Tensor:
        """Codes `[..., D]` of tokens `[...]`. ValueError for a token that is not in the book."""
        size = len(self.codes)
        if tokens.numel() and (int(tokens.min()) < 0 or int(tokens.max()) >= size):
            raise ValueError(f"a token of this codebook is in 0…{size - 1}")
        return F.embedding(tokens, self.codes)

    def quantize(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest codes of a latent, with the gradient of the identity, and the loss that trains the book.

        The loss draws codes to the latents that chose them, and β times as hard those latents to their codes
        (section 3.2, equation 3).
        """
        codes = F.embedding(self.tokens(latent), self.codes)
        book = (codes - latent.detach()).square().mean()
        commitment = (latent - codes.detach()).square().mean()
        return codes.detach() + (latent - latent.detach()), book + COMMITMENT * commitment
