"""Language models small enough to be made by every test: untrained, or taught one clip by heart."""

from __future__ import annotations

import torch
from torch import Tensor

from nvcodec.generate.config import LmConfig
from nvcodec.generate.model import LanguageModel, LmDescription, LmNetwork
from nvcodec.generate.objectives import masked_loss, next_loss
from nvcodec.tokenizer.compact import CompactConfig, CompactTokenizer

SIZE, FRAMES, GRID, BITS = 32, 9, (3, 4, 4), 8
CLASSES = ("3-left", "3-right")


def small_tokenizer() -> CompactTokenizer:
    torch.manual_seed(1)
    return CompactTokenizer(CompactConfig(width=32, encoder_blocks=1, decoder_blocks=1, token_bits=BITS)).eval()


def small_network(objective: str = "masked", tokenizer: str = "ab" * 32) -> LmNetwork:
    """A network for clips of 9 frames of 32 by 32 pixels; `tokenizer` is the hash of its tokenizer's weights."""
    torch.manual_seed(2)
    config = LmConfig(grid=GRID, classes=len(CLASSES), width=48, layers=2, heads=2, token_bits=BITS, dropout=0.0)
    return LmNetwork(LmDescription(config, objective, CLASSES, FRAMES, SIZE, tokenizer)).eval()


def small_model(objective: str = "masked") -> LanguageModel:
    return LanguageModel(small_network(objective), small_tokenizer(), "small", "cd" * 32)


def teach(model: LanguageModel, tokens: Tensor, known: Tensor) -> None:
    """Teach the model clips by heart, tokens `[B, T', h, w]`, one of each class, from where they are `known` [N]."""
    transformer = model.transformer
    classes = torch.arange(len(tokens))
    flat = tokens.flatten(1)
    optimizer = torch.optim.AdamW(transformer.parameters(), lr=5e-3)
    for _ in range(500):
        if model.objective == "masked":
            loss = masked_loss(transformer, flat, ~known.expand_as(flat), classes, model.grid).loss
        else:
            loss = next_loss(transformer, flat, classes, model.grid).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if float(loss.detach()) < 0.02:  # nats a token: of 32 none is below one half
            return
    raise AssertionError("it learnt nothing by heart")
