"""Damaged and unfinished files on the command line: what is lost is said, and the status tells it apart."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from nvcodec.bitstream import ContainerReader

from .support import contents, run, run_well

DAMAGED = 3


@pytest.fixture
def damaged(coded: Path, tmp_path: Path) -> Path:
    """The bunny with a bit of its first group flipped."""
    data = bytearray(coded.read_bytes())
    data[ContainerReader(io.BytesIO(data)).index().entries[0].offset + 100] ^= 1
    path = tmp_path / "bunny.mgv"
    path.write_bytes(data)
    return path


def test_what_is_lost_is_said_with_times_and_the_status_tells(damaged: Path, tmp_path: Path) -> None:
    result = run("decode", damaged.name, "out.mp4", "--quiet", cwd=tmp_path)
    assert (result.code, result.out) == (DAMAGED, b"")
    (line,) = result.err.splitlines()
    assert line.startswith("nvcodec: bunny.mgv: lost from 0.000 s to 0.360 s: 9 frames, concealed (chunk 2 at byte ")
    assert (tmp_path / "out.mp4").exists()


def test_programs_are_told_the_same(damaged: Path, tmp_path: Path) -> None:
    result = run("decode", damaged.name, "out.mp4", "--json", cwd=tmp_path)
    assert result.code == DAMAGED
    assert (result.json["frames"], result.json["gops"]) == (15, 1)
    (loss,) = result.json["losses"]
    assert (loss["start_s"], loss["end_s"], loss["frames"]) == (0.0, 0.36, 9)
    assert result.json["damage"] == [loss["reason"]]


def test_strict_decoding_writes_nothing(damaged: Path, tmp_path: Path) -> None:
    result = run("decode", damaged.name, "out.mp4", "--strict", cwd=tmp_path)
    assert result.code == 1 and "chunk 2 at byte" in result.error
    assert list(contents(tmp_path)) == ["bunny.mgv"]


def test_an_unfinished_file_is_finished_and_then_whole(coded: Path, tmp_path: Path) -> None:
    data = coded.read_bytes()
    (tmp_path / "cut.mgv").write_bytes(data[:-10])
    result = run("repair", "cut.mgv", "whole.mgv", cwd=tmp_path)
    assert result.code == 0
    assert "the file ends after" in result.err and "repaired; 2 GOPs, 15 frames" in result.text
    assert (tmp_path / "whole.mgv").read_bytes() == data


def test_a_repaired_file_decodes_without_a_word(damaged: Path, tmp_path: Path) -> None:
    result = run("repair", damaged.name, "whole.mgv", "--json", cwd=tmp_path)
    assert result.code == 0 and "9 frames, left out" in result.err
    assert result.json["gops"] == 1 and result.json["losses"][0]["frames"] == 9
    run_well("verify", "whole.mgv", cwd=tmp_path)
    assert run_well("decode", "whole.mgv", "out.mp4", "--quiet", cwd=tmp_path).err == ""


def test_a_file_without_a_header_cannot_be_repaired_and_leaves_nothing(damaged: Path, tmp_path: Path) -> None:
    data = bytearray(damaged.read_bytes())
    data[20] ^= 1
    damaged.write_bytes(data)
    result = run("repair", damaged.name, "whole.mgv", cwd=tmp_path)
    assert result.code == 1 and "chunk 0 at byte 9" in result.error
    assert list(contents(tmp_path)) == ["bunny.mgv"]
