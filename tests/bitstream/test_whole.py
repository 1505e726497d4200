"""SHA-256 of the whole: written by every writer, checked by every reader, and no file needs it."""

from __future__ import annotations

import io
from dataclasses import replace
from hashlib import sha256

import pytest
from nvcodec.bitstream import BitstreamError, GopChunk, Limits, concat, cut, repair, verify
from nvcodec.bitstream.chunk import WHOLE, encode_chunk

from .samples import FULL_CONTENTS, FULL_HEADER, PLAIN_CONTENTS, PLAIN_HEADER, hash_place, read, without_hash, write
from .second_reader import read_file

FULL = write(FULL_HEADER, FULL_CONTENTS)
HASH, INDEX = hash_place(FULL)


def test_the_hash_is_that_of_all_bytes_before_it() -> None:
    assert verify(io.BytesIO(FULL)).sha256 == sha256(FULL[:HASH]).hexdigest()


def test_a_file_without_a_hash_is_whole_and_has_none() -> None:
    report = verify(io.BytesIO(without_hash(FULL)))
    assert report.whole and report.sha256 == ""
    assert read(without_hash(FULL)) == (FULL_HEADER, FULL_CONTENTS)


def test_a_change_that_every_checksum_fits_is_noticed() -> None:
    """Another payload of the same size, in a chunk with the right CRC, in a file whose index agrees."""
    (gop,) = PLAIN_CONTENTS
    assert isinstance(gop, GopChunk)
    other = write(PLAIN_HEADER, [replace(gop, quality=gop.quality + 1)])
    first = write(PLAIN_HEADER, PLAIN_CONTENTS)
    begin, end = hash_place(first)
    forged = other[:begin] + first[begin:end] + other[end:]
    report = verify(io.BytesIO(forged))
    assert [error.reason for error in report.damage] == [
        "the SHA-256 of the whole is wrong: bytes before it are not those that were written"
    ]
    assert report.sha256 == ""
    with pytest.raises(BitstreamError, match="SHA-256 of the whole is wrong"):
        read(forged)


def test_a_hash_that_is_damaged_costs_nothing_else_and_is_said() -> None:
    data = bytearray(FULL)
    data[HASH + 10] ^= 1
    report = verify(io.BytesIO(data))
    assert [error.offset for error in report.damage] == [HASH]
    assert (report.gops, report.packets, report.sha256) == (3, 7, "")


@pytest.mark.parametrize(
    ("body", "reason"), [(b"short", "32 bytes, not 5"), (sha256(FULL[:INDEX]).digest(), "second SHA-256")]
)
def test_a_hash_that_can_be_none_is_refused(body: bytes, reason: str) -> None:
    place = HASH if len(body) < 32 else INDEX
    data = FULL[:place] + encode_chunk(WHOLE, body, Limits()) + FULL[place:]
    with pytest.raises(BitstreamError, match=reason):
        read(data)


def test_pictures_and_packets_after_the_hash_are_refused_for_it_is_not_of_them() -> None:
    packets = next(fields for kind, fields in read_file(FULL) if kind == "P" and not fields["packets"])
    begin, end = packets["begin"], packets["begin"] + packets["size"]
    data = FULL[:INDEX] + FULL[begin:end] + FULL[INDEX:]
    with pytest.raises(BitstreamError, match="come after the SHA-256"):
        read(data)


def test_what_is_cut_joined_and_repaired_has_a_hash_of_its_own() -> None:
    made: list[bytes] = []
    for make in (
        lambda target: cut(io.BytesIO(FULL), target),
        lambda target: concat([io.BytesIO(FULL), io.BytesIO(FULL)], target),
        lambda target: repair(io.BytesIO(FULL[:HASH]), target),
        lambda target: repair(io.BytesIO(without_hash(FULL)), target),
    ):
        target = io.BytesIO()
        make(target)
        made.append(target.getvalue())
    hashes = [verify(io.BytesIO(data)).sha256 for data in made]
    assert hashes == [sha256(data[: hash_place(data)[0]]).hexdigest() for data in made]
    assert made[0] == made[2] == made[3] != made[1]  # none of the four lost a picture or packet
