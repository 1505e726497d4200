"""Two commands to one output: one wins, the other says so, and nothing is left beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nvcodec.sole_writer import sole_writer

from .support import BUNNY, contents, run, run_well
from .test_interruption import wait
from .test_streaming import GOP, HEADER, frame, started

SAID = "is being written by another process"


@pytest.mark.skipif(sys.platform == "win32", reason="as for test_streaming")
def test_of_two_encodes_the_first_wins_and_the_second_says_so(tmp_path: Path) -> None:
    with started(tmp_path, "encode", "-", "out.mgv", "--gop", str(GOP), "--quiet") as first:
        assert first.stdin and first.stdout
        first.stdin.write(HEADER + frame(0))
        first.stdin.flush()
        wait(first, (tmp_path / ".out.mgv.lock").exists)
        second = run("encode", BUNNY, "out.mgv", "-f", "--scale", "64x36", "--duration", "0.2", cwd=tmp_path)
        assert second.error.endswith(f"out.mgv {SAID}")
        first.stdin.close()
        assert first.wait() == 0
    assert list(contents(tmp_path)) == ["out.mgv"]
    assert run_well("info", "out.mgv", "--json", cwd=tmp_path).json["frames"] == 1


@pytest.mark.parametrize("name", ["out.mp4", "frames-%d.png"])
def test_a_decode_to_what_another_writes_says_so(name: str, coded: Path, tmp_path: Path) -> None:
    with sole_writer(tmp_path / name):
        assert SAID in run("decode", coded, name, "-f", cwd=tmp_path).error
    assert list(tmp_path.iterdir()) == []


def test_the_container_can_be_said(coded: Path, tmp_path: Path) -> None:
    run_well("decode", coded, "out.bin", "--container", "y4m", cwd=tmp_path)
    assert (tmp_path / "out.bin").read_bytes().startswith(b"YUV4MPEG2 W160 H90 ")
    assert run("decode", coded, "-", "--container", "mp4", cwd=tmp_path).error.startswith(
        "a pipe takes matroska or y4m"
    )


def test_info_of_a_file_that_is_being_written_says_where_it_ends(coded: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mgv.part").write_bytes(coded.read_bytes()[:-40])
    assert "the file ends" in run("info", "out.mgv.part", cwd=tmp_path).error
