"""Numbers and texts in chunk bodies: every value comes back, and has one spelling."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvcodec.bitstream import BitstreamError
from nvcodec.bitstream.fields import FieldReader, FieldWriter

from .strategies import fractions, texts


@given(
    st.integers(0, 2**64 - 1),
    st.integers(-(2**63), 2**63 - 1),
    fractions,
    texts,
    st.binary(),
    st.binary(max_size=9),
)
def test_fields_come_back(
    unsigned: int, signed: int, fraction: Fraction, text: str, block: bytes, rest: bytes
) -> None:
    writer = FieldWriter()
    writer.varint(unsigned)
    writer.svarint(signed)
    writer.fraction(fraction)
    writer.text(text, 100)
    writer.block(block, len(block))
    writer.u8(unsigned % 256)
    writer.u32(unsigned % 2**32)
    writer.raw(rest)
    reader = FieldReader(bytes(writer.data))
    assert reader.varint() == unsigned
    assert reader.svarint() == signed
    assert reader.fraction() == fraction
    assert reader.text(100) == text
    assert reader.block(len(block)) == block
    assert reader.u8() == unsigned % 256
    assert reader.u32() == unsigned % 2**32
    assert reader.rest() == rest
    reader.end()


@given(st.binary(max_size=12))
def test_a_number_has_one_spelling(data: bytes) -> None:
    reader = FieldReader(data)
    try:
        value = reader.varint()
    except BitstreamError:
        return
    writer = FieldWriter()
    writer.varint(value)
    assert data.startswith(writer.data)
    assert reader.rest() == data[len(writer.data) :]


@pytest.mark.parametrize(
    ("spelling", "reason"),
    [
        ("80 00", "longer than it may be"),
        ("FF FF FF FF FF FF FF FF FF 02", "longer than it may be"),
        ("FF FF FF FF FF FF FF FF FF FF 01", "longer than it may be"),
        ("80", "past the end"),
        ("", "past the end"),
    ],
)
def test_bad_numbers_are_refused(spelling: str, reason: str) -> None:
    with pytest.raises(BitstreamError, match=reason):
        FieldReader(bytes.fromhex(spelling)).varint()


@pytest.mark.parametrize(
    ("spelling", "reason"), [("00 01", "zero"), ("01 00", "zero"), ("02 04", "lowest terms")]
)
def test_bad_fractions_are_refused(spelling: str, reason: str) -> None:
    with pytest.raises(BitstreamError, match=reason):
        FieldReader(bytes.fromhex(spelling)).fraction()


def test_bad_texts_and_leftovers_are_refused() -> None:
    with pytest.raises(BitstreamError, match="UTF-8"):
        FieldReader(b"\x02\xc3\x28").text(10)
    with pytest.raises(BitstreamError, match="limit is 10"):
        FieldReader(b"\x0b" + bytes(11)).text(10)
    with pytest.raises(BitstreamError, match="2 bytes too many"):
        FieldReader(b"ab").end()
    with pytest.raises(BitstreamError, match="not valid text"):
        FieldWriter().text("\ud800", 10)


@pytest.mark.parametrize(
    ("method", "value"),
    [("u8", 256), ("u8", -1), ("u32", 2**32), ("varint", -1), ("varint", 2**64), ("svarint", 2**63)],
)
def test_numbers_that_do_not_fit_are_not_written(method: str, value: int) -> None:
    with pytest.raises(BitstreamError, match="does not fit"):
        getattr(FieldWriter(), method)(value)
