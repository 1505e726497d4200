"""A file in parts, packets and then the GOP they lie before; and parts made ahead of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from nvcodec.bitstream import PacketRecord
from nvcodec.media import Packet

Content = TypeVar("Content")
Result = TypeVar("Result")
Gop = TypeVar("Gop")
Item = TypeVar("Item", Packet, PacketRecord)

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


def made_in_order(
    make: Callable[[Content], Result], contents: Iterable[Content], *, ahead: bool
) -> Iterator[Result]:
    """`make` of all contents, in their order; with `ahead` in a thread of its own, one ahead of the caller.

    So while the caller is busy with one result the next is made. An error of `make` comes out in its turn;
    leaving early waits for no more than the one in the making.
    """
    if not ahead:
        yield from map(make, contents)
        return
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nvcodec-planes")
    making: deque[Future[Result]] = deque()
    try:
        for content in contents:
            making.append(worker.submit(make, content))
            if len(making) > 1:
                yield making.popleft().result()
        while making:
            yield making.popleft().result()
    finally:
        worker.shutdown(wait=True, cancel_futures=True)
