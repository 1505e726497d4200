"""A neural video codec: real video in, a `.mgv` file out, and back.

This door is light: `encode`, `decode` and their options load PyTorch and FFmpeg when first asked for.

>>> import nvcodec
>>> with open("out.mgv", "wb") as file:                                     # doctest: +SKIP
...     report = nvcodec.encode("in.mp4", file, nvcodec.EncodeOptions(quality=40))
>>> with open("out.mgv", "rb") as file:                                     # doctest: +SKIP
...     nvcodec.decode(file, "out.mp4")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nvcodec.codec import (
        DecodeOptions,
        DecodeReport,
        EncodeOptions,
        EncodeReport,
        Progress,
        decode,
        encode,
    )

__version__ = "0.1.0"

__all__ = [
    "DecodeOptions",
    "DecodeReport",
    "EncodeOptions",
    "EncodeReport",
    "Progress",
    "__version__",
    "decode",
    "encode",
]

# A checkout keeps `bitstream`, `cli` and `benchmarks` beside this folder; an install maps them below it
# (pyproject.toml). Python run in the checkout finds this folder before any install, and so must find those.
_checkout = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.path.isfile(os.path.join(_checkout, "bitstream", "SPEC.md")):
    __path__.append(_checkout)


def __getattr__(name: str) -> Any:
    if name in __all__:
        from nvcodec import codec

        return getattr(codec, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
