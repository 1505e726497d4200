"""Writing: a video file, a pipe or pictures, whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NoReturn, Protocol, Self

from nvcodec.errors import OutputError, OutputExists
from nvcodec.files import check_output, put_in_place, temporary_path
from nvcodec.sole_writer import sole_writer

from .encoders import CONTAINERS, choose_encoder
from .formats import Packet, Picture, Track, VideoFormat
from .plain import NUMBER, NumberedPngOutput, PngOutput, Y4mOutput

CRF = 12  # x264's quality: no difference to be seen, some 48 dB
KINDS = ("mp4", "mov", "matroska", "webm", "y4m", "png")
PIPE_CONTAINERS = ("matroska", "y4m")


class Output(Protocol):
    """What the writer asks of every kind of output."""

    warnings: list[str]

    def write(self, item: Picture | Packet) -> None:
        """The next picture or packet."""
        ...

    def close(self) -> None:
        """Finish."""
        ...

    def abandon(self) -> None:
        """Stop; what was written is of no use."""
        ...


class MediaWriter:
    """Writes pictures and packets, in the order in which a player needs them.

    `target` is a path, "-" for standard output, or a binary file, which is written front to back. The suffix
    of a path says what it becomes: .mp4 .m4v .mov (H.264), .mkv (H.264; FFV1 when lossless or of more than 10
    bits), .webm (VP9), .y4m, .png (the first picture), or numbered pictures, "frames-%05d.png"; `container`
    (one of KINDS) overrules it. A pipe gets Matroska unless `container` is "y4m". Without `lossless` the
    video is visually lossless, at `crf`.

    Pictures are 4:2:0; chroma is up-sampled to what `video.chroma` says the source had. Matroska and WebM
    count time in milliseconds; MP4 and QuickTime keep times exactly.

    Nothing appears under the target's name before all of it is written, and leaving the `with` block by an
    exception leaves no trace. Nobody else can write the same path meanwhile, and unless it is to `replace` them, files
    that came up there since are left alone, too. What the container cannot hold is said in `warnings`.

    >>> with MediaWriter("out.mp4", media.video, media.tracks, media.tags) as out:   # doctest: +SKIP
    ...     for item in media.items():
    ...         out.write(item)

    Raises OutputError when the target cannot be written; ValueError for a picture not as `video` says.
    """

    warnings: list[str]

    def __init__(
        self,
        target: str | Path | BinaryIO,
        video: VideoFormat,
        tracks: Sequence[Track] = (),
        tags: dict[str, str] | None = None,
        *,
        lossless: bool = False,
        container: str | None = None,
        crf: int = CRF,
        threads: int = 0,
        replace: bool = True,
    ) -> None:
        self.warnings = []
        self._replace = replace
        self._lock = ExitStack()  # held while a path is being written
        self._path: Path | None = None  # where the result goes
        self._staged: Path | None = None  # where it grows: a file, or a folder for numbered pictures
        self._pictures = 0
        self._open = True
        if isinstance(target, (str, Path)) and str(target) != "-":
            self._name = str(target)
            # Through a symbolic link, whose place the new file must not take.
            self._path = Path(os.path.realpath(target))
        else:
            self._name = "standard output" if isinstance(target, (str, Path)) else "the output"
        try:
            self._output = self._open_output(
                target, container, video, tracks, tags or {}, lossless, crf, threads
            )
        except BaseException as error:
            self._remove_staged()
            self._lock.close()
            self._explain(error)
        self.warnings += self._output.warnings
        self._output.warnings.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def write(self, item: Picture | Packet) -> None:
        """Writes the next picture or packet."""
        self._pictures += isinstance(item, Picture)
        try:
            self._output.write(item)
        except Exception as error:
            self._explain(error)

    def close(self) -> None:
        """Finishes the output and gives it its name; does nothing the second time."""
        if not self._open:
            return
        try:
            if self._pictures == 0:
                raise OutputError(f"{self._name}: there are no pictures to write")
            self._output.close()
            self._publish()
        except BaseException as error:
            self.abandon()
            self._explain(error)
        self._open = False
        self._lock.close()
        self.warnings += self._output.warnings

    def abandon(self) -> None:
        """Throws away what was written."""
        if self._open:
            self._open = False
            try:
                self._output.abandon()
                self._remove_staged()
            finally:
                self._lock.close()

    def _open_output(
        self,
        target: str | Path | BinaryIO,
        container: str | None,
        video: VideoFormat,
        tracks: Sequence[Track],
        tags: dict[str, str],
        lossless: bool,
        crf: int,
        threads: int,
    ) -> Output:
        from .muxer import Muxer

        place: Any
        if self._path is None:
            kind = container or "matroska"
            if kind not in PIPE_CONTAINERS:
                raise OutputError(f"a pipe takes {' or '.join(PIPE_CONTAINERS)}, not {kind}")
            place = sys.stdout.buffer if isinstance(target, (str, Path)) else target
        else:
            kind = _kind_of(self._path, container)
            self._stage(numbered=kind == "frames")
            place = str(self._staged)
        if tracks and kind in ("y4m", "png", "frames"):
            self.warnings.append(
                f"{'y4m' if kind == 'y4m' else 'PNG'} holds pictures alone: sound is left out"
            )
        if kind == "png":
            return PngOutput(place, video)
        if kind == "frames":
            return NumberedPngOutput(place, self._path.name if self._path else "", video)
        if kind == "y4m":
            file = open(place, "wb") if isinstance(place, str) else place  # noqa: SIM115 - closed by the output
            return Y4mOutput(file, video, close_file=isinstance(place, str))
        encoder = choose_encoder(kind, video, lossless=lossless, crf=crf)
        return Muxer(place, kind, encoder, video, tracks, tags, threads)

    def _stage(self, *, numbered: bool) -> None:
        """Chooses where the output grows: beside its place, so that the last step is a mere renaming."""
        assert self._path is not None
        check_output(self._name, force=True)
        self._lock.enter_context(sole_writer(self._path, self._name))
        if numbered:
            self._staged = Path(tempfile.mkdtemp(prefix=".nvcodec-", dir=self._path.parent))
        else:
            self._staged = temporary_path(self._path)

    def _publish(self) -> None:
        if self._path is None or self._staged is None:
            return
        if self._staged.is_dir():
            files = sorted(self._staged.iterdir())
            there = [file.name for file in files if (self._path.parent / file.name).exists()]
            if there and not self._replace:
                raise OutputExists(f"{Path(self._name).with_name(there[0])} exists already")
            for file in files:
                put_in_place(file, self._path.parent / file.name, self._name, force=True)
            self._staged.rmdir()
        else:
            put_in_place(self._staged, self._path, self._name, self._replace)
        self._staged = None

    def _remove_staged(self) -> None:
        if self._staged is not None and self._staged.is_dir():
            shutil.rmtree(self._staged, ignore_errors=True)
        elif self._staged is not None:
            self._staged.unlink(missing_ok=True)

    def _explain(self, error: BaseException) -> NoReturn:
        """Raises the error again, those of the disk, the pipe and FFmpeg in words for the user."""
        from av.error import FFmpegError

        if isinstance(error, BrokenPipeError):
            raise OutputError(f"{self._name} was closed before everything was written") from error
        if isinstance(error, (FFmpegError, OSError)):
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError(f"{self._name} cannot be written: {reason}") from error
        raise error


def _kind_of(path: Path, container: str | None) -> str:
    """What a path becomes: FFmpeg's name of a container, "y4m", "png" or "frames"."""
    suffix = path.suffix.lower()
    if container is not None:
        if container not in KINDS:
            raise OutputError(f"{path}: there is no container {container}; known are {' '.join(KINDS)}")
        return container
    if suffix == ".png":
        return "frames" if NUMBER.search(path.name) else "png"
    if suffix == ".y4m":
        return "y4m"
    if suffix in CONTAINERS:
        return CONTAINERS[suffix]
    known = " ".join([*CONTAINERS, ".y4m", ".png"])
    raise OutputError(f"{path}: cannot tell what to write from {suffix or 'no suffix'!r}; known are {known}")
