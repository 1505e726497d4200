"""Files that appear under their name whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nvcodec.errors import OutputError, OutputExists
from nvcodec.sole_writer import sole_writer


def temporary_path(path: str | Path) -> Path:
    """A hidden name beside `path`, of its suffix, that no file has: where it grows until it is whole."""
    path = Path(path)
    return path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")


def check_output(path: str | Path, force: bool = False) -> None:
    """Raises OutputExists or OutputError when `path` can't become a file; with `force` it may be one."""
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"{path} is a directory")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is not a plain file; write to - for a pipe")
    if path.exists() and not force:
        raise OutputExists(f"{path} exists already")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")


@contextmanager
def atomic_output(path: str | Path, force: bool = False) -> Iterator[BinaryIO]:
    """A file to write; it takes the name `path` when the block ends, and vanishes if that is by an error."""
    check_output(path, force)
    whole = Path(os.path.realpath(path))  # through a symbolic link, whose place the new file must not take
    growing = temporary_path(whole)
    with sole_writer(whole, path):
        try:
            with open(growing, "xb") as file:
                yield file
            put_in_place(growing, whole, path, force)
        except BaseException as error:
            growing.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
            raise


def put_in_place(growing: Path, whole: Path, path: str | Path, force: bool) -> None:
    """Gives the file `growing` the name `whole`; without `force` OutputExists, worded with `path`, if a file has it."""
    if force:
        os.replace(growing, whole)
        return
    try:
        os.link(growing, whole)  # unlike a rename, it never replaces what came up meanwhile
    except FileExistsError as error:
        raise OutputExists(f"{path} exists already") from error
    except OSError:  # a file system without links
        if whole.exists():
            raise OutputExists(f"{path} exists already") from None
        os.replace(growing, whole)
    else:
        growing.unlink()
