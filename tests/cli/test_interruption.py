"""Stopped half-way, by Ctrl-C, by the system or by a reader who leaves: nothing half-written stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from .support import COMMAND, environment, run_well

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such signals")

PATIENCE_S = 120  # before a test gives up; none waits so long unless something hangs


def endless_video(pipe: IO[bytes]) -> None:
    """Writes y4m until nobody reads it any more: whoever encodes it never gets to the end."""
    frame = b"FRAME\n" + bytes(range(256)) * 24  # 64x64 4:2:0
    with suppress(BrokenPipeError), pipe:
        pipe.write(b"YUV4MPEG2 W64 H64 F25:1 Ip A1:1 C420jpeg\n")
        while True:
            pipe.write(frame)


def start(*arguments: str, cwd: Path, stdin: int | None = None) -> subprocess.Popen[bytes]:
    """A command that runs and is not yet waited for; it encodes the endless video if it is given no other."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.PIPE if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if process.stdin is not None:
        threading.Thread(target=endless_video, args=(process.stdin,), daemon=True).start()
    return process


def wait(process: subprocess.Popen[bytes], done: Callable[[], bool]) -> None:
    """Returns when `done`; fails if the command ends before that."""
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def unread(pipe: int) -> int:
    """Bytes in a pipe that nobody has taken yet."""
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("there", [False, True], ids=["new", "replaced"])
def test_a_signal_amid_encoding_leaves_the_folder_as_it_was(
    number: signal.Signals, status: int, there: bool, tmp_path: Path
) -> None:
    if there:
        (tmp_path / "out.mgv").write_bytes(b"precious")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with start("encode", "-", "out.mgv", "-f", "--gop", "5", cwd=tmp_path) as process:
        wait(process, lambda: any(path.stat().st_size for path in tmp_path.glob(".*")))
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == status
        assert process.stderr is not None
        said = process.stderr.read().decode()
    assert said == ("nvcodec: interrupted\n" if number == signal.SIGINT else "")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


INTERRUPTED_READ = """
import signal, sys
from types import SimpleNamespace

class Pipe:
    left = 3
    def read(self, size):
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(number)
        return real.read(size)

number, real = int(sys.argv.pop()), sys.stdin.buffer
sys.stdin = SimpleNamespace(buffer=Pipe())
from nvcodec.cli.main import run
run()
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_ffmpeg_reads_a_pipe_is_not_taken_for_the_end_of_the_video(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    arguments = [sys.executable, "-c", INTERRUPTED_READ, "encode", "-", "out.mgv", str(int(number))]
    with subprocess.Popen(
        arguments, cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        threading.Thread(target=endless_video, args=(process.stdin,), daemon=True).start()
        assert process.wait(PATIENCE_S) == status
        assert process.stderr.read() == (b"nvcodec: interrupted\n" if number == signal.SIGINT else b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.mp4", "out.y4m", "out-%d.png"])
def test_ctrl_c_amid_decoding_leaves_the_folder_as_it_was(name: str, coded: Path, tmp_path: Path) -> None:
    source, sink = os.pipe()
    os.write(sink, coded.read_bytes()[:-40])  # and then nothing: whoever decodes it never gets to the end
    with start("decode", "-", name, cwd=tmp_path, stdin=source) as process:
        wait(process, lambda: unread(source) == 0)
        if name != "out.mp4":  # FFmpeg keeps the beginning of it in memory
            wait(process, lambda: any(path.suffix != ".lock" for path in tmp_path.glob(".*")))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr is not None and process.stderr.read() == b"nvcodec: interrupted\n"
    os.close(source)
    os.close(sink)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["encode", "decode", "verify"])
def test_a_reader_who_leaves_is_no_error(command: str, coded: Path, tmp_path: Path) -> None:
    source = "-" if command == "encode" else str(coded)
    with start(command, source, *([] if command == "verify" else ["-"]), cwd=tmp_path) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 141
        assert process.stderr.read() == b""


def test_a_terminal_sees_progress_and_a_clean_line_at_the_end(tmp_path: Path, coded: Path) -> None:
    import pty

    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "decode", str(coded), "out.mp4"],
        cwd=tmp_path,
        env=environment(TERM="xterm", COLUMNS="120"),
        stdout=subprocess.PIPE,
        stderr=follower,
    ) as process:
        os.close(follower)
        shown = b""
        with suppress(OSError):  # the terminal is gone when the command is
            while data := os.read(leader, 4096):
                shown += data
        assert process.wait(PATIENCE_S) == 0
        assert process.stdout is not None and b"15 frames" in process.stdout.read()
    os.close(leader)
    assert b"15 frames" in shown or b"15/15 frames" in shown
    assert run_well("verify", coded, cwd=tmp_path).err == ""
