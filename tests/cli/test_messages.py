"""Numbers as people say them, and nothing that could move a terminal's cursor."""

from __future__ import annotations

import doctest
import json
from types import ModuleType

import pytest
from nvcodec.bitstream import BitstreamError
from nvcodec.cli import messages, options
from nvcodec.cli.failures import describe, exit_status

import nvcodec.errors


@pytest.mark.parametrize("module", [messages, options])
def test_the_examples_in_the_documentation_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_999, "1000 kB"),
        (1_234_567_890, "1.23 GB"),
        (2_345_000_000_000, "2345 GB"),
    ],
)
def test_sizes_have_three_digits_and_a_unit(count: int, text: str) -> None:
    assert messages.size_text(count) == text


def test_text_from_a_file_cannot_move_the_cursor() -> None:
    assert messages.one_line("\x1b[2Jgone\r\n\u202eyes ☀") == " [2Jgone   yes ☀"


def test_json_keeps_letters_of_every_language(capsys: pytest.CaptureFixture[str]) -> None:
    messages.print_json({"title": "Lichtspiel ☀"})
    out = capsys.readouterr().out
    assert "☀" in out and json.loads(out) == {"title": "Lichtspiel ☀"}


def test_warnings_go_to_standard_error_and_quiet_silences_them(capsys: pytest.CaptureFixture[str]) -> None:
    messages.print_warnings(["one", "two"], quiet=True)
    assert capsys.readouterr() == ("", "")
    messages.print_warnings(["one", "two"])
    assert capsys.readouterr() == ("", "nvcodec: warning: one\nnvcodec: warning: two\n")


@pytest.mark.parametrize(
    ("error", "text", "status"),
    [
        (nvcodec.errors.OutputExists("a.mgv exists already"), "a.mgv exists already (-f replaces it)", 1),
        (nvcodec.errors.ModelMismatch("no such\nmodel"), "no such model", 1),
        (BitstreamError("no chunk begins here").at(3, 99), "chunk 3 at byte 99: no chunk begins here", 1),
        (PermissionError(13, "Permission denied", "a.mgv"), "a.mgv: Permission denied", 1),
        (MemoryError(), "out of memory", 1),
        (KeyboardInterrupt(), "interrupted", 130),
        (ZeroDivisionError("by zero"), "unexpected ZeroDivisionError: by zero (--debug shows where)", 1),
    ],
)
def test_every_kind_of_error_becomes_one_line_and_a_status(
    error: BaseException, text: str, status: int
) -> None:
    assert describe(error) == text and exit_status(error) == status
