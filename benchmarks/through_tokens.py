"""Clips to tokens and back, many at once."""

from __future__ import annotations

import torch
from torch import Tensor

from nvcodec.tokenizer.compact import CompactTokenizer

BATCH = 32  # clips at once


@torch.inference_mode()
def encoded(tokenizer: CompactTokenizer, frames: Tensor) -> Tensor:
    """Tokens `[N, T', h, w]` of clips `[N, 6, T, H/2, W/2]`."""
    device = next(tokenizer.parameters()).device
    return torch.cat([tokenizer.encode(part.to(device))[0].cpu() for part in frames.split(BATCH)])


@torch.inference_mode()
def decoded(tokenizer: CompactTokenizer, tokens: Tensor) -> Tensor:
    """Mirror of `encoded`."""
    device = next(tokenizer.parameters()).device
    return torch.cat([tokenizer.decode(part.to(device))[0].float().cpu() for part in tokens.split(BATCH)])
