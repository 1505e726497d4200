"""Is a file whole down to its planes? Every GOP's are decoded, over damage where there is any; its pixels are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from nvcodec.bitstream import (
    RECOVERY,
    BitstreamError,
    ContainerReader,
    Damage,
    GopChunk,
    Limits,
    Loss,
    LostGop,
    StreamHeader,
    VerifyReport,
    losses_of,
    recovered,
)
from nvcodec.bitstream.recovery import trusted_index
from nvcodec.bitstream.verify import hash_text, with_parity
from nvcodec.errors import NvcodecError
from nvcodec.weights import Model

from .decode import levels_of
from .headers import model_of
from .reports import Progress, Watcher


@dataclass(frozen=True)
class DeepReport(VerifyReport):
    """What a `VerifyReport` says, where `gops` and `frames` count only what decodes to what was encoded.

    `losses` are the pictures and the sound that are not whole, with their times.
    """

    losses: tuple[Loss, ...] = ()


def verify_deep(file: BinaryIO, progress: Watcher | None = None, limits: Limits = RECOVERY) -> DeepReport:
    """Read `file`, which is left open, front to back, check every checksum and decode all planes. A pipe will do.

    BitstreamError for what is no `.mgv` file at all, ModelMismatch when the model of the file is not here: then
    nothing can be said of its planes.
    """
    start = file.tell() if file.seekable() else None
    report = _as_it_lies(file, progress, limits)
    return report if report.whole or start is None else with_parity(report, file, start, limits)


def _as_it_lies(file: BinaryIO, progress: Watcher | None, limits: Limits) -> DeepReport:
    """The report on a file whose parity, if it has any, is left alone."""
    damage = Damage()
    try:
        reader = ContainerReader(file, limits, damage.errors, mend=False)
    except BitstreamError as error:
        if error.chunk is None:
            raise
        return DeepReport(damage=(error,))
    header = reader.header
    model = model_of(header, "cpu")
    index = trusted_index(reader) if progress else None
    total = None if index is None else index[0].frames
    lost: list[LostGop] = []
    number = gops = frames = packets = passed = 0
    for content in recovered(reader, damage):
        if isinstance(content, GopChunk):
            wrong = _wrong_planes(model, header, number, content, limits)
            if wrong is None:
                gops, frames = gops + 1, frames + len(content.pts)
            else:
                damage.errors.append(wrong.at(reader.chunks_read - 1, reader.chunk_offset))
                lost.append(LostGop(content.begin, content.end, len(content.pts), str(wrong)))
        elif isinstance(content, LostGop):
            lost.append(content)
        else:
            packets += len(content.packets)
            continue
        number += 1
        passed += len(content.pts)
        if progress is not None:
            progress(Progress("verifying", passed, total))
    broken = sum(error.chunk is not None for error in damage.errors)
    return DeepReport(
        bytes=reader.bytes_read,
        chunks=reader.chunks_read - broken,
        gops=gops,
        frames=frames,
        packets=packets,
        sha256=hash_text(reader),
        damage=tuple(damage.errors),
        losses=losses_of(header.time_base, lost, damage.sound),
    )


def _wrong_planes(
    model: Model, header: StreamHeader, number: int, gop: GopChunk, limits: Limits
) -> BitstreamError | None:
    """What is wrong with the planes of GOP `number`, if anything is."""
    try:
        levels_of(model, header, number, gop, limits=limits)
    except NvcodecError as error:
        return BitstreamError(str(error))
    return None
