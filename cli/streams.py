"""Inputs and outputs of the commands: files by name, and - for pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import typer

from nvcodec.errors import NvcodecError, OutputError, UnsupportedInput
from nvcodec.files import atomic_output
from nvcodec.interruption import Interrupted
from nvcodec.remote import is_remote, open_remote

from .failures import discard_output

PIPE = "-"


def is_pipe(path: str | Path) -> bool:
    """Whether the name stands for standard input or output."""
    return str(path) == PIPE


def name_of(path: str | Path) -> str:
    """What to call an input in messages."""
    return "standard input" if is_pipe(path) else str(path)


@contextmanager
def open_coded(path: str) -> Iterator[BinaryIO]:
    """A .mgv file, here or at a URL, or standard input, to read; what is wrong with its bytes is said with its name."""
    from nvcodec.bitstream import BitstreamError

    try:
        if is_pipe(path):
            yield sys.stdin.buffer
            return
        if is_remote(path):
            with open_remote(path) as file:
                yield cast(BinaryIO, file)
            return
        if os.path.isdir(path):
            raise UnsupportedInput(f"{path} is a directory, not an .mgv file")
        try:
            file = open(path, "rb")  # noqa: SIM115 - closed below; errors of the block are not those of opening
        except OSError as error:
            raise UnsupportedInput(f"{path} cannot be read: {error.strerror or error}") from error
        with file:
            yield file
    except BitstreamError as error:
        raise NvcodecError(f"{name_of(path)}: {error}") from error


@contextmanager
def open_output(path: Path, force: bool) -> Iterator[BinaryIO]:
    """A file that appears whole or not at all, or standard output."""
    if is_pipe(path):
        refuse_terminal()
        with given_up_when_interrupted():
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
    else:
        with atomic_output(path, force) as file:
            yield file


@contextmanager
def given_up_when_interrupted() -> Iterator[None]:
    """Standard output, where a file goes to it: interrupted, nobody waits any longer for a reader to take the rest."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt, SystemExit):
        discard_output()
        raise


def refuse_terminal() -> None:
    """Raises OutputError when standard output is a terminal, which a video would only upset."""
    if sys.stdout.isatty():
        raise OutputError("standard output is a terminal; send it to a file or another program")


def refuse_same_file(source: str | Path, target: str | Path) -> None:
    """Raises OutputError when writing `target` would replace `source`."""
    if os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target):
        raise OutputError(f"{target} is the input itself")


def refuse_two_outputs(target: Path, as_json: bool) -> None:
    """Raises typer.BadParameter when both the output and the results are to go to standard output."""
    if as_json and is_pipe(target):
        raise typer.BadParameter("--json and the output - would both write to standard output")
