"""The moving line: what it says, and that only somebody who can watch sees it."""

from __future__ import annotations

import io
import sys

import pytest
from nvcodec.cli.progress import Clock, figures, progress_line

from nvcodec.codec import Progress


def state(
    frames: int = 48, total: int | None = 75, size: int = 9000, pixels: int = 48 * 320 * 180
) -> Progress:
    return Progress(stage="encoding", frames=frames, total=total, bytes=size, pixels=pixels)


def test_all_figures_are_there_when_all_is_known() -> None:
    assert figures(state(), 2.0) == "48/75 frames · 24.0 fps · 0:00:01 left · 0.0260 bpp"


def test_without_a_length_there_is_no_time_left() -> None:
    assert figures(state(total=None), 2.0) == "48 frames · 24.0 fps · 0.0260 bpp"


def test_at_the_start_nothing_is_guessed() -> None:
    assert figures(state(frames=0, size=0, pixels=0), 0.0) == "0/75 frames"


def test_more_frames_than_were_announced_leave_no_time_not_less() -> None:
    assert "0:00:00 left" in figures(state(frames=80), 2.0)


def test_hours_are_counted() -> None:
    assert "2:46:38 left" in figures(state(frames=2, total=10_000), 2.0)


def test_each_stage_has_its_own_clock() -> None:
    times = iter([0.0, 10.0, 10.0, 13.0, 20.0, 20.0])
    clock = Clock(lambda: next(times))
    assert [clock.seconds("a"), clock.seconds("a"), clock.seconds("b")] == [0.0, 3.0, 0.0]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_line(quiet=False) as report:
        assert report is not None
        report(state())
    assert "encoding" in terminal.getvalue() and "48/75 frames" in terminal.getvalue()
    assert "0.0260 bpp" in terminal.getvalue()


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO, False), (Terminal, True)])
def test_a_file_and_quiet_see_nothing(
    stream: type[io.StringIO], quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = stream()
    monkeypatch.setattr(sys, "stderr", place)
    with progress_line(quiet) as report:
        assert report is None
    assert place.getvalue() == ""
