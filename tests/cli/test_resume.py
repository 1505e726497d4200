"""An encode that is killed and gone on with ends in the bytes of one that never was; two writers never meet."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nvcodec.errors import OutputError
from nvcodec.files import atomic_output

from .support import BUNNY, COMMAND, contents, environment, run, run_well

OPTIONS = ("--gop", "5", "--scale", "64x36", "--quiet")
ALONE, WORKERS = ("--threads", "1"), ("--threads", "2")
PART, RECORD = "out.mgv.part", "out.mgv.part.json"

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")


@pytest.fixture(scope="module", params=[ALONE, WORKERS], ids=["one process", "workers"])
def threads(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture(scope="module")
def whole(threads: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of an encode in one go."""
    folder = tmp_path_factory.mktemp("whole")
    run_well("encode", BUNNY, "out.mgv", *OPTIONS, *threads, cwd=folder)
    return (folder / "out.mgv").read_bytes()


def stopped_at(size: int, folder: Path, *options: str, by: str = "SIGKILL") -> tuple[int, str]:
    """Status and standard error of an encode that gets a signal when so many bytes have been written."""
    command = [*COMMAND, "encode", str(BUNNY), "out.mgv", *OPTIONS, *options]
    growing = PART if "--resume" in options else ".out.*.mgv"
    with subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not any(path.stat().st_size >= size for path in folder.glob(growing)):
            time.sleep(0.001)
        process.send_signal(signal.Signals[by])  # by its name, for Windows has none of the sort
        assert process.stderr is not None
        return process.wait(), process.stderr.read()


@needs_signals
@pytest.mark.parametrize("seed", [1, 2])
def test_an_encode_that_was_killed_twice_goes_on_to_the_same_bytes(
    seed: int, whole: bytes, threads: tuple[str, str], tmp_path: Path
) -> None:
    sizes = sorted(random.Random(seed).sample(range(1, len(whole) * 4 // 5), 2))
    for size in sizes:
        status, _ = stopped_at(size, tmp_path, "--resume", *threads)
        assert status == -signal.SIGKILL
        assert contents(tmp_path).keys() - {".out.mgv.lock"} == {PART, RECORD}
    run_well("encode", BUNNY, "out.mgv", *OPTIONS, "--resume", *threads, cwd=tmp_path)
    assert contents(tmp_path) == {"out.mgv": whole}


@needs_signals
def test_without_resume_a_killed_encode_leaves_no_output_and_is_in_nobodys_way(
    whole: bytes, threads: tuple[str, str], tmp_path: Path
) -> None:
    status, _ = stopped_at(len(whole) // 2, tmp_path, *threads)
    assert status == -signal.SIGKILL
    assert all(name.startswith(".out.") for name in contents(tmp_path))
    run_well("encode", BUNNY, "out.mgv", *OPTIONS, *threads, cwd=tmp_path)
    assert (tmp_path / "out.mgv").read_bytes() == whole


@needs_signals
def test_ctrl_c_says_how_to_go_on(whole: bytes, threads: tuple[str, str], tmp_path: Path) -> None:
    said = stopped_at(len(whole) // 2, tmp_path, "--resume", *threads, by="SIGINT")
    assert said == (130, "nvcodec: interrupted; the same command goes on from out.mgv.part\n")
    assert contents(tmp_path).keys() == {PART, RECORD}
    run_well("encode", BUNNY, "out.mgv", *OPTIONS, "--resume", *threads, cwd=tmp_path)
    assert contents(tmp_path) == {"out.mgv": whole}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_a_full_disk_says_how_to_go_on(tmp_path: Path) -> None:
    command = ("encode", BUNNY, "out.mgv", *OPTIONS, *ALONE, "--resume")
    result = run(*command, cwd=tmp_path, limit_file_bytes=20_000)
    assert result.code == 1
    assert result.error == ("out.mgv cannot be written: File too large; the same command goes on from out.mgv.part")
    run_well(*command, cwd=tmp_path)
    assert list(contents(tmp_path)) == ["out.mgv"]
    run_well("verify", "out.mgv", cwd=tmp_path)


def test_before_there_is_anything_to_go_on_with_nothing_is_said_of_it(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no video")
    result = run("encode", "in.mp4", "out.mgv", "--resume", cwd=tmp_path)
    assert result.code == 1 and "goes on" not in result.error
    assert list(contents(tmp_path)) == ["in.mp4"]


@needs_signals
def test_a_partial_file_of_other_options_is_refused_and_force_begins_anew(tmp_path: Path) -> None:
    stopped_at(20_000, tmp_path, *ALONE, "--resume", "-q", "30")
    again = ("encode", BUNNY, "out.mgv", *OPTIONS, *ALONE, "--resume")
    result = run(*again, cwd=tmp_path)
    assert result.code == 1
    assert result.error == "out.mgv.part was begun with other values of options.quality; -f begins anew"
    run_well(*again, "-f", cwd=tmp_path)
    run_well("encode", BUNNY, "new.mgv", *OPTIONS, *ALONE, cwd=tmp_path)
    files = contents(tmp_path)
    assert files.keys() == {"out.mgv", "new.mgv"} and files["out.mgv"] == files["new.mgv"]


@needs_signals
def test_an_encode_without_resume_leaves_a_partial_file_alone(tmp_path: Path) -> None:
    stopped_at(20_000, tmp_path, *ALONE, "--resume")
    before = contents(tmp_path)
    run_well("encode", BUNNY, "out.mgv", *OPTIONS, *ALONE, "-f", "--duration", "0.2", cwd=tmp_path)
    after = contents(tmp_path)
    assert {name: after[name] for name in (PART, RECORD)} == {name: before[name] for name in (PART, RECORD)}


def test_an_output_that_is_there_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "out.mgv").write_bytes(b"precious")
    result = run("encode", BUNNY, "out.mgv", *OPTIONS, "--resume", cwd=tmp_path)
    assert result.error == "out.mgv exists already (-f replaces it)"
    assert contents(tmp_path) == {"out.mgv": b"precious"}


def test_a_pipe_cannot_be_resumed(tmp_path: Path) -> None:
    assert "pipe cannot be resumed" in run("encode", "-", "out.mgv", "--resume", cwd=tmp_path).error


@pytest.mark.parametrize("rate", [("--bitrate", "50k"), ("--target-size", "1M")])
def test_a_search_cannot_be_resumed(rate: tuple[str, str], tmp_path: Path) -> None:
    result = run("encode", BUNNY, "out.mgv", *rate, "--resume", cwd=tmp_path)
    assert result.code == 2 and "--resume goes with -q" in result.err
    assert contents(tmp_path) == {}


def test_the_second_of_two_writers_is_told_at_once(tmp_path: Path) -> None:
    with atomic_output(tmp_path / "out.mgv") as file:
        file.write(b"mine")
        again = atomic_output(tmp_path / "out.mgv", force=True)
        with pytest.raises(OutputError, match="is being written by another process"), again:
            pass
        for options in ((), ("--resume",)):
            result = run("encode", BUNNY, "out.mgv", *OPTIONS, *options, cwd=tmp_path)
            assert "is being written by another process" in result.error and "goes on" not in result.error
    assert contents(tmp_path) == {"out.mgv": b"mine"}
