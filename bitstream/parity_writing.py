"""Parity written along with a file, group after group, as its bytes go by."""

from __future__ import annotations

from .errors import BitstreamError
from .limits import Limits
from .parity import WHOLE, Group, encode_section
from .reed_solomon import require_package

GROUP_BYTES = 4 << 20  # at least, of all groups but the last, which are smaller than twice that, and held in memory


class ParityWriter:
    """Parity for all bytes of a file before its index, `share` / 10000 as much as there are.

    The index has none: it says again what was before it, so a reader that has all of that makes it anew.

    BitstreamError for a share that is not within 1 … 10000, and where the package is missing that computes parity.
    """

    def __init__(self, share: int, limits: Limits) -> None:
        if not 1 <= share <= WHOLE:
            raise BitstreamError(f"a share of {share / WHOLE:%} of parity is not above 0 % and up to 100 %")
        require_package()
        self._share, self._limits = share, limits
        self._held = bytearray()
        self._begin = 0

    def put(self, data: bytes) -> None:
        """The next bytes of the file."""
        self._held += data

    @property
    def is_full(self) -> bool:
        """Whether parity should be written now."""
        return len(self._held) >= GROUP_BYTES

    def due(self, offset: int) -> list[bytes]:
        """Chunks to be written at the place `offset`: parity of all that has none yet, in groups of about one size."""
        held, begin = bytes(self._held), self._begin
        size = max(1, -(-len(held) // max(1, len(held) // GROUP_BYTES)))
        chunks: list[bytes] = []
        for at in range(0, len(held), size):
            data = held[at : at + size]
            chunks += encode_section(Group(begin + at, len(data), self._share), data, self._limits)
        self._held.clear()
        self._begin = offset + sum(map(len, chunks))
        return chunks
