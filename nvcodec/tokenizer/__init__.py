"""Pictures to latents to tokens and back: `tiny` for the codec, `compact` for the language model, and `magvit2`.

A tokenizer turns 1 + 4k frames into 1 + k latent frames at 1/8 of the width and height, causally; the signs
of the latents are the token (`lfq`). This door is light: a network and PyTorch are loaded when first asked
for. `CompactTokenizer.features` gives a clip as an array of what the network sees at every position.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .causal_conv import CausalState
    from .compact import CompactConfig, CompactTokenizer
    from .lfq import LfqConfig
    from .magvit2 import Magvit2Tokenizer
    from .magvit2_config import Magvit2Config
    from .tiny import TinyConfig, TinyTokenizer

__all__ = [
    "CausalState",
    "CompactConfig",
    "CompactTokenizer",
    "LfqConfig",
    "Magvit2Config",
    "Magvit2Tokenizer",
    "TinyConfig",
    "TinyTokenizer",
]

_HOMES = {
    "CausalState": "causal_conv",
    "CompactConfig": "compact",
    "CompactTokenizer": "compact",
    "LfqConfig": "lfq",
    "Magvit2Config": "magvit2_config",
    "Magvit2Tokenizer": "magvit2",
    "TinyConfig": "tiny",
    "TinyTokenizer": "tiny",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
