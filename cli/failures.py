"""The one place where errors become one line on standard error and an exit status.

1: what the line says; 2: the command was not understood; 3: done, but parts of a damaged file are missing from the
output; 130: Ctrl-C; 141: the reader of our output left.
"""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

from nvcodec.errors import NvcodecError, OutputExists
from nvcodec.interruption import Interrupted

FAILED, DAMAGED, INTERRUPTED, READER_GONE = 1, 3, 130, 141  # the last two as a shell counts SIGINT and SIGPIPE


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with its errors turned into one line, or, with its option `--debug`, into a traceback."""

    @functools.wraps(command)
    def wrapper(**arguments: Any) -> None:
        try:
            _uncovered(command, arguments)
            sys.stdout.flush()
        except (typer.BadParameter, typer.Exit, typer.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise typer.Exit(report(error, debug=bool(arguments.get("debug")))) from None

    return wrapper


def _uncovered(command: Callable[..., None], arguments: dict[str, Any]) -> None:
    """Calls the command; an interruption that came by way of FFmpeg is one like any other."""
    try:
        command(**arguments)
    except Interrupted as error:
        raise error.cause from None


def report(error: BaseException, *, debug: bool = False) -> int:
    """Says on standard error what went wrong, and returns the exit status."""
    if _reader_gone(error):
        discard_output()
        return READER_GONE
    if debug:
        traceback.print_exception(error)
    else:
        print(f"nvcodec: {describe(error)}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        discard_output()
    return exit_status(error)


def describe(error: BaseException) -> str:
    """The error in one line, for the person who typed the command."""
    from nvcodec.bitstream import BitstreamError

    if isinstance(error, KeyboardInterrupt):
        text = "interrupted"
    elif isinstance(error, OutputExists):
        text = f"{error} (-f replaces it)"
    elif isinstance(error, (NvcodecError, BitstreamError)):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    elif isinstance(error, MemoryError):
        text = "out of memory"
    else:
        text = f"unexpected {type(error).__name__}: {error} (--debug shows where)"
    return " ".join("; ".join([text, *getattr(error, "__notes__", ())]).split())


def exit_status(error: BaseException) -> int:
    """What the process returns."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return error.exit_code if isinstance(error, NvcodecError) else FAILED


def _reader_gone(error: BaseException) -> bool:
    """Whether the error is, or came of, writing to a pipe that nobody reads any more."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BrokenPipeError):
            return True
        cause = cause.__cause__
    return False


def discard_output() -> None:
    """Points standard output nowhere, or Python would try to write what is left once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
