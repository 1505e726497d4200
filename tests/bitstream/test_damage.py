"""Damaged, cut and hostile files: always a clear error, never a wrong content, never a large allocation."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nvcodec.bitstream import (
    BitstreamError,
    ContainerReader,
    GopChunk,
    Limits,
    StreamHeader,
    TruncatedFile,
    UnsupportedVersion,
    verify,
)
from nvcodec.bitstream.chunk import GOP, HEADER, INDEX, PACKETS, SYNC, encode_chunk
from nvcodec.bitstream.container import SIGNATURE
from nvcodec.bitstream.fields import FieldWriter
from nvcodec.bitstream.gop import encode_gop
from nvcodec.bitstream.header import encode_header
from nvcodec.bitstream.index import Index, encode_index

from .samples import FULL_CONTENTS, FULL_HEADER, PLAIN_CONTENTS, PLAIN_HEADER, read, write
from .second_reader import read_file

LIMITS = Limits()
FULL = write(FULL_HEADER, FULL_CONTENTS)
BEGIN = SIGNATURE + b"\1"
PLACES = [fields["begin"] for _, fields in read_file(FULL)]  # where the chunks begin


def plain_with(*chunks: tuple[bytes, bytes]) -> bytes:
    """A file of a plain header and these chunks (type, body)."""
    start = BEGIN + encode_chunk(HEADER, encode_header(PLAIN_HEADER, LIMITS), LIMITS)
    return start + b"".join(encode_chunk(type_, body, LIMITS) for type_, body in chunks)


def fields_of(*numbers: int) -> bytes:
    fields = FieldWriter()
    for number in numbers:
        fields.varint(number)
    return bytes(fields.data)


def test_a_flip_of_any_bit_of_any_byte_is_an_error() -> None:
    for place in range(len(FULL)):
        for bit in range(8):
            data = bytearray(FULL)
            data[place] ^= 1 << bit
            with pytest.raises(BitstreamError):
                read(bytes(data))


def test_a_file_cut_anywhere_says_how_much_of_it_is_whole() -> None:
    ends = [
        begin
        for begin, content in zip(PLACES[2:-1], FULL_CONTENTS, strict=True)
        if isinstance(content, GopChunk)
    ]
    for size in range(len(FULL)):
        with pytest.raises(TruncatedFile) as caught:
            read(FULL[:size])
        whole = sum(end <= size for end in ends)
        assert caught.value.gops == whole
        assert f"{whole} GOP" in str(caught.value)
        if size >= len(BEGIN):
            assert caught.value.offset == max(begin for begin in PLACES if begin <= size)


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_noise_after_a_header_is_an_error(noise: bytes) -> None:
    with pytest.raises(BitstreamError):
        read(plain_with() + noise)


@given(st.sampled_from([HEADER, GOP, PACKETS, INDEX]), st.binary(max_size=60))
@settings(max_examples=500)
def test_noise_with_a_right_checksum_is_read_or_refused_and_never_worse(type_: bytes, noise: bytes) -> None:
    try:
        read(plain_with((type_, noise)))
    except BitstreamError:
        return
    assert type_ == INDEX  # anything else lacks an index at least


@pytest.mark.parametrize("number", range(len(PLACES)))
def test_damage_is_named_by_chunk_and_place(number: int) -> None:
    data = bytearray(FULL)
    data[PLACES[number] + 9] ^= 0x10
    with pytest.raises(
        BitstreamError, match=f"^chunk {number} at byte {PLACES[number]}: it is damaged"
    ) as caught:
        read(bytes(data))
    assert (caught.value.chunk, caught.value.offset) == (number, PLACES[number])


@pytest.mark.parametrize("at", [0, 4, 5, 9])  # sync, type, length, body
def test_verify_goes_on_after_damage(at: int) -> None:
    data = bytearray(FULL)
    data[PLACES[2] + at] ^= 0x41
    data[PLACES[4] + at] ^= 0x41
    report = verify(io.BytesIO(data))
    assert not report.whole
    assert [(error.chunk, error.offset) for error in report.damage] == [(2, PLACES[2]), (4, PLACES[4])]
    assert (report.gops, report.frames, report.packets, report.chunks) == (1, 1, 7, 6)


def test_a_gop_that_is_lost_costs_no_other() -> None:
    data = bytearray(FULL)
    data[PLACES[4] + 20 : PLACES[4] + 24] = SYNC  # and what looks like a chunk's beginning is none
    damage: list[BitstreamError] = []
    contents = list(ContainerReader(io.BytesIO(data)).chunks(damage))
    assert contents == [content for content in FULL_CONTENTS if content is not FULL_CONTENTS[3]]
    assert [error.chunk for error in damage] == [4, 5]


def test_verify_counts_what_is_whole() -> None:
    report = verify(io.BytesIO(FULL))
    assert report.whole
    assert (report.bytes, report.chunks, report.gops, report.frames, report.packets) == (
        len(FULL),
        8,
        3,
        15,
        7,
    )


def test_verify_of_a_cut_file_names_the_cut_once() -> None:
    report = verify(io.BytesIO(FULL[: PLACES[4] + 30]))
    assert [type(error) for error in report.damage] == [TruncatedFile]
    assert (report.damage[0].chunk, report.gops) == (4, 1)


def test_verify_gives_up_on_a_file_of_nothing_but_beginnings() -> None:
    data = plain_with() + SYNC * 1000
    report = verify(io.BytesIO(data), Limits(damaged_places=20))
    assert len(report.damage) == 20


def test_verify_reports_a_damaged_header_and_refuses_what_is_no_file_of_ours() -> None:
    data = bytearray(FULL)
    data[20] ^= 1
    assert [error.chunk for error in verify(io.BytesIO(data)).damage] == [0]
    with pytest.raises(BitstreamError, match=r"not an \.mgv file"):
        verify(io.BytesIO(b"RIFF" + bytes(100)))


def test_the_index_of_a_file_whose_end_is_missing_is_made_by_reading() -> None:
    whole = ContainerReader(io.BytesIO(FULL)).index()
    assert ContainerReader(io.BytesIO(FULL[:-1])).index() == whole
    cut = ContainerReader(io.BytesIO(FULL[: PLACES[5]])).index()
    assert cut.entries == whole.entries[:2]


def test_a_missing_chunk_is_noticed_though_all_others_are_whole() -> None:
    with pytest.raises(BitstreamError, match="does not agree"):
        read(FULL[: PLACES[4]] + FULL[PLACES[5] :])


def test_bytes_after_the_end_are_an_error() -> None:
    with pytest.raises(BitstreamError, match="goes on after the index"):
        read(FULL + b"\0")


def test_a_text_file_an_empty_file_and_a_later_version_are_told_apart() -> None:
    with pytest.raises(BitstreamError, match=r"not an \.mgv file"):
        read(b"hello world")
    with pytest.raises(TruncatedFile, match="the file is empty"):
        read(b"")
    with pytest.raises(UnsupportedVersion, match="version 2"):
        read(SIGNATURE + b"\2anything at all")
    with pytest.raises(BitstreamError, match=r"not an \.mgv file"):  # line ends translated on the way
        read(FULL.replace(b"\r\n", b"\n"))


def test_chunks_of_unknown_type_are_passed_over_once_their_checksum_is_right() -> None:
    stranger = encode_chunk(b"z", b"from the future", LIMITS)
    empty_index = (INDEX, encode_index(Index(), LIMITS))
    data = plain_with((b"z", b"from the future"), empty_index)
    assert read(data) == (PLAIN_HEADER, [])
    damaged = data.replace(stranger, stranger.replace(b"future", b"futurE"))
    with pytest.raises(BitstreamError, match=r"chunk 1 .* damaged"):
        read(damaged)


def test_a_later_minor_version_may_say_more_in_the_header_and_this_one_may_not() -> None:
    body = encode_header(PLAIN_HEADER, LIMITS)
    for minor, readable in ((1, True), (0, False)):
        longer = BEGIN + encode_chunk(HEADER, bytes([minor]) + body[1:] + b"more", LIMITS)
        if readable:
            assert ContainerReader(io.BytesIO(longer)).header == PLAIN_HEADER
        else:
            with pytest.raises(BitstreamError, match="4 bytes too many"):
                ContainerReader(io.BytesIO(longer))


PLAIN_GOP = encode_gop(cast(GopChunk, PLAIN_CONTENTS[0]), LIMITS)


@pytest.mark.parametrize(
    ("type_", "body", "reason"),
    [
        (GOP, fields_of(1 << 60, 0, 1, 1, 0), "frames of a GOP is .* the limit is 1024"),
        (GOP, fields_of(1025, 0, 1, 1, 0), "frames of a GOP is 1025"),
        (GOP, fields_of(0), "no frames"),
        (GOP, fields_of(2, 0, 3, 4, 3), "phase"),
        (GOP, fields_of(2, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), "do not increase"),
        (GOP, fields_of(2, 0, 1, 2**64 - 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), "end of a GOP .* 64 bits"),
        (GOP, fields_of(1, 0, 0, 0, 0, 1, 0x10, 0, 0, 0, 0), "half byte"),
        (GOP, fields_of(1, 0, 0, 0) + b"\xff", "past the end"),
        (PACKETS, fields_of(1 << 40), "packets of a chunk is .* limit"),
        (PACKETS, fields_of(1, 0, 0, 1 << 50), "size of a field"),
        (PACKETS, fields_of(1, 0, 0, 0), "track 0, of 0"),
        (PACKETS, fields_of(1, 2, 0), "not there"),
        (PACKETS, fields_of(1, 1, 2**63), "time of a packet .* 64 bits"),
        (INDEX, fields_of(1, 2**63, 0, 1), "place of a GOP .* 64 bits"),
        (INDEX, fields_of(1 << 50), "number of GOPs is .* limit"),
        (INDEX, fields_of(0, 0, 0, 9, 0, 0, 0), "size wrong"),
        (HEADER, encode_header(PLAIN_HEADER, LIMITS), "second header"),
        (GOP, PLAIN_GOP, "not after"),
    ],
)
def test_a_hostile_chunk_with_a_right_checksum_is_refused(type_: bytes, body: bytes, reason: str) -> None:
    with pytest.raises(BitstreamError, match=f"^chunk 2 at byte .*{reason}"):
        read(plain_with((GOP, PLAIN_GOP), (type_, body)))


def endless_chunk() -> bytes:
    return plain_with() + SYNC + GOP + fields_of(LIMITS.chunk_bytes) + b"little"


def too_long_chunk() -> bytes:
    return plain_with() + SYNC + GOP + fields_of(LIMITS.chunk_bytes + 1) + b"little"


def endless_extradata() -> bytes:
    header = encode_header(PLAIN_HEADER, LIMITS)[:-1]
    track = fields_of(1, 0, 0, 0, 1, 1, LIMITS.extradata_bytes)
    return BEGIN + encode_chunk(HEADER, header + track, LIMITS)


@pytest.mark.parametrize("make", [endless_chunk, too_long_chunk, endless_extradata])
def test_a_size_that_is_a_lie_costs_no_memory(make: Callable[[], bytes]) -> None:
    data = make()
    tracemalloc.start()
    try:
        with pytest.raises(BitstreamError):
            read(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


def test_limits_can_be_narrowed() -> None:
    with pytest.raises(BitstreamError, match="1439x1080"):
        ContainerReader(io.BytesIO(FULL), Limits(width=1280))
    longer = plain_with((GOP, encode_gop(GopChunk((0,), 0, 0, 0, b"", 0, bytes(100)), LIMITS)))
    with pytest.raises(BitstreamError, match="its size is"):
        list(ContainerReader(io.BytesIO(longer), Limits(chunk_bytes=60)).chunks())


def test_a_file_that_would_block_is_an_error_and_no_end() -> None:
    class Waiting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return cast(bytes, None)

    with pytest.raises(BlockingIOError):
        ContainerReader(cast(BinaryIO, Waiting()))


def test_a_header_of_unknown_flags_is_refused() -> None:
    body = bytearray(encode_header(StreamHeader(1, 1, PLAIN_HEADER.time_base, bytes(16)), LIMITS))
    body[3] |= 0x20  # minor, width and height are a byte each
    with pytest.raises(BitstreamError, match="flags"):
        ContainerReader(io.BytesIO(BEGIN + encode_chunk(HEADER, bytes(body), LIMITS)))
