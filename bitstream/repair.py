"""A damaged or unfinished file written anew: all that is whole, with a new index."""

from __future__ import annotations

from dataclasses import dataclass
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
    """The new file, what was wrong with the old, and the pictures that are in neither."""

    written: CopyReport
    damage: Damage
    lost: tuple[LostGop, ...]
    time_base: Fraction


def repair(source: BinaryIO, target: BinaryIO, limits: Limits = RECOVERY) -> RepairReport:
    """Write to `target` all chunks of `source` that are whole, their bytes untouched, and a new index.

    Chunks of types that are not known are left out. Both files are left open; `source` may be a pipe.
    BitstreamError where the header is lost, without which nothing can be read.
    """
    damage = Damage()
    reader = ContainerReader(source, limits, damage.errors)
    copy = Copy(target, reader.header, limits)
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
    return RepairReport(written, damage, tuple(lost), base)
