"""An encode that can be killed at any moment and gone on with, to the bytes it would have made in one go.

The input is read from its beginning again, but pictures of groups that are in the partial file are neither analysed
nor coded. What is written must be what is there, up to its end (`nvcodec/partial.py`).
"""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import torch

from nvcodec import __version__
from nvcodec.bitstream import BitstreamError, ContainerReader, GopChunk
from nvcodec.errors import NvcodecError
from nvcodec.media import Packet
from nvcodec.partial import PartialMismatch, Record, check_resumable, partial_output, partial_path
from nvcodec.weights import load

from .gop import GopQuality
from .intake import Steps
from .options import EncodeOptions
from .parts import Part
from .reports import EncodeReport, Watcher

Gop = TypeVar("Gop")


@dataclasses.dataclass(frozen=True)
class Begun:
    """What an encode takes over from one that was stopped: its first `gops`, and FFmpeg's number of threads."""

    gops: Iterator[GopChunk]
    reader_threads: int


def encode_resumably(
    source: str | Path,
    target: str | Path,
    options: EncodeOptions = EncodeOptions(),
    progress: Watcher | None = None,
    force: bool = False,
) -> EncodeReport:
    """As `encode`, from file to file: `target` is begun, or gone on with where its partial file is there.

    PartialMismatch where that was begun with another source, other options, another model or other programs; with
    `force` it is begun anew then, and an existing `target` replaced. `threads` may be others. NvcodecError for a bit
    rate, size or VMAF to be met: what one group leaves to the next, or reached, is not in the file.
    """
    from .encode import encode

    check_resumable(source, target)
    if any(asked is not None for asked in (options.bitrate, options.target_size, options.target_vmaf)):
        raise NvcodecError("an encode to a bit rate, target size or VMAF cannot be resumed, one to a quality can")
    record, chosen = record_of(Path(source), options), {"reader_threads": reader_threads(options.threads)}
    with partial_output(target, record, chosen, force, whole_bytes) as growing, ExitStack() as stack:
        gops: Iterator[GopChunk] = iter(())
        if growing.kept is not None:
            gops = gops_in(stack.enter_context(open(growing.kept, "rb")), growing.kept.stat().st_size)
        threads = as_chosen(growing.chosen.get("reader_threads"), partial_path(Path(target)))
        return encode(source, growing.file, options, progress, Begun(gops, threads))


def record_of(source: Path, options: EncodeOptions) -> Record:
    """Everything that the bytes of a file depend on, but for `reader_threads`.

    They do not depend on how many threads or processes compute, nor on the name of the model.
    """
    asked = dataclasses.asdict(options)
    del asked["threads"], asked["model"]
    record = {
        "source": _state_of(source),
        "options": asked,
        "model": load(options.model, options.device).sha256,
        "machine": {"architecture": platform.machine(), "instructions": torch.backends.cpu.get_cpu_capability()},
        "program": {"nvcodec": __version__, "torch": torch.__version__, "av": version("av")},
    }
    if options.roi is not None and options.roi.mask is not None:
        record["mask"] = _state_of(Path(options.roi.mask))
    return record


def _state_of(path: Path) -> Record:
    """By what a file is known again without reading it; NvcodecError if it is none."""
    if not path.is_file():
        raise NvcodecError(f"{path} is not a file, and only an encode of files can be resumed")
    status = path.stat()
    return {"bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def reader_threads(threads: int) -> int | str:
    """What the places of sound and subtitles depend on: the more threads FFmpeg has, the later it gives a picture.

    Where the number is left to FFmpeg, what that goes by.
    """
    return threads or f"as suits {_processors()} processors"


def as_chosen(threads: Any, partial: Path) -> int:
    """The number for FFmpeg, 0 to leave it to it; PartialMismatch where that would be another number now."""
    if isinstance(threads, int):
        return threads
    if threads != reader_threads(0):
        raise PartialMismatch(
            f"{partial} was begun with threads {threads}, and here are {_processors()}; delete it to begin anew"
        )
    return 0


def _processors() -> int:
    """How many this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not everywhere
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def whole_bytes(partial: Path) -> int:
    """How many bytes, from the beginning, are the header and whole groups and packets."""
    end = 0
    try:
        with open(partial, "rb") as file:
            reader = ContainerReader(file, mend=False)  # a byte that is mended when read is not in the file
            end = reader.header_end
            for _ in reader.chunks():
                end = reader.bytes_read
    except BitstreamError:
        pass  # this is where the encoder was stopped
    return end


def gops_in(file: BinaryIO, size: int) -> Iterator[GopChunk]:
    """The groups of a partial file of `size` bytes, read as they are asked for."""
    if size:
        reader = ContainerReader(file, mend=False)
        chunks = reader.chunks()
        while reader.bytes_read < size:
            chunk = next(chunks)
            if isinstance(chunk, GopChunk):
                yield chunk


def kept_or_made(
    kept: Iterator[GopChunk], make: Callable[[Steps, GopQuality], Gop], skipped: Callable[[int], object]
) -> Callable[[Steps, GopQuality], Gop | GopChunk]:
    """`make`, but for the first GOPs, which are `kept`: their pictures are passed over, and `skipped` told of them."""

    def kept_or_made_gop(steps: Steps, quality: GopQuality) -> Gop | GopChunk:
        gop = next(kept, None)
        if gop is None:
            return make(steps, quality)
        pts = tuple(picture.pts for step in steps for picture in step)
        if pts != gop.pts:
            raise PartialMismatch("the partial file holds other pictures than the input; delete it to begin anew")
        skipped(len(pts))
        return gop

    return kept_or_made_gop


def kept_then_coded(
    parts: Iterator[Part[Gop | GopChunk, Packet]],
    code: Callable[[Iterable[Part[Gop, Packet]]], Iterator[Part[GopChunk, Packet]]],
) -> Iterator[Part[GopChunk, Packet]]:
    """The parts that are coded already, then the others, as `code` codes them."""
    for part in parts:
        if not isinstance(part.gop, GopChunk):
            yield from code(chain([part], parts))  # type: ignore[arg-type]
            return
        yield Part(part.packets, part.gop)
