"""The lock of an output: one holder, and no trace of it afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nvcodec.errors import OutputError
from nvcodec.sole_writer import sole_writer

HOLDER = """
import sys
from pathlib import Path
from nvcodec.sole_writer import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_of_two_is_refused_and_leaves_the_first_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with sole_writer(path):
        for _ in range(2):
            with pytest.raises(OutputError, match="is being written by another process"), sole_writer(path):
                pass
    assert list(tmp_path.iterdir()) == []
    with sole_writer(path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_whoever_fails_or_is_interrupted_leaves_no_trace(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error), sole_writer(tmp_path / "out"):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_holder_leaves_is_in_nobodys_way_and_goes_with_the_next(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline().strip() == b"held"
        with pytest.raises(OutputError), sole_writer(path):
            pass
        holder.kill()
    with sole_writer(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_no_file_can_be_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"), sole_writer(tmp_path / "file" / "out"):
        pass
