"""Runs the command as its users do: another process, in another folder, with nothing but bytes between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import nvcodec

TESTS = Path(__file__).parents[1]
BUNNY, CARPHONE = TESTS / "clips" / "bunny.mp4", TESTS / "clips" / "carphone.mp4"
PLAIN, FULL = (TESTS / "bitstream" / "golden" / f"{name}-1.0.mgv" for name in ("plain", "full"))

COMMAND = [sys.executable, "-m", "nvcodec"]
COMMANDS = (
    "encode",
    "decode",
    "info",
    "verify",
    "cut",
    "concat",
    "thin",
    "repair",
    "tokens",
    "generate",
    "predict",
    "fill",
    "classify",
    "demo",
    "train",
    "export",
    "bench",
    "data",
    "models",
)


@dataclass(frozen=True)
class Result:
    """How a command ended. `out` is bytes, for it may be a video."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode()

    @property
    def json(self) -> Any:
        """Standard output as JSON, which it is from end to end."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line that a command which fails leaves: on standard error, and no traceback."""
        assert self.code not in (0, 2), self
        assert self.out == b"", self
        (line,) = self.err.splitlines()
        assert line.startswith("nvcodec: ") and "Traceback" not in line and "unexpected" not in line
        return line.removeprefix("nvcodec: ")


def environment(**extra: str) -> dict[str, str]:
    """This process's environment, less what changes output, so that commands find the copy under test."""
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    copy = str(Path(nvcodec.__file__).parents[1])
    return inherited | {"PYTHONPATH": copy, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"} | extra


def without(package: str, folder: Path) -> dict[str, str]:
    """What `run` takes as `env` for a command that cannot import a package; `hidden` in `folder` is what hides it."""
    hidden = folder / "hidden"
    hidden.mkdir()
    (hidden / f"{package}.py").write_text(f"raise ImportError('no {package}')\n")
    return {"PYTHONPATH": os.pathsep.join([str(hidden), environment()["PYTHONPATH"]])}


def run(
    *arguments: str | Path,
    cwd: Path,
    stdin: bytes | IO[bytes] = b"",
    stdout: IO[bytes] | None = None,
    env: dict[str, str] | None = None,
    limit_file_bytes: int | None = None,
) -> Result:
    """`nvcodec arguments…` in the folder `cwd`; no file may grow beyond `limit_file_bytes` (Unix only)."""

    def limit() -> None:
        import resource

        assert limit_file_bytes is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_file_bytes, limit_file_bytes))

    streams: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    result = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(**(env or {})),
        stdout=stdout or subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=None if limit_file_bytes is None else limit,
        check=False,
        **streams,
    )
    return Result(result.returncode, result.stdout or b"", result.stderr.decode())


def run_well(*arguments: str | Path, cwd: Path, stdin: bytes | IO[bytes] = b"") -> Result:
    """`nvcodec arguments…`, which must succeed."""
    result = run(*arguments, cwd=cwd, stdin=stdin)
    assert result.code == 0, result.err
    return result


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
