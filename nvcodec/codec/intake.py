"""What a reader gives, sorted: pictures in the steps that the networks take, packets with the GOP they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from nvcodec.bitstream import latent_frames
from nvcodec.media import MediaReader, Packet, Picture
from nvcodec.tokenizer.motion import STEP_FRAMES

from .gop import TOKENS, GopQuality, planned_quality
from .parts import Part

Steps = Iterator[list[Picture]]
Gop = TypeVar("Gop")


def parts_of(
    media: MediaReader, frames: int, quality: int, make: Callable[[Steps, GopQuality], Gop]
) -> Iterator[Part[Gop, Packet]]:
    """The input in GOPs of `frames` frames, each with the packets that lie before its end. `quality` 0: tokens.

    `make` makes a GOP of its steps, all of which it takes; they are read as it does.
    """
    items = _Items(media)
    done = 0
    while not items.over:
        left = frames if media.frame_count is None else max(1, media.frame_count - done)
        own = planned_quality(quality, latent_frames(min(frames, left))) if quality else TOKENS
        gop = make(items.steps(frames), own)
        done += frames
        yield Part(items.take_packets(), gop)


class _Items:
    """Pictures in steps; packets kept until asked for."""

    def __init__(self, media: MediaReader) -> None:
        self._items = media.items()
        self._packets: list[Packet] = []
        self._next: Picture | None = None
        self._advance()

    @property
    def over(self) -> bool:
        """Whether all pictures have been taken; then all packets have been met."""
        return self._next is None

    def steps(self, frames: int) -> Steps:
        """The next `frames` pictures, 1 + 4k, or what is left: the first alone, then four at a time."""
        yield self._take(1)
        for _ in range(1, frames, STEP_FRAMES):
            if self.over:
                return
            yield self._take(STEP_FRAMES)

    def take_packets(self) -> tuple[Packet, ...]:
        """The packets met since they were last asked for."""
        packets, self._packets = tuple(self._packets), []
        return packets

    def _take(self, count: int) -> list[Picture]:
        taken: list[Picture] = []
        while self._next is not None and len(taken) < count:
            taken.append(self._next)
            self._advance()
        return taken

    def _advance(self) -> None:
        self._next = None
        for item in self._items:
            if isinstance(item, Picture):
                self._next = item
                return
            self._packets.append(item)
