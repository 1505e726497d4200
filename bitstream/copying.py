"""Chunks of one file written on into another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO

from .container import ContainerWriter
from .gop import GopChunk
from .header import StreamHeader
from .limits import Limits
from .tracks import PacketChunk


@dataclass(frozen=True)
class CopyReport:
    """A file made of the chunks of others.

    `start_s` and `end_s` are where it begins and ends in the input, in seconds from the first picture there.
    """

    start_s: float
    end_s: float
    gops: int
    frames: int
    packets: int
    bytes: int


class Copy:
    """Writes GOPs and packets on into a file, counting."""

    def __init__(self, file: BinaryIO, header: StreamHeader, limits: Limits, parity: int | None = None) -> None:
        self.writer = ContainerWriter(file, limits, parity)
        self.writer.write_header(header)
        self.gops = self.frames = self.packets = 0
        self.first: int | None = None  # when the first picture is shown

    def gop(self, gop: GopChunk, shift: int) -> None:
        """A GOP, so much later."""
        self.writer.write_gop(replace(gop, pts=tuple(pts + shift for pts in gop.pts)))
        self.first = gop.begin + shift if self.first is None else self.first
        self.gops, self.frames = self.gops + 1, self.frames + len(gop.pts)

    def put(self, packets: PacketChunk) -> None:
        """Packets, if there are any."""
        if packets.packets:
            self.writer.write_packets(packets)
            self.packets += len(packets.packets)

    def report(self, start_s: Fraction, end_s: Fraction) -> CopyReport:
        """The whole, finished."""
        self.writer.finish()
        return CopyReport(float(start_s), float(end_s), self.gops, self.frames, self.packets, self.writer.bytes_written)
