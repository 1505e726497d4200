from __future__ import annotations

import io
import json
import lzma
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nvcodec.benchmarks.packers import PACKERS, best_packed, level_arrangements, sign_arrangements
from nvcodec.benchmarks.report.token_tables import token_tables
from nvcodec.benchmarks.tokens import FileReport, TokenReport, codebook_use, file_report, token_report

from nvcodec.codec import EncodeOptions, encode, inspect
from nvcodec.errors import UnsupportedInput

CARPHONE = Path(__file__).parents[1] / "clips" / "carphone.mp4"
OPTIONS = EncodeOptions(quality=40, gop=9, duration_s=0.5, scale="1/2")
ANS_BYTES = 12  # at most, that a group's payload is longer than its information: the coder's state


@pytest.fixture(scope="module")
def report() -> TokenReport:
    """Of a part of carphone, 88×72, in both readings."""
    return token_report([CARPHONE], OPTIONS)


@pytest.fixture(scope="module")
def tokens(report: TokenReport) -> FileReport:
    return report.files[0]


@pytest.fixture(scope="module")
def levels(report: TokenReport) -> FileReport:
    return report.files[1]


def information(file: FileReport) -> float:
    return sum(plane.first.bits + plane.later.bits for plane in file.planes)


def test_a_clip_is_reported_in_both_readings(report: TokenReport) -> None:
    assert [(file.source, file.reading) for file in report.files] == [
        ("carphone.mp4", "tokens"),
        ("carphone.mp4, quality 40", "levels"),
    ]


def test_every_sign_of_every_token_is_counted_once(tokens: FileReport) -> None:
    assert tokens.first > 1 and tokens.later > 1
    assert tokens.tokens == 11 * 9 * (tokens.first + tokens.later)
    assert [plane.name for plane in tokens.planes] == [f"sign {number}" for number in range(18)]
    assert {plane.first.symbols for plane in tokens.planes} == {11 * 9 * tokens.first}
    assert {plane.later.symbols for plane in tokens.planes} == {11 * 9 * tokens.later}


def test_bits_of_planes_add_up_to_the_payload(tokens: FileReport, levels: FileReport) -> None:
    for file in (tokens, levels):
        excess = file.payload_bytes - information(file) / 8
        assert 0 <= excess <= ANS_BYTES * file.first


def test_bits_per_token_are_the_mean_of_first_and_later_frames(tokens: FileReport) -> None:
    first, later = tokens.bits_per_token_in(first=True), tokens.bits_per_token_in(first=False)
    assert first is not None and later is not None and tokens.raw_bits_per_token == 18
    mean = (first * tokens.first + later * tokens.later) / (tokens.first + tokens.later)
    assert mean == pytest.approx(information(tokens) / tokens.tokens)
    assert mean <= tokens.bits_per_token < mean + 8 * ANS_BYTES * tokens.first / tokens.tokens


def test_planes_of_levels_are_those_that_inspect_reports(levels: FileReport) -> None:
    file = io.BytesIO()
    encode(CARPHONE, file, replace(OPTIONS, audio=False))
    file.seek(0)
    seen = inspect(file).bits_by_plane
    assert {plane.name: plane.first.bits + plane.later.bits for plane in levels.planes} == pytest.approx(seen)
    assert [plane.name for plane in levels.planes] == list(seen)
    assert levels.planes[0].name == "motion" and levels.planes[0].first.symbols == 0


def test_a_coded_file_is_reported_as_it_is(tokens: FileReport, tmp_path: Path) -> None:
    path = tmp_path / "coded.mgv"
    with open(path, "wb") as file:
        encode(CARPHONE, file, replace(OPTIONS, tokens=True, audio=False))
    (again,) = token_report([path]).files
    assert again == replace(tokens, source="coded.mgv")


def test_a_still_has_no_later_frames() -> None:
    file = io.BytesIO()
    encode(CARPHONE, file, replace(OPTIONS, tokens=True, audio=False, duration_s=0.01))
    file.seek(0)
    still = file_report(file, "still")
    assert (still.frames, still.first, still.later) == (1, 1, 0)
    assert still.bits_per_token_in(first=False) is None
    assert still.planes[0].later.each is None


def test_what_is_no_video_is_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(UnsupportedInput):
        token_report([path])


def test_codebook_use_counts_distinct_tokens_and_their_entropy() -> None:
    signs = np.zeros((8, 18), bool)
    signs[4:, 0] = True
    signs[6:, 17] = True  # token 0 four times, and two others twice
    use = codebook_use(signs)
    assert (use.tokens, use.distinct) == (8, 3)
    assert use.entropy == pytest.approx(1.5) and use.perplexity == pytest.approx(2**1.5)
    assert codebook_use(np.zeros((5, 18), bool)).perplexity == 1


def test_every_arrangement_of_signs_holds_all_of_them() -> None:
    signs = np.random.default_rng(1).random((3, 20, 18)) < 0.5
    sizes = {name: len(data) for name, data in sign_arrangements(signs)}
    assert len(sizes) == 12
    assert {size for name, size in sizes.items() if "packed" in name} == {3 * 20 * 18 / 8}
    assert {size for name, size in sizes.items() if "a byte a bit" in name} == {3 * 20 * 18}


def test_every_arrangement_of_levels_tells_all_of_them() -> None:
    levels = np.random.default_rng(2).integers(-3, 4, (2, 8, 5)).astype(np.int16)
    levels[:, :, 3] = 0  # a column nobody needs to send
    found = dict(level_arrangements(levels))
    values = np.frombuffer(found["values, position by position"], np.int8).reshape(2, 8, 4)
    assert np.array_equal(values, np.delete(levels, 3, axis=2))
    bits = np.unpackbits(np.frombuffer(found["planes packed, position by position"], np.uint8))
    nonzero = values[values != 0]
    assert np.array_equal(2 * bits[:64] + bits[64:128], np.abs(values).ravel())
    assert np.array_equal(bits[128 : 128 + len(nonzero)], nonzero < 0)
    large = levels * 100
    assert len(dict(level_arrangements(large))["values, column by column"]) == 2 * 64


def test_packers_lose_nothing_and_carry_no_header() -> None:
    import zstandard

    data = np.packbits(np.random.default_rng(3).random(80_000) < 0.05).tobytes()
    packed = {name: pack(data) for name, pack in PACKERS.items()}
    assert zlib.decompress(packed["zlib"], -15) == data
    assert lzma.decompress(packed["xz"], lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}]) == data
    unpacker = zstandard.ZstdDecompressor(format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    assert unpacker.decompress(packed["zstd"], max_output_size=len(data)) == data
    assert all(len(pack(b"")) <= 5 for pack in PACKERS.values())


def test_the_best_arrangement_counts() -> None:
    """A plane that never changes costs nothing, however wild the others are, where planes lie by themselves."""
    signs = np.zeros((4, 100, 18), bool)
    signs[:, :, 0] = np.random.default_rng(4).random((4, 100)) < 0.5
    for packed in best_packed(sign_arrangements(signs)):
        assert "token by token" not in packed.arrangement
        assert packed.bytes == min(len(PACKERS[packed.packer](data)) for _, data in sign_arrangements(signs))


def test_the_report_is_json_with_every_figure(report: TokenReport) -> None:
    files = json.loads(report.to_json())["files"]
    assert [file["reading"] for file in files] == ["tokens", "levels"]
    assert files[0]["codebook"]["distinct"] <= files[0]["codebook"]["tokens"] == files[0]["tokens"]
    assert {packed["packer"] for packed in files[1]["packed"]} == {"zlib", "zstd", "xz"}


def test_tables_show_tokens_planes_and_rivals(report: TokenReport) -> None:
    titles = [table.title for table in token_tables(report)]
    assert titles == [
        "Tokens: bits each",
        "carphone.mp4: bits per sign, plane by plane",
        "carphone.mp4, quality 40: bits, plane by plane",
        "The same planes, packed by others",
    ]
