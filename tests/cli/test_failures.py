"""What goes wrong is one line on standard error and a status; nothing is overwritten or left behind."""

from __future__ import annotations

import os
import sys
import wave
from pathlib import Path

import pytest

from .support import BUNNY, CARPHONE, FULL, PLAIN, contents, run

READERS = pytest.mark.parametrize("command", ["decode", "info", "verify"])
FULL_DISK = Path("/dev/full")
HAS_FULL_DISK = pytest.mark.skipif(not FULL_DISK.exists(), reason="this system has no /dev/full")
HAS_LIMITS = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """A folder in which no file can be made, by root neither."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        folder = Path("/proc/self")
        if not folder.is_dir():
            pytest.skip("this user may write everywhere")
    return folder


@READERS
def test_a_file_with_another_signature_is_refused(command: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mgv"
    path.write_bytes(CARPHONE.read_bytes())
    result = run(command, path, cwd=tmp_path)
    assert (result.code, result.error) == (
        1,
        f"{path}: this is not an .mgv file (its first bytes are not .mgv's)",
    )
    assert list(contents(tmp_path)) == ["clip.mgv"]


@READERS
def test_a_file_of_a_future_version_names_both_versions_and_the_way_out(command: str, tmp_path: Path) -> None:
    data = bytearray(PLAIN.read_bytes())
    data[8] = 2
    result = run(command, "-", *(["out.mp4"] if command == "decode" else []), cwd=tmp_path, stdin=bytes(data))
    assert result.code == 1 and "format version 2 and this nvcodec reads version 1" in result.error
    assert "another release of nvcodec is needed" in result.error
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    "arguments",
    [["decode", FULL, "out.mkv"], ["info", "--planes", FULL], ["verify", "--planes", FULL]],
    ids=["decode", "info", "verify"],
)
def test_a_file_of_an_unknown_model_names_it_and_says_how_to_get_it(
    arguments: list[str | Path], tmp_path: Path
) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.code == 1 and "0f0e0d0c0b0a09080706050403020100" in result.error
    assert "nvcodec models add FILE.safetensors" in result.error
    assert contents(tmp_path) == {}


@READERS
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.99])
def test_a_file_that_was_cut_off_says_where_it_ends(
    command: str, share: float, coded: Path, tmp_path: Path
) -> None:
    data = coded.read_bytes()
    path = tmp_path / "cut.mgv"
    path.write_bytes(data[: int(share * len(data))])
    result = run(command, path, *(["--strict"] if command == "decode" else []), cwd=tmp_path)
    assert result.code == 1 and result.error.startswith(f"{path}: ")
    assert "the file is empty" in result.error if share == 0 else "the file ends" in result.error
    assert list(contents(tmp_path)) == ["cut.mgv"]


@READERS
def test_a_file_that_is_not_there_is_said_to_be_unreadable(command: str, tmp_path: Path) -> None:
    result = run(command, "none.mgv", cwd=tmp_path)
    assert (result.code, result.error) == (1, "none.mgv cannot be read: No such file or directory")
    assert contents(tmp_path) == {}


@READERS
def test_a_directory_is_no_coded_file(command: str, tmp_path: Path) -> None:
    (tmp_path / "folder.mgv").mkdir()
    result = run(command, "folder.mgv", cwd=tmp_path)
    assert (result.code, result.error) == (1, "folder.mgv is a directory, not an .mgv file")


@pytest.mark.parametrize("name", ["none.mp4", "text.mp4", "empty.mp4", "folder", "sound.wav"])
def test_an_input_without_pictures_is_named_and_leaves_no_output(name: str, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("It was a dark and stormy night.\n" * 100)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    before = {path.name for path in tmp_path.iterdir()}
    result = run("encode", name, "out.mgv", cwd=tmp_path)
    assert result.code == 1 and name in result.error
    assert {path.name for path in tmp_path.iterdir()} == before


def test_an_input_from_a_pipe_that_is_no_video_is_standard_input(tmp_path: Path) -> None:
    result = run("encode", "-", "out.mgv", cwd=tmp_path, stdin=b"It was a dark and stormy night.\n" * 100)
    assert result.code == 1 and "standard input" in result.error
    assert contents(tmp_path) == {}


def test_an_input_with_sound_alone_says_that_it_has_no_video(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    assert "no video" in run("encode", "sound.wav", cwd=tmp_path).error
    assert list(contents(tmp_path)) == ["sound.wav"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["encode", BUNNY, "there.mgv"], "there.mgv"),
        (["decode", "coded.mgv", "there.mp4"], "there.mp4"),
        (["decode", "coded.mgv", "there-%03d.png"], "there-001.png"),
        (["decode", "coded.mgv"], "coded.decoded.mp4"),
        (["info", "coded.mgv", "--heatmap", "there.png"], "there.png"),
        (["demo"], "demo.mgv"),
        (["demo"], "demo.decoded.mp4"),
        (["demo"], "demo.png"),
    ],
)
def test_an_output_that_exists_stays_as_it_is_and_force_is_offered(
    arguments: list[str | Path], name: str, coded: Path, tmp_path: Path
) -> None:
    (tmp_path / "coded.mgv").write_bytes(coded.read_bytes())
    (tmp_path / name).write_bytes(b"precious")
    before = contents(tmp_path)
    result = run(*arguments, cwd=tmp_path)
    assert (result.code, result.error) == (1, f"{name} exists already (-f replaces it)")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("suffix", [".mgv", ".mp4", ".png", ".y4m"])
def test_a_directory_is_never_replaced(suffix: str, coded: Path, tmp_path: Path) -> None:
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    (folder / "inside").write_bytes(b"precious")
    arguments = ["encode", BUNNY, folder] if suffix == ".mgv" else ["decode", coded, folder]
    for force in ([], ["-f"]):
        assert run(*arguments, *force, cwd=tmp_path).error == f"{folder} is a directory"
    assert contents(folder) == {"inside": b"precious"}


def test_the_input_itself_is_never_the_output(coded: Path, tmp_path: Path) -> None:
    for command, name, original in (("encode", "clip.mp4", BUNNY), ("decode", "clip.mgv", coded)):
        path = tmp_path / name
        path.write_bytes(original.read_bytes())
        assert run(command, name, name, "-f", cwd=tmp_path).error == f"{name} is the input itself"
        assert path.read_bytes() == original.read_bytes()


def test_a_folder_that_is_not_there_is_named(coded: Path, tmp_path: Path) -> None:
    for arguments in (["encode", BUNNY, "no/out.mgv"], ["decode", coded, "no/out.mp4"]):
        assert "there is no folder no" in run(*arguments, cwd=tmp_path).error
    assert contents(tmp_path) == {}


def test_a_folder_that_cannot_be_written_to_is_one_line_too(
    closed_folder: Path, coded: Path, tmp_path: Path
) -> None:
    for arguments in (
        ["encode", BUNNY, closed_folder / "out.mgv"],
        ["decode", coded, closed_folder / "out.mp4"],
        ["decode", coded, closed_folder / "out.y4m"],
        ["decode", coded, closed_folder / "out.png"],
        ["decode", coded, closed_folder / "out-%d.png"],
    ):
        result = run(*arguments, cwd=tmp_path)
        assert result.code == 1 and str(arguments[-1]) in result.error


def test_a_suffix_nobody_knows_is_refused(coded: Path, tmp_path: Path) -> None:
    result = run("decode", coded, "out.gif", cwd=tmp_path)
    assert result.code == 1 and "out.gif: cannot tell what to write from '.gif'" in result.error
    assert contents(tmp_path) == {}


@HAS_FULL_DISK
@pytest.mark.parametrize("command", ["encode", "decode", "info", "verify", "models", "help", "version"])
def test_a_full_disk_behind_standard_output_is_one_line(command: str, coded: Path, tmp_path: Path) -> None:
    arguments = {
        "encode": ["encode", BUNNY, "-", "--duration", "0.2", "--scale", "1/4"],
        "decode": ["decode", coded, "-"],
        "help": ["encode", "--help"],
        "version": ["--version"],
        "models": ["models"],
    }.get(command, [command, coded])
    with FULL_DISK.open("wb") as full:
        result = run(*arguments, cwd=tmp_path, stdout=full)
    assert result.code == 1 and "No space left on device" in result.error


@HAS_LIMITS
@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("out.mgv", False),
        ("out.mgv", True),
        ("out.mp4", True),
        ("out.mkv", False),
        ("out.y4m", False),
        ("out.png", False),
        ("out-%d.png", True),
    ],
)
def test_a_disk_that_fills_up_leaves_the_folder_as_it_was(
    name: str, there: bool, coded: Path, tmp_path: Path
) -> None:
    # A limit of 200 bytes a file stands for the full disk: writing fails half-way, as it does there.
    if there:
        (tmp_path / name.replace("%d", "1")).write_bytes(b"precious")
    before = contents(tmp_path)
    arguments = ["decode", coded, name]
    if name == "out.mgv":
        arguments = ["encode", BUNNY, name, "--duration", "0.2", "--scale", "1/4"]
    result = run(*arguments, "-f", cwd=tmp_path, limit_file_bytes=200)
    assert result.code == 1 and name in result.error and "cannot be written" in result.error
    assert contents(tmp_path) == before


def test_debug_shows_where_it_happened_with_the_same_status(tmp_path: Path) -> None:
    result = run("verify", "none.mgv", "--debug", cwd=tmp_path)
    assert (result.code, result.out) == (1, b"")
    assert result.err.count("Traceback (most recent call last)") == 2  # the error and its cause
    assert result.err.splitlines()[-1] == (
        "nvcodec.errors.UnsupportedInput: none.mgv cannot be read: No such file or directory"
    )
