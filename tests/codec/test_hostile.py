"""A file that claims what no memory holds is refused for little, and the caller says how much is too much."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from nvcodec.bitstream import (
    RECOVERY,
    BitstreamError,
    ContainerReader,
    ContainerWriter,
    Excerpt,
    GopChunk,
    Limits,
    StreamHeader,
    check_claim,
)
from nvcodec.bitstream.chunk import GOP, encode_chunk
from nvcodec.bitstream.gop import encode_gop

from nvcodec.codec import DecodeOptions, decode, inspect, verify_deep
from nvcodec.codec.thin import thin
from nvcodec.errors import NvcodecError
from nvcodec.prior.coding import LatentCoder
from nvcodec.weights import load

from .support import contents, rebuilt

HOUR_S, RATE = 3600, 10
TRUSTING = Limits(gop_credit=1 << 40)

# Growth of the peak, over all ways and files, over that of a process which has everything loaded, in kB on Linux.
COST = """
import io, resource, sys
import nvcodec.media.writer
from nvcodec.codec import DecodeOptions, decode, inspect, verify_deep
from nvcodec.codec.thin import thin
from nvcodec.errors import NvcodecError
from nvcodec.weights import load
load("tiny", "cpu")
target, *sources = sys.argv[1:]
ways = (
    lambda file: decode(file, target, DecodeOptions(strict=True)),
    lambda file: decode(file, target),
    inspect,
    lambda file: thin(file, io.BytesIO(), planes=1),
)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for source in sources:
    for way in ways:
        try:
            way(open(source, "rb"))
            sys.exit(source + " is believed")
        except NvcodecError:
            pass
    if verify_deep(open(source, "rb")).gops:
        sys.exit(source + " is called whole")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def header_of(width: int, height: int) -> StreamHeader:
    model = load("tiny", "cpu")
    return StreamHeader(width, height, Fraction(1, RATE), model.model_id, profile=model.profile)


def claim(frames: int, step: int, counts: bytes, payload: bytes = b"\1") -> bytes:
    """A file that says to be an hour of 8192×4320, in groups of `frames` frames, `step` tenths of a second apart."""
    file = io.BytesIO()
    writer = ContainerWriter(file, TRUSTING)
    writer.write_header(header_of(8192, 4320))
    for first in range(0, HOUR_S * RATE, frames * step):
        pts = tuple(range(first, first + frames * step, step))
        writer.write_gop(GopChunk(pts, step, 50, 50, counts, 0, payload))
    writer.finish()
    return file.getvalue()


# Frames of a group: one alone, as many as are usual, as many as a reader believes, and more; and how far apart.
CUTS = {1: 1000, 5: 200, 25: 40, 1021: 1}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is in kB on Linux alone")
def test_two_kilobytes_that_claim_an_hour_of_8k_cost_less_than_100_mb_however_they_are_cut(tmp_path: Path) -> None:
    sources = [tmp_path / f"{frames}.mgv" for frames in CUTS]
    for source, (frames, step) in zip(sources, CUTS.items(), strict=True):
        source.write_bytes(claim(frames, step, bytes([8] * 5)))
        assert source.stat().st_size < 2048
    command = [sys.executable, "-c", COST, str(tmp_path / "out.mkv"), *map(str, sources)]
    growth_kb = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(growth_kb) < 100_000
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize("frames", CUTS)
def test_of_such_a_file_not_a_single_plane_is_decoded(
    frames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[object] = []
    monkeypatch.setattr(LatentCoder, "__init__", lambda *arguments: decoded.append(arguments))
    with pytest.raises(NvcodecError, match="the limits allow"):
        decode(io.BytesIO(claim(frames, CUTS[frames], bytes([8] * 5))), tmp_path / "out.mkv")
    assert decoded == []


def test_pictures_of_nothing_are_no_way_around_it(tmp_path: Path) -> None:
    with pytest.raises(NvcodecError, match="fewer than any encoder takes"):
        decode(io.BytesIO(claim(5, 200, bytes(10), b"")), tmp_path / "out.mkv", DecodeOptions(strict=True))


def test_the_caller_widens_and_narrows_what_a_decoder_believes(carphone: bytes, tmp_path: Path) -> None:
    for limits, reason, error in (
        (replace(RECOVERY, width=80), "88x72", BitstreamError),
        (replace(RECOVERY, frames_per_gop=4), "number of frames", BitstreamError),
        (replace(RECOVERY, cells_per_gop=100), "the limits allow", NvcodecError),
        (replace(RECOVERY, gop_credit=-(1 << 20)), "fewer than any encoder takes", NvcodecError),
    ):
        with pytest.raises(error, match=reason):
            decode(io.BytesIO(carphone), tmp_path / "out.mkv", DecodeOptions(strict=True, limits=limits))
        with pytest.raises(error, match=reason):
            inspect(io.BytesIO(carphone), limits)
        with pytest.raises(error, match=reason):
            thin(io.BytesIO(carphone), io.BytesIO(), planes=1, limits=limits)
        if error is NvcodecError:
            report = verify_deep(io.BytesIO(carphone), limits=limits)
            assert report.gops == 0 and reason in str(report.damage[0])


def test_a_writer_makes_room_for_pictures_of_next_to_nothing_so_that_readers_believe_them() -> None:
    header, limits = header_of(3840, 2160), Limits()
    gop = GopChunk(tuple(range(13)), 1, 50, 50, bytes(10), 0, b"")
    data = rebuilt(header, [replace(gop, pts=tuple(13 * number + pts for pts in gop.pts)) for number in range(3)])
    _, gops, _ = contents(data)
    due = 480 * 270 // 32 + 480 * 270 * 3 // 1024
    assert len(gops) == 3 and min(each.room for each in gops) >= due - limits.gop_credit
    assert len(data) < 3 * (due - limits.gop_credit) + 300  # and no more than that


def test_filler_before_a_group_pays_for_it_wherever_reading_begins() -> None:
    header = header_of(3840, 2160)
    gops = [GopChunk(tuple(range(first, first + 13)), 1, 50, 50, bytes(10), 0, b"") for first in range(0, 52, 13)]
    part = list(Excerpt(ContainerReader(io.BytesIO(rebuilt(header, gops))), Fraction(3), Fraction(1)))
    assert [gop.begin for gop in part if isinstance(gop, GopChunk)] == [26, 39]
    for gop in part:
        assert isinstance(gop, GopChunk)
        check_claim(header, gop, Limits())


def test_bytes_are_owed_by_every_group_anew() -> None:
    """What came before a group's predecessor pays nothing for it."""
    header = header_of(8192, 4320)
    file = io.BytesIO()
    writer = ContainerWriter(file, TRUSTING)
    writer.write_header(header)
    writer.write_gop(GopChunk((0,), 1, 50, 50, bytes([8] * 5), 0, bytes(9999) + b"\1"))
    second = encode_chunk(GOP, encode_gop(GopChunk((1,), 1, 50, 50, bytes([8] * 5), 0, b"\1"), TRUSTING), TRUSTING)
    gops = list(ContainerReader(io.BytesIO(file.getvalue() + second), TRUSTING).chunks(damage=[]))
    assert all(isinstance(gop, GopChunk) for gop in gops)
    assert [gop.room > 2048 for gop in gops if isinstance(gop, GopChunk)] == [True, False]
