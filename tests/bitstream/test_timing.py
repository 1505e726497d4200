"""Time stamps: exact whatever they are, and a few bytes where there is a rate behind them."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from nvcodec.bitstream.fields import FieldReader, FieldWriter
from nvcodec.bitstream.timing import find_slope, read_times, write_times

from .strategies import increasing_times, rounded_steps

FRAMES = 97


def written(pts: tuple[int, ...]) -> bytes:
    fields = FieldWriter()
    write_times(fields, pts)
    return bytes(fields.data)


@given(increasing_times)
def test_times_come_back_exactly(pts: tuple[int, ...]) -> None:
    reader = FieldReader(written(pts))
    assert read_times(reader, len(pts)) == pts
    reader.end()


@given(rounded_steps())
def test_every_rounded_rate_is_recognised(steps: list[int]) -> None:
    pts = [sum(steps[:i]) for i in range(len(steps) + 1)]
    if len(pts) > 1:
        assert find_slope(pts) is not None


@pytest.mark.parametrize("offset", [0, 67, -1_000_003])
@pytest.mark.parametrize("clock", [1000, 90000, 1_000_000])
@pytest.mark.parametrize("rate", [Fraction(30), Fraction(24000, 1001), Fraction(60000, 1001), Fraction(25)])
def test_a_rate_in_a_coarse_clock_takes_a_few_bytes(offset: int, clock: int, rate: Fraction) -> None:
    pts = tuple(offset + math.floor(i * clock / rate + Fraction(1, 2)) for i in range(11, 11 + FRAMES))
    first = len(written(pts[:1]))
    assert len(written(pts)) - first <= 7


def test_a_constant_step_takes_one_more_byte_for_form_and_one_for_phase() -> None:
    assert written(tuple(range(0, FRAMES * 512, 512))) == bytes([0, 1, 0x80, 4, 0])


def test_the_simplest_rate_is_found() -> None:
    assert find_slope((0, 33, 66, 100, 133, 166, 200)) == Fraction(100, 3)
    assert find_slope((5, 10, 15)) == 5
    assert find_slope((0, 1, 100)) is None
