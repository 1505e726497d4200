"""A program that is FFmpeg to all appearances: it notes every call, and fails where a test wants it to."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """#!{python} -S
import json, os, sys
with open({log!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
if any(text in " ".join(sys.argv) for text in {faults!r}):
    sys.exit("Error: this test wants no such file")
os.execv({real!r}, [{real!r}, *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Wrapper:
    """The program, and where it notes its calls."""

    path: Path
    log: Path

    @property
    def coded(self) -> list[list[str]]:
        """The arguments of all calls that coded a clip: not those that ask for versions and lists."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [call for call in map(json.loads, lines) if "-benchmark" in call and "-c:v" in call]


def wrapped(folder: Path, real: str, faults: tuple[str, ...] = ()) -> Wrapper:
    """`real`, which fails when its arguments hold one of `faults`."""
    folder.mkdir()
    path, log = folder / "ffmpeg", folder / "calls"
    path.write_text(SCRIPT.format(python=sys.executable, log=str(log), real=real, faults=faults))
    path.chmod(0o755)
    return Wrapper(path, log)
