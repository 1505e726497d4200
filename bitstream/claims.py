"""What a GOP claims to decode to, and whether it has the bytes to show for it.

A few bytes can claim pictures of any size. Decoding costs time and memory by the *cell*: one position of one latent
frame, 8 × 8 pixels of 1 or 4 frames. Pictures of one grey take no bits at all, so what is coded tells nothing of what
it costs; but every file can afford the bytes that are asked for here, and a writer adds them as filler where pictures
take fewer. So what a file can cost grows with its size.
"""

from __future__ import annotations

from .errors import BitstreamError
from .gop import GopChunk
from .header import StreamHeader
from .limits import Limits

PATCH = 8  # rows and columns of pixels of a position
STEP_FRAMES = 4  # of every latent frame but the first
POSITIONS_PER_BYTE = 32  # of a GOP's first latent frame
LATER_POSITIONS_PER_BYTE = 1024  # of the others: where nothing moves they are free


def latent_frames(frames: int) -> int:
    """Latent frames of a GOP of `frames` frames: the first alone, then four at a time."""
    return 1 + -(-(frames - 1) // STEP_FRAMES)


def cells(width: int, height: int, frames: int) -> int:
    """Cells of a GOP of `frames` frames."""
    return _positions(width, height) * latent_frames(frames)


def bytes_due(width: int, height: int, frames: int) -> int:
    """How many bytes of a file a GOP of `frames` frames is to take at least, before any credit."""
    first = _positions(width, height)
    return first // POSITIONS_PER_BYTE + first * (latent_frames(frames) - 1) // LATER_POSITIONS_PER_BYTE


def check_claim(header: StreamHeader, gop: GopChunk, limits: Limits) -> None:
    """BitstreamError, before anything of that size is reserved, if the GOP claims more than `limits` allow."""
    frames = len(gop.pts)
    what = f"{frames} frames of {header.width}x{header.height}"
    if cells(header.width, header.height, frames) > limits.cells_per_gop:
        raise BitstreamError(f"{what}, more than any encoder writes or the limits allow")
    if bytes_due(header.width, header.height, frames) > gop.room + limits.gop_credit:
        raise BitstreamError(f"{what} in {gop.room} bytes, fewer than any encoder takes and the limits allow")


def filler_for(header: StreamHeader, frames: int, room: int, limits: Limits) -> int:
    """How many bytes a writer has to add to a GOP that takes `room` bytes, so that `check_claim` lets it pass."""
    if cells(header.width, header.height, frames) > limits.cells_per_gop:
        return 0  # whatever is added
    return max(0, bytes_due(header.width, header.height, frames) - room - limits.gop_credit)


def _positions(width: int, height: int) -> int:
    return -(-width // PATCH) * -(-height // PATCH)
