"""A file in parts, packets and then the GOP they lie before; and parts made ahead of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from nvcodec.bitstream import PacketRecord
from nvcodec.media import Packet

Content = TypeVar("Content")
Result = TypeVar("Result")
Gop = TypeVar("Gop")
Item = TypeVar("Item", Packet, PacketRecord)
Made_co = TypeVar("Made_co", covariant=True)

PACKETS = 4096
PACKET_BYTES = 8 << 20


@dataclass(frozen=True)
class Part(Generic[Gop, Item]):
    """Packets, then the GOP they lie before; None where they are many, and after the last GOP."""

    packets: tuple[Item, ...]
    gop: Gop | None


def in_chunks(packets: Iterable[Item]) -> Iterator[tuple[Item, ...]]:
    """The packets, no more at a time than PACKETS, nor many more bytes than PACKET_BYTES."""
    chunk: list[Item] = []
    size = 0
    for packet in packets:
        chunk.append(packet)
        size += len(packet.data)
        if len(chunk) >= PACKETS or size >= PACKET_BYTES:
            yield tuple(chunk)
            chunk, size = [], 0
    if chunk:
        yield tuple(chunk)


class Promise(Protocol[Made_co]):
    """A result that is being made: a `Future`, or something like it."""

    def done(self) -> bool:
        """Whether it is made."""
        ...

    def result(self) -> Made_co:
        """The result, once it is made, or the error in its stead."""
        ...


class InTheMaking(Generic[Result]):
    """Results on their way to a caller, in their order, each of which may be passed on before its turn.

    A caller that waits for input can't come for them. So it says by `pass_on_to` what is to be done with each, and
    whoever reads the input for it calls `pass_on`. `passed_on`: whether that was done with what `next` gave last.
    """

    def __init__(self) -> None:
        self.passed_on = False
        self._promises: deque[Promise[Result]] = deque()
        self._early = 0  # of the promises: results that were passed on
        self._take: Callable[[Result], object] | None = None

    def __len__(self) -> int:
        return len(self._promises)

    def pass_on_to(self, take: Callable[[Result], object]) -> None:
        """From now on results may be passed on to `take`."""
        self._take = take

    def add(self, promise: Promise[Result]) -> None:
        """The next one."""
        self._promises.append(promise)

    def next(self) -> Result:
        """The first, when it is made."""
        self.passed_on = self._early > 0
        self._early -= self.passed_on
        return self._promises.popleft().result()

    def pass_on(self) -> bool:
        """Passes on what is made; whether more will be."""
        while self._take is not None and self._early < len(self._promises):
            if not (first := self._promises[self._early]).done():
                return True
            self._early += 1
            self._take(first.result())
        return False


def made_in_order(
    make: Callable[[Content], Result],
    contents: Iterable[Content],
    *,
    ahead: bool,
    making: InTheMaking[Result] | None = None,
) -> Iterator[Result]:
    """`make` of all contents, in their order; with `ahead` in a thread of its own, one ahead of the caller.

    So while the caller is busy with one result the next is made. An error of `make` comes out in its turn;
    leaving early waits for no more than the one in the making. By `making`, results can be had while `contents` waits.
    """
    if not ahead:
        yield from map(make, contents)
        return
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nvcodec-planes")
    making = InTheMaking() if making is None else making
    try:
        for content in contents:
            making.add(worker.submit(make, content))
            if len(making) > 1:
                yield making.next()
        while making:
            yield making.next()
    finally:
        worker.shutdown(wait=True, cancel_futures=True)
