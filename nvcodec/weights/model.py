"""A model as the codec uses it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.prior.transformer import Prior
from nvcodec.tokenizer.tiny import TinyTokenizer

PROFILE = 1  # the prior's arithmetic, which a file names beside its weights: other rules, another number


@dataclass(frozen=True, eq=False)
class Model:
    """Networks ready to code with, and the name they go by.

    `tokenizer` computes in floats of `dtype` on any device. `prior` and the coder's `tables` are integers,
    exact on every machine, and stay on the CPU beside the entropy coder. `model_id` is what `.mgv` files
    name.
    """

    name: str
    sha256: str
    tokenizer: TinyTokenizer
    prior: Prior
    tables: dict[str, Tensor]
    profile: int = PROFILE

    @property
    def model_id(self) -> bytes:
        """The first 16 bytes of the SHA-256 of the weights' file."""
        return bytes.fromhex(self.sha256[:32])

    @property
    def token_dims(self) -> int:
        """Dimensions of the latent whose signs are the token."""
        return self.tokenizer.config.token_dims

    @property
    def device(self) -> torch.device:
        """Where the tokenizer computes."""
        return next(self.tokenizer.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """What the tokenizer computes in."""
        return next(self.tokenizer.parameters()).dtype
