"""SHA-256 of a whole file: of every byte before the chunk that holds it. Only the index comes after that, and parity.

The index says again what was read before it, in the one way in which it can be said, and a reader compares the two.
So where the hash is right and the index agrees, no byte that anything is decoded from is another than was written.
"""

from __future__ import annotations

from hashlib import sha256

from .errors import BitstreamError


class WholeHash:
    """The hash of a file's bytes as they are written or read, front to back.

    >>> written, read = WholeHash(), WholeHash()
    >>> written.add(b"all the", b" bytes")
    >>> read.add(b"all the bytes")
    >>> read.meet(written.digest())
    >>> read.checked() == written.digest()
    True
    """

    def __init__(self) -> None:
        self._sha = sha256()
        self._said: bytes | None = None
        self._right = self._more = False

    def add(self, *parts: bytes, content: bool = False) -> None:
        """The bytes that come next; `content`: those of pictures or packets, which belong before the hash."""
        self._more |= content and self._said is not None
        for part in parts:
            self._sha.update(part)

    def digest(self) -> bytes:
        """The body of the chunk, 32 bytes: the hash of all bytes so far."""
        return self._sha.digest()

    def meet(self, body: bytes) -> None:
        """Mirror of `digest`: the chunk's body, at its place among the bytes. BitstreamError if it can be no hash."""
        if self._said is not None:
            raise BitstreamError("it is a second SHA-256 of the whole")
        if len(body) != self._sha.digest_size:
            raise BitstreamError(f"a SHA-256 has {self._sha.digest_size} bytes, not {len(body)}")
        self._said, self._right = body, body == self._sha.digest()

    @property
    def is_right(self) -> bool:
        """Whether a hash was met, and right, and nothing came after it that belongs before it."""
        return self._right and not self._more

    def checked(self) -> bytes | None:
        """At the end of the file: its hash, None if it has none. BitstreamError if that is not right."""
        if self._more:
            raise BitstreamError("GOPs or packets come after the SHA-256 of the whole")
        if self._said is not None and not self._right:
            raise BitstreamError("the SHA-256 of the whole is wrong: bytes before it are not those that were written")
        return self._said
