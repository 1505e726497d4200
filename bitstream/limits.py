"""What a reader is ready to believe. Checked before anything of that size is reserved."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import BitstreamError


@dataclass(frozen=True)
class Limits:
    """The largest values a reader or writer accepts; a file may be hostile, a memory is finite."""

    width: int = 16384
    height: int = 16384
    chunk_bytes: int = 256 << 20
    gops: int = 1 << 22
    cells_per_gop: int = 1 << 22  # what a GOP decodes to (`claims.py`): half a GB of levels, 97 frames of 3840×2160
    gop_credit: int = 2048  # bytes: a GOP may take so many fewer than are due for what it claims to decode to
    frames_per_gop: int = 1024
    packets_per_chunk: int = 1 << 16
    tracks: int = 64
    parameters_per_track: int = 64
    extradata_bytes: int = 16 << 20
    tags: int = 1024
    text_bytes: int = 1 << 20  # of any one tag, title or name
    damaged_places: int = 100  # after so many `verify` gives up looking for more
    unread_bytes: int = 1 << 32  # so much may be read again in a damaged file: what looks like a chunk may be none
    parity_group_bytes: int = 1 << 24  # brought back together, in memory
    restored_bytes: int = 1 << 26  # as many damaged bytes of a file are brought back by parity
    held_frames: int = 4096  # as many pictures are put in the place of lost ones, and no more at one place


def in_64_bits(value: int, what: str) -> int:
    """`value` itself, or BitstreamError if it is not strictly between -2^63 and 2^63."""
    if abs(value) >= 1 << 63:
        raise BitstreamError(f"{what} is {value}, more than 64 bits can say")
    return value


def at_most(value: int, limit: int, what: str) -> int:
    """`value` itself, or BitstreamError if it is more than `limit`."""
    if value > limit:
        raise BitstreamError(f"{what} is {value}; the limit is {limit}")
    return value
