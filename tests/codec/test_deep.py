"""`verify_deep`: what it calls whole decodes to what was encoded, and what does not is named with place and time."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from nvcodec.bitstream import verify

from nvcodec.codec import Progress, verify_deep

from .damage import broken, groups
from .support import contents, rebuilt

DATA = (Path(__file__).parents[1] / "bitstream" / "golden" / "hashed-1.0.mgv").read_bytes()
GROUPS = groups(DATA)


def with_other_planes(number: int) -> bytes:
    """The file with the checksum of one GOP's planes changed: every other checksum and the hash are right."""
    header, gops, _ = contents(DATA)
    return rebuilt(header, [replace(gop, planes_crc=gop.planes_crc ^ (at == number)) for at, gop in enumerate(gops)])


def test_a_whole_file_is_whole_and_progress_reaches_its_last_frame() -> None:
    seen: list[Progress] = []
    report = verify_deep(io.BytesIO(DATA), seen.append)
    shallow = verify(io.BytesIO(DATA))
    assert report.whole and not report.losses
    assert all(getattr(report, name) == value for name, value in vars(shallow).items())
    assert len(seen) == report.gops == len(GROUPS) > 1
    assert (seen[-1].frames, seen[-1].total) == (report.frames, report.frames)


def test_planes_that_are_not_those_encoded_are_named_though_every_checksum_of_the_file_is_right() -> None:
    data = with_other_planes(1)
    assert verify(io.BytesIO(data)).whole
    report = verify_deep(io.BytesIO(data))
    (error,), (loss,) = report.damage, report.losses
    assert (error.chunk, error.offset) == (2, groups(data)[1].begin)
    assert loss.reason == str(error) and "GOP 1, which begins at" in loss.reason
    assert f"begins at {loss.start_s:.3f} s" in loss.reason and loss.end_s > loss.start_s > 0
    assert report.gops == len(GROUPS) - 1


def test_a_damaged_chunk_is_named_with_its_time_and_all_others_are_still_decoded() -> None:
    report = verify_deep(io.BytesIO(broken(DATA, GROUPS[0])))
    assert [error.offset for error in report.damage] == [GROUPS[0].begin]
    (loss,) = report.losses
    assert (loss.start_s, loss.reason) == (0.0, str(report.damage[0]))
    assert report.gops == len(GROUPS) - 1 and report.sha256 == ""
