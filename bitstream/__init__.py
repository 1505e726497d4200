"""The `.mgv` file format and its entropy coder: everything between bits with probabilities and bytes on disk.

Knows nothing of networks and pixels. `SPEC.md` beside this file describes every byte. The container is plain
Python; NumPy and constriction are loaded when the entropy coder is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .container import ContainerReader, ContainerWriter
from .crc import crc32c
from .errors import BitstreamError, TruncatedFile, UnsupportedVersion
from .gop import GopChunk
from .header import StreamHeader
from .index import Index, IndexEntry
from .limits import Limits
from .tracks import PacketChunk, PacketRecord, TrackHeader
from .verify import VerifyReport, verify

if TYPE_CHECKING:
    from .ans import BitDecoder, cross_entropy_bits, encode_groups

__all__ = [
    "BitDecoder",
    "BitstreamError",
    "ContainerReader",
    "ContainerWriter",
    "GopChunk",
    "Index",
    "IndexEntry",
    "Limits",
    "PacketChunk",
    "PacketRecord",
    "StreamHeader",
    "TrackHeader",
    "TruncatedFile",
    "UnsupportedVersion",
    "VerifyReport",
    "crc32c",
    "cross_entropy_bits",
    "encode_groups",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in ("BitDecoder", "cross_entropy_bits", "encode_groups"):
        from . import ans

        return getattr(ans, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
