"""`nvcodec tokens`, as its users run it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from .support import BUNNY, contents, run, run_well

PART = ("--scale", "1/2", "--duration", "0.2", "--gop", "5")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first five frames of the bunny, 160x90, as tokens."""
    folder = tmp_path_factory.mktemp("tokens")
    report = run_well("tokens", BUNNY, "bunny.npz", *PART, "--json", cwd=folder).json
    assert (report["frames"], report["gops"], report["shape"]) == (5, 1, [2, 12, 20])
    return folder / "bunny.npz"


def test_tokens_go_by_way_of_a_file_and_come_back_as_they_were(archive: Path, tmp_path: Path) -> None:
    run_well("tokens", archive, "bunny.mgv", cwd=tmp_path)
    run_well("verify", "bunny.mgv", "--deep", cwd=tmp_path)
    run_well("tokens", "bunny.mgv", "again.npz", cwd=tmp_path)
    assert (tmp_path / "again.npz").read_bytes() == archive.read_bytes()


def test_tokens_become_a_video_of_that_size(archive: Path, tmp_path: Path) -> None:
    said = run_well("tokens", archive, "bunny.mp4", cwd=tmp_path).text
    assert "160x90, 5 frames, 2x12x20 tokens" in said
    assert run_well("encode", "bunny.mp4", "-", cwd=tmp_path).out.startswith(b"\x8aMGV")


def test_the_language_models_tokens_become_a_video_and_no_file_of_the_codecs(tmp_path: Path) -> None:
    run_well("tokens", BUNNY, "own.npz", *PART, "--model", "compact", cwd=tmp_path)
    said = run_well("tokens", "own.npz", "own.mp4", cwd=tmp_path).text
    assert "160x90, 5 frames, 2x12x20 tokens" in said
    before = contents(tmp_path)
    assert "a .mgv file holds a codec's tokens" in run("tokens", "own.npz", "own.mgv", cwd=tmp_path).error
    assert contents(tmp_path) == before


def test_pipes_carry_what_files_hold(archive: Path, tmp_path: Path) -> None:
    video = run_well("tokens", "-", "-", cwd=tmp_path, stdin=archive.read_bytes()).out
    assert video.startswith(b"\x1aE\xdf\xa3")  # Matroska
    piped = run_well("tokens", "-", "-", cwd=tmp_path, stdin=video).out
    (tmp_path / "video.mkv").write_bytes(video)
    run_well("tokens", "video.mkv", "tokens.npz", cwd=tmp_path)
    assert same_arrays(piped, (tmp_path / "tokens.npz").read_bytes())
    run_well("tokens", archive, "bunny.mgv", cwd=tmp_path)
    coded = run_well("tokens", "-", "-", cwd=tmp_path, stdin=(tmp_path / "bunny.mgv").read_bytes()).out
    assert same_arrays(coded, archive.read_bytes())


def same_arrays(one: bytes, two: bytes) -> bool:
    """Whether two archives hold the same; their bytes differ where one went to a pipe, which cannot seek."""
    with np.load(io.BytesIO(one), allow_pickle=False) as a, np.load(io.BytesIO(two), allow_pickle=False) as b:
        return a.files == b.files and all(np.array_equal(a[name], b[name]) for name in a.files)


def test_what_fails_leaves_nothing_and_replaces_nothing(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "there.npz").write_bytes(b"mine")
    (tmp_path / "broken.npz").write_bytes(archive.read_bytes()[:500])
    before = contents(tmp_path)
    assert "-f replaces it" in run("tokens", BUNNY, "there.npz", *PART, cwd=tmp_path).error
    assert "broken.npz: it is no .npz of tokens" in run("tokens", "broken.npz", "out.mp4", cwd=tmp_path).error
    assert "no such file" in run("tokens", "nothing.mp4", "out.npz", cwd=tmp_path).error
    assert "is the input itself" in run("tokens", "there.npz", "there.npz", "-f", cwd=tmp_path).error
    wrong = run("tokens", BUNNY, "out.mp4", cwd=tmp_path)
    assert wrong.code == 2 and "written to an .npz" in " ".join(wrong.err.split())
    assert contents(tmp_path) == before
