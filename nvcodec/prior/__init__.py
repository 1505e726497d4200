"""The coding prior: from the bits known so far to the probability of the next ones, in exact integers.

`LatentCoder` walks a GOP's latent frames with a `Prior`, for encoder and decoder alike; a `Port` takes the
bits or gives them. Doing the sums in floats would be an error here, not an inaccuracy: SPEC.md, section 9,
has them all. This door is light: PyTorch is loaded when a name is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .coding import LatentCoder
    from .cumulative import make_tables
    from .planes import Port
    from .transformer import Prior, PriorConfig
    from .walk import dimension_groups

__all__ = ["LatentCoder", "Port", "Prior", "PriorConfig", "dimension_groups", "make_tables"]

_HOMES = {
    "LatentCoder": "coding",
    "Port": "planes",
    "Prior": "transformer",
    "PriorConfig": "transformer",
    "dimension_groups": "walk",
    "make_tables": "cumulative",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
