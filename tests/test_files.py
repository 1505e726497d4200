"""A file appears whole under its name, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvcodec.errors import OutputError, OutputExists
from nvcodec.files import atomic_output, temporary_path


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.mgv"
    with atomic_output(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "out.mgv"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_output(path, force=True) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_replaced_only_when_told_to(tmp_path: Path) -> None:
    path = tmp_path / "out.mgv"
    path.write_bytes(b"old")
    with pytest.raises(OutputExists, match=r"out\.mgv exists already"), atomic_output(path):
        pass
    assert path.read_bytes() == b"old"
    with atomic_output(path, force=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.mgv"
    with pytest.raises(OutputExists), atomic_output(path) as file:
        file.write(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs" and list(tmp_path.iterdir()) == [path]


def test_directories_devices_and_missing_folders_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a directory"), atomic_output(tmp_path):
        pass
    with pytest.raises(OutputError, match="there is no folder"), atomic_output(tmp_path / "no" / "out.mgv"):
        pass
    if Path("/dev/null").exists():
        with pytest.raises(OutputError, match="is not a plain file"), atomic_output("/dev/null", force=True):
            pass


def test_a_symbolic_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_output(tmp_path / "link") as file:
        file.write(b"here")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"here"


def test_a_temporary_name_is_hidden_beside_the_file_and_new_every_time(tmp_path: Path) -> None:
    names = {temporary_path(tmp_path / "out.mp4") for _ in range(100)}
    assert len(names) == 100
    assert all(n.parent == tmp_path and n.name.startswith(".out.") and n.suffix == ".mp4" for n in names)
