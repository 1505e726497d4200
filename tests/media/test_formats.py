"""The values that pass between rooms refuse what cannot be."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.errors import UnsupportedInput
from nvcodec.media import VideoFormat, parse_scale
from nvcodec.media.formats import scaled_aspect
from nvcodec.media.matroska import children, element, unsigned, void


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("640x360", (640, 360)),
        ("0.5", (960, 540)),
        ("1/3", (640, 360)),
        ("2", (3840, 2160)),
        ("0.0001", (1, 1)),
    ],
)
def test_scale_is_a_size_or_a_factor(text: str, size: tuple[int, int]) -> None:
    assert parse_scale(text, 1920, 1080) == size


@pytest.mark.parametrize(
    "text", ["", "x", "640x", "0", "-1", "1/0", "640x360x2", "half", "0x10", "99999x1", "1e9"]
)
def test_a_scale_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedInput, match="scale"):
        parse_scale(text, 1920, 1080)


@given(st.integers(16, 4096), st.integers(16, 4096), st.fractions(Fraction(1, 8), 2))
def test_a_factor_leaves_the_shape_of_pixels(width: int, height: int, factor: Fraction) -> None:
    size = parse_scale(str(factor), width, height)
    assert scaled_aspect(Fraction(4, 3), (width, height), size) == Fraction(4, 3)


@pytest.mark.parametrize(
    "change",
    [{"width": 0}, {"height": 16385}, {"chroma": "411"}, {"bit_depth": 9}, {"time_base": Fraction(0)}],
)
def test_a_format_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    good = {"width": 16, "height": 16, "time_base": Fraction(1, 25)}
    with pytest.raises((ValueError, UnsupportedInput)):
        VideoFormat(**(good | change))  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.sampled_from([0x86, 0x4282, 0x2AD7B1, 0x1654AE6B]), st.binary(max_size=40))))
def test_elements_are_found_again(parts: list[tuple[int, bytes]]) -> None:
    data = b"".join(element(number, body) for number, body in parts)
    assert [(number, data[body:end]) for number, _, body, end in children(data)] == parts


@given(st.integers(9, 300))
def test_padding_has_the_length_asked_for(length: int) -> None:
    assert len(void(length)) == length
    assert [(number, end) for number, _, _, end in children(void(length))] == [(0xEC, length)]


@given(st.integers(0, 2**64 - 1))
def test_numbers_are_written_big_end_first(value: int) -> None:
    ((_, _, body, end),) = children(unsigned(0xD7, value))
    assert int.from_bytes(unsigned(0xD7, value)[body:end], "big") == value
