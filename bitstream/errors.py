"""What can be wrong with a file. Every message names the chunk and the byte where that is known."""

from __future__ import annotations

from typing import Self


class BitstreamError(ValueError):
    """Bytes that are not a well-formed `.mgv` file, or values that none can hold.

    `chunk` is the number of the chunk at fault (0 is the header) and `offset` the place in the file where it
    begins; None where that is not known or the fault belongs to no chunk.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.chunk: int | None = None
        self.offset: int | None = None

    def at(self, chunk: int | None, offset: int) -> Self:
        """The error itself, now knowing where it happened."""
        self.chunk, self.offset = chunk, offset
        return self

    def __str__(self) -> str:
        if self.offset is None:
            return self.reason
        chunk = "the chunk" if self.chunk is None else f"chunk {self.chunk}"
        return f"{chunk} at byte {self.offset}: {self.reason}"


class UnsupportedVersion(BitstreamError):
    """A file of another major version, which promises nothing this reader could rely on."""


class TruncatedFile(BitstreamError):
    """A file that ends before its index. `gops` groups of pictures before the cut are whole."""

    gops = 0

    def __str__(self) -> str:
        whole = "1 GOP before that is" if self.gops == 1 else f"{self.gops} GOPs before that are"
        return f"{super().__str__()}; {whole} whole"
