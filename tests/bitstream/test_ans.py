"""The entropy coder: exact, as short as the probabilities promise, and what SPEC.md says it is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import nvcodec.bitstream
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvcodec.bitstream import BitDecoder, BitstreamError, cross_entropy_bits, encode_groups

from .samples import Groups, groups_of
from .second_reader import decode_bits, sound_bits

probabilities = st.sampled_from([1, 2, 32767, 32768, 32769, 65534, 65535]) | st.integers(1, 65535)


@st.composite
def any_groups(draw: st.DrawFn) -> Groups:
    pairs = st.lists(st.tuples(st.integers(0, 1), probabilities), max_size=40)
    groups = draw(st.lists(pairs, max_size=5))
    return [(np.array([b for b, _ in g], np.uint8), np.array([p for _, p in g], np.uint16)) for g in groups]


def drawn(p: np.ndarray, seed: int = 0) -> np.ndarray:
    """Bits that come as often as their probabilities say."""
    return (np.random.default_rng(seed).integers(0, 65536, p.shape) < p).astype(np.uint8)


@given(any_groups())
def test_groups_come_back_in_their_order_and_use_up_the_payload(groups: Groups) -> None:
    decoder = BitDecoder(encode_groups(groups))
    for bits, p in groups:
        np.testing.assert_array_equal(decoder.decode(p), bits)
    assert decoder.at_end()


@given(any_groups())
def test_a_reader_written_from_the_specification_decodes_the_same_bits(groups: Groups) -> None:
    p = [int(value) for _, group in groups for value in group]
    bits = [int(bit) for group, _ in groups for bit in group]
    assert decode_bits(encode_groups(groups), p) == bits


@given(any_groups(), st.data())
def test_of_the_beginning_of_a_payload_as_many_bits_are_sound_as_the_specification_says(
    groups: Groups, data: st.DataObject
) -> None:
    payload = encode_groups(groups)
    kept = data.draw(st.integers(0, max(0, len(payload) - 1)))
    decoder = BitDecoder(payload[:kept], missing=len(payload) - kept)
    sound = sound_bits(payload[:kept], len(payload), [int(value) for _, p in groups for value in p])
    bits = [int(bit) for group, _ in groups for bit in group]
    assert sound == bits[: len(sound)]
    count = 0
    for _, p in groups if payload else []:
        decoder.decode(p)
        count += len(p)
        assert decoder.is_sound() == (count <= len(sound) and (kept + -len(payload) % 4) // 4 >= 2)


def test_the_specification_gives_every_probability_the_share_the_coder_uses() -> None:
    p = np.arange(1, 65536).astype(np.uint16)
    for bits in (drawn(p), 1 - drawn(p)):
        assert decode_bits(encode_groups([(bits, p)]), p.tolist()) == bits.tolist()


def test_the_test_vector_of_the_specification_holds() -> None:
    text = (Path(nvcodec.bitstream.__file__).parent / "SPEC.md").read_text(encoding="utf-8")
    found = re.search(r"the bits ([01 ]+) with p = ([\d, ]+) are the payload\s+`([0-9A-F ]+)`", text)
    assert found is not None
    bits = np.array(found[1].split(), np.uint8)
    p = np.array(found[2].split(", "), np.uint16)
    assert encode_groups([(bits, p)]) == bytes.fromhex(found[3])


@pytest.mark.parametrize("skew", [0.2, 1.0, 3.0])
def test_a_million_bits_take_what_their_probabilities_promise(skew: float) -> None:
    chances = np.random.default_rng(7).beta(skew / 3, skew, 1_000_000)
    p = np.clip(np.rint(chances * 65536), 1, 65535).astype(np.uint16)
    groups = [(part, q) for part, q in zip(np.split(drawn(p), 100), np.split(p, 100), strict=True)]
    payload = encode_groups(groups)
    promised = cross_entropy_bits(groups)
    assert promised <= 8 * len(payload) <= 1.001 * promised + 64
    decoder = BitDecoder(payload)
    assert all(np.array_equal(decoder.decode(q), part) for part, q in groups)
    assert decoder.at_end()


@pytest.mark.parametrize("p", [1, 65535])
@pytest.mark.parametrize("surprising", [False, True])
def test_the_most_extreme_probabilities_keep_every_bit(p: int, surprising: bool) -> None:
    chances = np.full(1_000_000, p, np.uint16)
    bits = (
        np.random.default_rng(1).integers(0, 2, chances.shape).astype(np.uint8)
        if surprising
        else drawn(chances)
    )
    payload = encode_groups([(bits, chances)])
    promised = cross_entropy_bits([(bits, chances)])
    assert abs(8 * len(payload) - promised) <= 0.001 * promised + 64
    decoder = BitDecoder(payload)
    np.testing.assert_array_equal(decoder.decode(chances), bits)
    assert decoder.at_end()


def test_cross_entropy_is_shannons() -> None:
    groups = [(np.array([1, 0], np.uint8), np.array([16384, 16384], np.uint16))]
    assert cross_entropy_bits(groups) == pytest.approx(2 + np.log2(4 / 3))


def test_shapes_are_kept_and_nothing_at_all_is_fine() -> None:
    p = np.full((3, 2, 5), 20000, np.uint16)[:, :, ::2]  # not contiguous
    decoder = BitDecoder(encode_groups([(drawn(p), p)]))
    np.testing.assert_array_equal(decoder.decode(p), drawn(p))
    empty = np.zeros((0, 4), np.uint16)
    assert encode_groups([]) == encode_groups([(empty.astype(np.uint8), empty)]) == b""
    assert BitDecoder(b"").decode(empty).shape == (0, 4)


def test_a_payload_that_is_not_used_up_is_noticed() -> None:
    groups = groups_of(5)
    decoder = BitDecoder(encode_groups(groups))
    decoder.decode(groups[0][1])
    assert not decoder.at_end()


@pytest.mark.parametrize(
    ("bits", "p"),
    [
        (np.array([0], np.uint8), np.array([0], np.uint16)),
        (np.array([0], np.uint8), np.array([65536], np.int64)),
        (np.array([0], np.uint8), np.array([-1], np.int16)),
        (np.array([0], np.uint8), np.array([0.5])),
        (np.array([2], np.uint8), np.array([9], np.uint16)),
        (np.array([-1], np.int8), np.array([9], np.uint16)),
        (np.array([0.5]), np.array([9], np.uint16)),
        (np.array([0, 1], np.uint8), np.array([9], np.uint16)),
    ],
)
def test_what_is_no_bit_or_no_probability_is_refused(bits: np.ndarray, p: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"bits|probabilities"):
        encode_groups([(bits, p)])


def test_a_probability_out_of_range_is_refused_on_decoding_too() -> None:
    with pytest.raises(ValueError, match="probabilities"):
        BitDecoder(b"\1\2\3\4\5").decode(np.array([0], np.uint16))


def test_a_payload_no_encoder_writes_is_refused() -> None:
    with pytest.raises(BitstreamError, match="zero byte"):
        BitDecoder(b"\0\1\2\3")
