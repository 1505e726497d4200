"""What every way of coding can do, whoever wrote the coder."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from nvcodec.benchmarks.clips import Prepared
from nvcodec.benchmarks.results import Clip, Coder, Cost

from .process import ProgramFailed


class Way(Protocol):
    """A coder with its settings. Both steps raise ProgramFailed, with a reason for people, when they do not work."""

    @property
    def coder(self) -> Coder:
        """What it is called, and with what arguments it works."""
        ...

    @property
    def qualities(self) -> tuple[float, ...]:
        """Settings worth measuring, from the lowest rate to the highest."""
        ...

    def encode(self, clip: Prepared, setting: float, stream: Path) -> Cost:
        """Code the clip into the file `stream`."""
        ...

    def decode(self, stream: Path, clip: Prepared, yuv: Path) -> Cost:
        """Decode `stream` to the raw file `yuv`, which has the size and as many frames as the clip."""
        ...


def check_decoded(yuv: Path, clip: Clip) -> None:
    """Raises ProgramFailed when not every frame of the clip came back."""
    size, whole = yuv.stat().st_size, clip.pixels * 3 // 2
    if size != whole:
        raise ProgramFailed(f"{size * clip.frames / whole:g} of {clip.frames} frames were decoded")
