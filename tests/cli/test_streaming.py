"""Live pipes: a group of pictures comes out while the next one is being shot, and whoever stops is let go.

Nothing here is timed. What is waited for must come, and a watchdog ends what waits in vain.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import IO, BinaryIO, cast

import pytest
from nvcodec.bitstream import ContainerReader, GopChunk

from .support import COMMAND, environment
from .test_interruption import PATIENCE_S, unread, wait

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be watched there")

WIDTH = HEIGHT = 64
GOP = 5
HEADER = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C420jpeg\n".encode()
PICTURE_BYTES = WIDTH * HEIGHT * 3 // 2


def frame(number: int) -> bytes:
    """A frame of y4m: stripes that move."""
    row = bytes((3 * x + 5 * number) % 256 for x in range(WIDTH))
    return b"FRAME\n" + row * (PICTURE_BYTES // WIDTH)


def endless_noise(pipe: IO[bytes]) -> None:
    """Writes y4m that takes many bits until nobody reads it any more."""
    random = Random(0)
    with suppress(BrokenPipeError), pipe:
        pipe.write(HEADER)
        while True:
            pipe.write(b"FRAME\n" + random.randbytes(PICTURE_BYTES))


@contextmanager
def started(cwd: Path, *arguments: str, stdin: int | IO[bytes] = subprocess.PIPE) -> Iterator[subprocess.Popen[bytes]]:
    """A command between pipes, killed if the test takes too long, and when it fails."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    watchdog = threading.Timer(4 * PATIENCE_S, process.kill)
    watchdog.start()
    try:
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
    finally:
        watchdog.cancel()


class Tee:
    """Reads one pipe and passes on what it read to another."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source, self._sink = source, sink

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self._sink.write(data)
        self._sink.flush()
        return data


ENCODE = ("encode", "-", "-", "--gop", str(GOP), "--quiet")


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_group_and_its_pictures_come_out_with_the_first_picture_of_the_next(threads: str, tmp_path: Path) -> None:
    with (
        started(tmp_path, *ENCODE, "--threads", threads) as encoder,
        started(tmp_path, "decode", "-", "-", "--container", "y4m", "--quiet", "--threads", threads) as decoder,
    ):
        assert encoder.stdin and encoder.stdout and decoder.stdin and decoder.stdout
        fed = 0

        def feed(count: int) -> None:
            nonlocal fed
            assert encoder.stdin is not None
            encoder.stdin.write(b"".join(frame(fed + i) for i in range(count)))
            encoder.stdin.flush()
            fed += count

        encoder.stdin.write(HEADER)
        feed(1)
        reader = ContainerReader(cast(BinaryIO, Tee(encoder.stdout, decoder.stdin)))
        chunks = reader.chunks()
        for group in range(5):
            feed(GOP)
            chunk = next(chunks)
            assert isinstance(chunk, GopChunk) and len(chunk.pts) == GOP
            if group == 0:
                assert decoder.stdout.readline().startswith(b"YUV4MPEG2 W64 H64 F25:1 ")
            for _ in range(GOP):
                assert decoder.stdout.read(6) == b"FRAME\n"
                assert len(decoder.stdout.read(PICTURE_BYTES)) == PICTURE_BYTES
        encoder.stdin.close()
        last = next(chunks)
        assert isinstance(last, GopChunk) and len(last.pts) == 1
        assert list(chunks) == [] and reader.sha256 is not None
        decoder.stdin.close()
        assert len(decoder.stdout.read()) == 6 + PICTURE_BYTES
        assert (encoder.wait(), decoder.wait()) == (0, 0)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_reader_who_left_is_noticed_with_the_next_group_though_no_more_pictures_come(
    threads: str, tmp_path: Path
) -> None:
    with started(tmp_path, *ENCODE, "--threads", threads) as encoder:
        assert encoder.stdin and encoder.stdout and encoder.stderr
        encoder.stdout.close()
        encoder.stdin.write(HEADER + b"".join(map(frame, range(GOP + 1))))
        encoder.stdin.flush()
        assert encoder.wait() == 141
        assert encoder.stderr.read() == b""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c_amid_a_pause_of_the_video_ends_both_sides_of_a_pipe(threads: str, tmp_path: Path) -> None:
    with started(tmp_path, *ENCODE, "--threads", threads) as encoder:
        assert encoder.stdin and encoder.stdout and encoder.stderr
        with started(tmp_path, "decode", "-", "out.y4m", "--threads", threads, stdin=encoder.stdout) as decoder:
            encoder.stdin.write(HEADER + b"".join(map(frame, range(GOP + 1))))
            encoder.stdin.flush()
            wait(decoder, lambda: any(path.stat().st_size for path in tmp_path.iterdir()))  # a group has come through
            for process in (encoder, decoder):  # as a terminal does
                process.send_signal(signal.SIGINT)
            for process in (encoder, decoder):
                assert process.stderr is not None
                assert process.wait() == 130
                assert process.stderr.read() == b"nvcodec: interrupted\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="makes a pipe small")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["encode", "decode"])
def test_a_signal_ends_a_command_that_waits_for_a_reader(
    command: str, number: signal.Signals, status: int, coded: Path, tmp_path: Path
) -> None:
    import fcntl

    arguments = (*ENCODE, "-q", "100") if command == "encode" else ("decode", str(coded), "-", "--container", "y4m")
    # More than a header, less than a group, or a picture, of what is written.
    enough = 4096 if command == "encode" else 0
    with started(tmp_path, *arguments, "--threads", "1") as process:
        assert process.stdin and process.stdout and process.stderr
        pipe = process.stdout.fileno()
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 8192)
        threading.Thread(target=endless_noise, args=(process.stdin,), daemon=True).start()
        wait(process, lambda: unread(pipe) > enough)
        process.send_signal(number)
        assert process.wait() == status  # though nobody reads
        assert process.stderr.read() == (b"nvcodec: interrupted\n" if number == signal.SIGINT else b"")
