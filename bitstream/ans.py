"""Bits to bytes at the price their probabilities say, and back: asymmetric numeral systems.

constriction's `AnsCoder` (Bamler, "Understanding entropy coding with ANS", arXiv:2201.01741) with its
Bernoulli model in the variant that only multiplies and truncates (`perfect=False`), so that it does the same
on every machine. A probability is an integer p in [1, 65535]: bit 1 is expected with p / 65536, which a
float64 holds exactly. `SPEC.md` has the arithmetic that follows from it, in integers.

ANS is a stack: what is coded last is decoded first. So the encoder takes all groups at once and pushes them
last first, and the decoder meets them in their order, one at a time, for a group's probabilities may depend
on all bits before it. The payload is the stack from its top down: of one that is cut off the first groups are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from constriction import stream  # type: ignore[attr-defined]
from numpy.typing import NDArray

from .errors import BitstreamError

PROBABILITY_BITS = 16
WORD_BYTES = 4

_MISSING = np.ones(1, np.uint32)  # stands for the first word that is missing: once it is taken, bits are wrong
_BERNOULLI = stream.model.Bernoulli(perfect=False)

Bits = NDArray[np.uint8]
Probabilities = NDArray[np.uint16]


def encode_groups(groups: Sequence[tuple[Bits, Probabilities]]) -> bytes:
    """The payload of groups of bits (0 or 1) and their probabilities of being 1, in 1/65536.

    The arrays of a pair have one shape, any shape; empty ones are fine. ValueError for bits other than 0 and
    1, probabilities outside [1, 65535] and shapes that differ.

    >>> payload = encode_groups([(np.array([1, 0, 0], np.uint8), np.array([60000, 300, 9], np.uint16))])
    >>> BitDecoder(payload).decode(np.array([60000, 300, 9], np.uint16)).tolist()
    [1, 0, 0]
    """
    return encode_groups_backwards(reversed(groups))


def encode_groups_backwards(groups: Iterable[tuple[Bits, Probabilities]]) -> bytes:
    """The payload `encode_groups` makes, of groups that come last first: none of them needs to be kept."""
    coder = stream.stack.AnsCoder()
    for bits, p in groups:
        _check_bits(bits, p)
        coder.encode_reverse(bits.ravel().astype(np.int32), _BERNOULLI, _as_float(p))
    words = coder.get_compressed()
    # What is taken first stands first. That word is never zero, so only the zeros that fill it are taken off.
    return words[::-1].astype(">u4").tobytes().lstrip(b"\0")


class BitDecoder:
    """Takes from a payload the groups that `encode_groups` put there, first to last."""

    def __init__(self, payload: bytes, *, missing: int = 0) -> None:
        """BitstreamError for bytes no encoder writes. `missing`: of how many bytes behind these nothing is known."""
        if payload.startswith(b"\0"):
            raise BitstreamError("the entropy-coded data begins with a zero byte")
        filled = bytes(-(len(payload) + missing) % WORD_BYTES) + payload
        words = np.frombuffer(filled[: len(filled) // WORD_BYTES * WORD_BYTES], ">u4")[::-1].astype(np.uint32)
        self._torn = missing > 0
        self._coder = stream.stack.AnsCoder(np.concatenate([_MISSING, words]) if self._torn else words)

    def decode(self, p: Probabilities) -> Bits:
        """The next group's bits, in the shape of their probabilities `p`.

        Wrong probabilities and damaged payloads give wrong bits and no error, and there is no end: after the
        last bit come zeros. Only a checksum of what was decoded tells.
        """
        bits = self._coder.decode(_BERNOULLI, _as_float(p))
        return bits.astype(np.uint8).reshape(p.shape)

    def is_sound(self) -> bool:
        """Whether no bit so far hangs on a word that is missing."""
        return not self._torn or self._coder.pos()[0] > 0

    def at_end(self) -> bool:
        """Whether the payload is used up, as it is after the last group."""
        return self._coder.is_empty()


def cross_entropy_bits(groups: Sequence[tuple[Bits, Probabilities]]) -> float:
    """The bits the model itself asks for: Σ −log₂ of the probability of what happened (Shannon 1948)."""
    total = 0.0
    for bits, p in groups:
        _check_bits(bits, p)
        one = _as_float(p)
        happened = np.where(bits.ravel() != 0, one, 1 - one)
        total -= float(np.log2(happened).sum())
    return total


def _check_bits(bits: Bits, p: Probabilities) -> None:
    if bits.shape != p.shape:
        raise ValueError(f"bits of shape {bits.shape} with probabilities of shape {p.shape}")
    if bits.dtype.kind not in "bui":
        raise ValueError(f"bits must be integers, not {bits.dtype}")
    if bits.size and not (bits.min() >= 0 and bits.max() <= 1):
        raise ValueError("bits must be 0 or 1")


def _as_float(p: Probabilities) -> NDArray[np.float64]:
    """[n] float64, exact."""
    if not np.issubdtype(p.dtype, np.integer):
        raise ValueError(f"probabilities must be integers, not {p.dtype}")
    if p.size and not (p.min() >= 1 and p.max() < 1 << PROBABILITY_BITS):
        raise ValueError(f"probabilities must lie in [1, {(1 << PROBABILITY_BITS) - 1}]")
    return p.ravel() / np.float64(1 << PROBABILITY_BITS)
