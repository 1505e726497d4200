"""Outputs of pictures alone: y4m, one PNG, numbered PNGs. The same four methods as the muxer's."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from .formats import Packet, Picture, VideoFormat
from .images import png_bytes
from .pictures import turned_upright
from .y4m import Y4mWriter

NUMBER = re.compile(r"%(0\d+)?d")  # the "%05d" of numbered pictures


class Y4mOutput:
    """A y4m file or pipe. Pictures are turned upright; uneven times are lost, with a warning."""

    def __init__(self, file: BinaryIO, video: VideoFormat, *, close_file: bool) -> None:
        self.warnings: list[str] = []
        self._file, self._video, self._close_file = file, video, close_file
        self._writer: Y4mWriter | None = None
        self._previous: int | None = None
        self._uneven = 0

    def write(self, item: Picture | Packet) -> None:
        """Appends a picture; packets have no place here."""
        if isinstance(item, Packet):
            return
        picture, upright = turned_upright(item, self._video)
        if self._writer is None:
            self._writer = Y4mWriter(self._file, upright)
        self._count_uneven(item.pts)
        self._writer.write(picture)
        if not self._close_file:
            self._file.flush()  # who reads a pipe is to have the whole picture now

    def _count_uneven(self, pts: int) -> None:
        step = 1 / ((self._video.frame_rate or Fraction(25)) * self._video.time_base)
        if self._previous is not None and abs(pts - self._previous - step) > 1:
            self._uneven += 1
        self._previous = pts

    def close(self) -> None:
        """Brings the last bytes out."""
        if self._uneven:
            self.warnings.append(
                f"y4m has a fixed frame rate: {self._uneven} pictures will not be shown at their time"
            )
        self._file.flush()
        if self._close_file:
            self._file.close()

    def abandon(self) -> None:
        """Lets go of the file."""
        if self._close_file:
            self._file.close()


class PngOutput:
    """The first picture as a PNG file."""

    def __init__(self, path: str, video: VideoFormat) -> None:
        self.warnings: list[str] = []
        self._path, self._video = Path(path), video
        self._pictures = 0

    def write(self, item: Picture | Packet) -> None:
        """Writes the first picture, counts the others."""
        if isinstance(item, Picture):
            if self._pictures == 0:
                self._path.write_bytes(png_bytes(*turned_upright(item, self._video)))
            self._pictures += 1

    def close(self) -> None:
        """Says what was left out."""
        if self._pictures > 1:
            self.warnings.append(
                f"only the first of {self._pictures} pictures is written; frames-%05d.png takes all"
            )

    def abandon(self) -> None:
        """Nothing is open."""


class NumberedPngOutput:
    """Every picture as a PNG file, numbered from 1, in a folder of its own."""

    def __init__(self, folder: str, pattern: str, video: VideoFormat) -> None:
        self.warnings: list[str] = []
        self._folder, self._pattern, self._video = Path(folder), pattern, video
        self._pictures = 0

    def write(self, item: Picture | Packet) -> None:
        """Writes the next picture."""
        if isinstance(item, Picture):
            self._pictures += 1
            name = NUMBER.sub(lambda match: match[0] % self._pictures, self._pattern)
            (self._folder / name).write_bytes(png_bytes(*turned_upright(item, self._video)))

    def close(self) -> None:
        """Every file is closed already."""

    def abandon(self) -> None:
        """Nothing is open."""
