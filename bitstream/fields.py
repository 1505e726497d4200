"""Numbers, fractions and texts to bytes and back: the vocabulary in which chunk bodies are written.

`FieldWriter` and `FieldReader` have the same methods in the same order. Every value has exactly one spelling,
and the reader refuses all others.
"""

from __future__ import annotations

from fractions import Fraction

from .errors import BitstreamError
from .limits import at_most

VARINT_BYTES = 10  # enough for 64 bits, seven in a byte


class FieldWriter:
    """Appends fields to `data`. BitstreamError for values that do not fit."""

    def __init__(self) -> None:
        self.data = bytearray()

    def raw(self, value: bytes) -> None:
        """Bytes as they are; the reader has to know how many."""
        self.data += value

    def u8(self, value: int) -> None:
        """One byte."""
        self._fixed(value, 1)

    def u32(self, value: int) -> None:
        """Four bytes, little-endian."""
        self._fixed(value, 4)

    def varint(self, value: int) -> None:
        """An unsigned 64-bit number, seven bits a byte, low ones first; the top bit says that more follow.

        The LEB128 of DWARF (version 5, section 7.6) and of Protocol Buffers.
        """
        if not 0 <= value < 1 << 64:
            raise BitstreamError(f"{value} does not fit in an unsigned 64-bit number")
        while value >= 0x80:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)

    def svarint(self, value: int) -> None:
        """A signed 64-bit number: 0, -1, 1, -2, … as the varints 0, 1, 2, 3, … (Protocol Buffers' ZigZag)."""
        if not -(1 << 63) <= value < 1 << 63:
            raise BitstreamError(f"{value} does not fit in a signed 64-bit number")
        self.varint(2 * value if value >= 0 else -2 * value - 1)

    def fraction(self, value: Fraction) -> None:
        """A positive fraction in lowest terms: numerator, denominator."""
        if value <= 0:
            raise BitstreamError(f"{value} is not a positive fraction")
        self.varint(value.numerator)
        self.varint(value.denominator)

    def block(self, value: bytes, limit: int) -> None:
        """Bytes, `limit` at most, after their number."""
        self.varint(at_most(len(value), limit, "the size of a field"))
        self.raw(value)

    def text(self, value: str, limit: int) -> None:
        """UTF-8, `limit` bytes at most, after the number of its bytes."""
        try:
            self.block(value.encode(), limit)
        except UnicodeEncodeError as error:
            raise BitstreamError(f"{value!r} is not valid text") from error

    def _fixed(self, value: int, size: int) -> None:
        if not 0 <= value < 1 << 8 * size:
            raise BitstreamError(f"{value} does not fit in {size} byte{'s' * (size > 1)}")
        self.data += value.to_bytes(size, "little")


class FieldReader:
    """Takes fields off `data` from the front. BitstreamError for what a `FieldWriter` cannot have written."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def raw(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > len(self._data) - self._at:
            raise BitstreamError(f"a field of {size} bytes runs past the end of its chunk")
        self._at += size
        return self._data[self._at - size : self._at]

    def u8(self) -> int:
        """One byte."""
        return self.raw(1)[0]

    def u32(self) -> int:
        """Four bytes, little-endian."""
        return int.from_bytes(self.raw(4), "little")

    def varint(self) -> int:
        """An unsigned 64-bit number in its shortest spelling."""
        value = shift = 0
        spelling = self._data[self._at : self._at + VARINT_BYTES]
        for byte in spelling:
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if value >= 1 << 64 or (byte == 0 and shift > 7):
                    break
                self._at += shift // 7
                return value
        else:
            if len(spelling) < VARINT_BYTES:
                raise BitstreamError("a number runs past the end of its chunk")
        raise BitstreamError("a number is longer than it may be")

    def svarint(self) -> int:
        """A signed 64-bit number."""
        value = self.varint()
        return -(value >> 1) - 1 if value & 1 else value >> 1

    def fraction(self) -> Fraction:
        """A positive fraction in lowest terms."""
        numerator, denominator = self.varint(), self.varint()
        if not numerator or not denominator:
            raise BitstreamError("a fraction has a zero in it")
        value = Fraction(numerator, denominator)
        if value.denominator != denominator:
            raise BitstreamError(f"the fraction {numerator}/{denominator} is not in lowest terms")
        return value

    def block(self, limit: int) -> bytes:
        """Bytes, `limit` at most, after their number."""
        return self.raw(at_most(self.varint(), limit, "the size of a field"))

    def text(self, limit: int) -> str:
        """UTF-8, `limit` bytes at most."""
        try:
            return self.block(limit).decode()
        except UnicodeDecodeError as error:
            raise BitstreamError("a text is not UTF-8") from error

    def rest(self) -> bytes:
        """All that is left."""
        return self.raw(len(self._data) - self._at)

    def end(self) -> None:
        """BitstreamError if anything is left."""
        if left := len(self._data) - self._at:
            raise BitstreamError(f"{left} byte{'s' * (left > 1)} too many")
