"""The `.mgv` file format and its entropy coder: everything between bits with probabilities and bytes on disk.

Knows nothing of networks and pixels. `SPEC.md` beside this file describes every byte. The container is plain
Python; NumPy and constriction are loaded when the entropy coder is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checks import TornGop
from .claims import cells, check_claim, latent_frames
from .container import ContainerReader, ContainerWriter
from .copying import CopyReport
from .crc import crc32c
from .cutting import concat, cut
from .errors import BitstreamError, TruncatedFile, UnsupportedVersion
from .excerpt import Excerpt
from .gop import GopChunk
from .header import StreamHeader
from .index import Index, IndexEntry
from .limits import Limits
from .losses import Loss, losses_of
from .recovery import RECOVERY, Damage, LostGop, LostSound, recovered
from .repair import RepairReport, repair
from .tracks import PacketChunk, PacketRecord, TrackHeader
from .verify import VerifyReport, verify

if TYPE_CHECKING:
    from .ans import BitDecoder, cross_entropy_bits, encode_groups, encode_groups_backwards

__all__ = [
    "RECOVERY",
    "BitDecoder",
    "BitstreamError",
    "ContainerReader",
    "ContainerWriter",
    "CopyReport",
    "Damage",
    "Excerpt",
    "GopChunk",
    "Index",
    "IndexEntry",
    "Limits",
    "Loss",
    "LostGop",
    "LostSound",
    "PacketChunk",
    "PacketRecord",
    "RepairReport",
    "StreamHeader",
    "TornGop",
    "TrackHeader",
    "TruncatedFile",
    "UnsupportedVersion",
    "VerifyReport",
    "cells",
    "check_claim",
    "concat",
    "crc32c",
    "cross_entropy_bits",
    "cut",
    "encode_groups",
    "encode_groups_backwards",
    "latent_frames",
    "losses_of",
    "recovered",
    "repair",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in ("BitDecoder", "cross_entropy_bits", "encode_groups", "encode_groups_backwards"):
        from . import ans

        return getattr(ans, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
