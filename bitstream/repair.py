"""A damaged or unfinished file written anew: all that is whole, with a new index."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO

from .container import ContainerReader
from .copying import Copy, CopyReport
from .gop import GopChunk
from .limits import Limits
from .recovery import RECOVERY, Damage, LostGop, recovered
from .tracks import PacketChunk


@dataclass(frozen=True)
class RepairReport:
    """The new file, what was wrong with the old, and the pictures that are in neither.

    `restored_bytes` of the old were brought back by parity; `needs_package`: it has parity that is of no use here, for
    want of the package it needs, and the new file has none.
    """

    written: CopyReport
    damage: Damage
    lost: tuple[LostGop, ...]
    time_base: Fraction
    restored_bytes: int = 0
    needs_package: bool = False


def repair(source: BinaryIO, target: BinaryIO, limits: Limits = RECOVERY) -> RepairReport:
    """Write to `target` all chunks of `source` that are whole, their bytes untouched, and a new index.

    Chunks of types that are not known are left out. What parity brings back counts as whole, and a file with parity
    has it again, if the package it needs is there. Both files are left open; `source` may be a pipe.
    BitstreamError where the header is lost, without which nothing can be read.
    """
    damage = Damage()
    reader = ContainerReader(source, limits, damage.errors)
    reader.mends()
    mended = reader.mended
    copy = Copy(target, reader.header, limits, None if mended is None else mended.share)
    lost: list[LostGop] = []
    end = 0
    for content in recovered(reader, damage):
        if isinstance(content, GopChunk):
            copy.gop(content, 0)
            end = content.end
        elif isinstance(content, PacketChunk):
            copy.put(content)
        else:
            lost.append(content)
    base = reader.header.time_base
    written = copy.report(Fraction(0), (end - (copy.first or 0)) * base)
    report = RepairReport(written, damage, tuple(lost), base)
    if mended is None:
        return report
    return replace(report, restored_bytes=mended.restored_bytes, needs_package=mended.needs_package)
