"""`nvcodec bench` as its users run it: another process, another folder, nothing but files and words between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nvcodec.benchmarks.results import read_results

from tests.cli.support import BUNNY, COMMAND, Result, environment, run

SMALL = ("--frames", "5", "--scale", "96x64", "--threads", "1", "--metrics", "psnr_y,vmaf")
FEW = ("--against", "h264", "--quality", "30", "--quality", "h264=43,35")
FILES = {"report.html", "results.csv", "results.json"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests here share."""
    return tmp_path_factory.mktemp("cache")


def bench(cwd: Path, cache: Path, *arguments: str | Path, **environment: str) -> Result:
    return run("bench", *arguments, cwd=cwd, env={"NVCODEC_BENCH_CACHE": str(cache), **environment})


def test_a_run_ends_with_tables_a_page_and_files(tmp_path: Path, cache: Path) -> None:
    result = bench(tmp_path, cache, BUNNY, *SMALL, *FEW)
    assert result.code == 0, result.err
    folder = tmp_path / "nvcodec-bench"
    assert {path.name for path in folder.iterdir()} == FILES
    results = read_results(folder / "results.json")
    assert {coder.family for coder in results.coders} == {"nvcodec", "h264"}
    assert {coder.tuned for coder in results.coders if coder.family == "h264"} == {"psnr", "eyes"}
    assert "x264 veryslow" in result.text and "VMAF" in result.text and "Speed and memory" in result.text
    assert "nvcodec-bench/report.html shows it all".replace("/", os.sep) in result.text
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "x264 veryslow" in page and "data:image/png" in page
    assert len((folder / "results.csv").read_text().splitlines()) == 1 + len(results.measurements) == 6

    again = bench(tmp_path, cache, BUNNY, *SMALL, *FEW, "--json")  # its own files are no obstacle
    assert again.code == 0 and again.err == ""
    assert again.json["measurements"] == json.loads((folder / "results.json").read_text())["measurements"]


def test_ctrl_c_leaves_nothing_running_and_nothing_half_done_and_the_next_run_goes_on(
    tmp_path: Path, cache: Path
) -> None:
    rivals = ("--against", "x264-veryslow,vvenc-slow", "--quality", "30")
    arguments = ("bench", str(BUNNY), *SMALL, *rivals, "--out", "out")
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        env=environment(NVCODEC_BENCH_CACHE=str(tmp_path / "cache")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list((tmp_path / "cache").rglob("*.metrics.json")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130 and out == "", err
    lines = err.splitlines()
    assert lines[-1] == "nvcodec: interrupted" and "the same command goes on from there" in lines[-2]
    assert not (tmp_path / "out").exists()
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept and not [path for path in kept if path.name.startswith(".")]
    if sys.platform == "linux":
        assert working_on(tmp_path) == []


def working_on(folder: Path) -> list[str]:
    """Command lines of programs that write into a cache below `folder`, which a test was told to use."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (path / "environ").read_bytes():
                found.append((path / "cmdline").read_text())
        except OSError:  # gone meanwhile
            continue
    return [line for line in found if line]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    result = bench(tmp_path, cache, BUNNY, *SMALL, *FEW, "--out", "out")
    assert result.error == "out holds other files, such as thesis.tex (-f writes there all the same)"
    assert bench(tmp_path, cache, BUNNY, *SMALL, *FEW, "--out", "out", "-f", "--quiet").code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*FILES, "thesis.tex"}
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"
    missing = bench(tmp_path, cache, BUNNY, *SMALL, *FEW, "--out", "no/out")
    assert "there is no folder no" in missing.error
    onto_a_file = bench(tmp_path, cache, BUNNY, *SMALL, *FEW, "--out", "out/thesis.tex")
    assert "is not a folder" in onto_a_file.error


@pytest.mark.parametrize("package", ["bjontegaard", "zstandard"])
def test_without_the_extra_one_line_says_how_to_install_it(package: str, tmp_path: Path, cache: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys, importlib.util as u\n"
        "real = u.find_spec\n"
        f"u.find_spec = lambda name, package=None: None if name == {package!r} else real(name, package)\n"
    )
    path = os.pathsep.join([str(hidden), environment()["PYTHONPATH"]])
    result = bench(tmp_path, cache, BUNNY, PYTHONPATH=path)
    assert result.error == f"nvcodec bench needs the package {package}: pip install 'nvcodec[bench]'"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--against", "mpeg2"], "--against: there is no 'mpeg2'"),
        (["--metrics", "beauty"], "there is no metric 'beauty'"),
        (["--quality", "mpeg2=3"], "--quality: there is no 'mpeg2'"),
        (["--model", "huge"], "there is no model 'huge'"),
        (["--scale", "big"], "scale 'big' is neither"),
    ],
)
def test_what_there_is_not_is_one_line(arguments: list[str], said: str, tmp_path: Path, cache: Path) -> None:
    assert said in bench(tmp_path, cache, BUNNY, "--frames", "1", *arguments).error
    assert not (tmp_path / "nvcodec-bench").exists()


def test_settings_that_are_no_numbers_are_not_understood(tmp_path: Path, cache: Path) -> None:
    result = bench(tmp_path, cache, BUNNY, "--quality", "hevc=good")
    assert result.code == 2 and "'hevc=good' is not a list of numbers" in result.err


def test_a_clip_that_cannot_be_read_is_one_line(tmp_path: Path, cache: Path) -> None:
    assert "nothing.mp4" in bench(tmp_path, cache, "nothing.mp4").error


def test_tokens_have_a_report_of_their_own(tmp_path: Path, cache: Path) -> None:
    result = bench(tmp_path, cache, BUNNY, "--tokens", "--scale", "1/4", "--out", "out", "--threads", "1")
    assert result.code == 0, result.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"tokens.json"}
    assert json.loads((tmp_path / "out" / "tokens.json").read_text())["files"]
    assert "zstd" in result.text
