"""`python -m nvcodec.benchmarks.damage CLIP.mgv [--trials N] [--parity P] [--json FILE]`: what damage leaves of a file.

Example: `nvcodec encode carphone.mp4 carphone.mgv --gop 9 && python -m nvcodec.benchmarks.damage carphone.mgv`

The file is damaged in three ways, many times over: bits flipped at random places, a run of bytes overwritten with
noise, the end cut off. Then it is read, and what is lost concealed, as `nvcodec decode` does. A frame is kept if it
is that of the undamaged file to the bit; PSNR is of RGB, over all frames together, against the undamaged decode. After
the end of what is left the last picture stays. Pictures are decoded once: a group, or what is left of one, decodes to
the same whatever happened beside it (`tests/codec/test_recovery.py`).
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from nvcodec.benchmarks.psnr import PEAK, to_rgb
from nvcodec.bitstream import BitstreamError, ContainerReader, ContainerWriter, GopChunk, LostGop, PacketRecord

from nvcodec.codec import DecodeOptions
from nvcodec.codec.access import CodedFile, CodedGops
from nvcodec.codec.conceal import Concealer
from nvcodec.codec.decode import DecodedGop, DecodedPart, decode_part, pictures_of
from nvcodec.codec.headers import model_of, video_of
from nvcodec.codec.parts import Part
from nvcodec.media import Picture

FLIPS = (1e-6, 1e-5, 1e-4, 1e-3)
BURSTS = (0.001, 0.01, 0.05, 0.2)
CUTS = tuple(percent / 100 for percent in range(99, 0, -1))
SHOWN_CUTS = 10  # one row for so many cuts

Damage = Callable[[bytes, float, np.random.Generator], bytes]


@dataclasses.dataclass(frozen=True)
class Row:
    """Means over the trials of one kind and share of damage.

    `readable` is the share of trials in which anything could be shown; `kept` that of frames over all trials; `psnr`
    in dB over all readable trials, None where nothing was wrong or nothing readable.
    """

    kind: str
    share: float
    trials: int
    readable: float
    kept: float
    psnr: float | None


class Clip:
    """A whole file and what it decodes to."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        coded = CodedFile(io.BytesIO(data), DecodeOptions(strict=True))
        self.video = video_of(coded.header)
        self._header, self._model = coded.header, model_of(coded.header, "cpu")
        decoded = partial(decode_part, self._model, self._header, strict=True)
        self._gops: dict[int, list[Picture]] = {}
        for part in map(decoded, coded.parts()):
            if part.gop is not None and not isinstance(part.gop, LostGop):
                self._gops[part.gop.chunk.begin] = list(pictures_of(self._model, self.video, part.gop))
        self.gop_count = len(self._gops)
        self.pictures = [picture for gop in self._gops.values() for picture in gop]

    def after(self, damaged: bytes) -> tuple[int, float] | None:
        """Frames kept and mean squared error of a damaged copy; None if nothing of it can be shown."""
        try:
            shown = {picture.pts: picture for picture in self._shown(damaged)}
        except BitstreamError:
            return None
        if not shown:
            return None
        kept, error = 0, 0.0
        last = next(iter(shown.values()))
        for picture in self.pictures:
            last = shown.get(picture.pts, last)
            if last is picture:
                kept += 1
            else:
                difference = to_rgb(picture, self.video).astype(np.int32) - to_rgb(last, self.video)
                error += float((difference * difference).mean())
        return kept, error / len(self.pictures)

    def _shown(self, damaged: bytes) -> Iterator[Picture]:
        coded = CodedFile(io.BytesIO(damaged), DecodeOptions())
        concealer = Concealer(self._pictures_of, self.video.time_base)
        for part in map(self._decoded, coded.parts()):
            if part.gop is None:
                continue
            yield from concealer.pictures(part.gop)
            if isinstance(part.gop, DecodedGop) and part.gop.lost is not None:
                yield from concealer.pictures(part.gop.lost)
        yield from concealer.rest()

    def _decoded(self, part: Part[CodedGops, PacketRecord]) -> DecodedPart:
        """Planes of a damaged group are decoded; a whole one's were."""
        if isinstance(part.gop, tuple):
            return Part(part.packets, DecodedGop(part.gop[1], []))
        return decode_part(self._model, self._header, part, strict=False)

    def _pictures_of(self, gop: DecodedGop) -> Iterator[Picture]:
        """Those of the undamaged file, as many as the group still has."""
        kept = None if gop.lost is None else -gop.lost.frames
        return iter(self._gops[gop.chunk.begin][:kept])


def parity_share(text: str) -> int:
    """Ten-thousandths, from "5%" or "5"; ValueError for what is no number.

    >>> parity_share("2.5%")
    250
    """
    return round(100 * float(text.removesuffix("%")))


def protected(data: bytes, share: int) -> bytes:
    """The same file with parity of `share` ten-thousandths."""
    reader, file = ContainerReader(io.BytesIO(data)), io.BytesIO()
    writer = ContainerWriter(file, parity=share)
    writer.write_header(reader.header)
    for content in reader.chunks():
        if isinstance(content, GopChunk):
            writer.write_gop(content)
        else:
            writer.write_packets(content)
    writer.finish()
    return file.getvalue()


def flipped(data: bytes, share: float, rng: np.random.Generator) -> bytes:
    """Every bit flipped with a probability of `share`."""
    changed = np.frombuffer(data, np.uint8).copy()
    places = rng.integers(0, 8 * len(data), rng.binomial(8 * len(data), share))
    np.bitwise_xor.at(changed, places // 8, (1 << places % 8).astype(np.uint8))
    return changed.tobytes()


def burst(data: bytes, share: float, rng: np.random.Generator) -> bytes:
    """A run of that share of the file, somewhere in it, overwritten with noise."""
    size = max(1, round(share * len(data)))
    begin = int(rng.integers(0, len(data) - size + 1))
    return data[:begin] + rng.bytes(size) + data[begin + size :]


def truncated(data: bytes, share: float, rng: np.random.Generator) -> bytes:
    """That share of the file, from its beginning."""
    return data[: round(share * len(data))]


def measured(clip: Clip, kind: str, share: float, damaged: list[bytes]) -> Row:
    """The row of these damaged copies."""
    outcomes = [clip.after(data) for data in damaged]
    readable = [outcome for outcome in outcomes if outcome is not None]
    error = float(np.mean([mse for _, mse in readable])) if readable else 0.0
    return Row(
        kind,
        share,
        len(damaged),
        len(readable) / len(damaged),
        sum(kept for kept, _ in readable) / (len(damaged) * len(clip.pictures)),
        10 * math.log10(PEAK**2 / error) if error else None,
    )


def rows(clip: Clip, trials: int) -> Iterator[Row]:
    """All rows, in the order of the table. The same every time."""
    damages: list[tuple[str, Damage, tuple[float, ...]]] = [
        ("bits flipped", flipped, FLIPS),
        ("bytes overwritten in one run", burst, BURSTS),
    ]
    for kind, damage, shares in damages:
        for share in shares:
            rng = np.random.default_rng(round(1e9 * share))
            yield measured(clip, kind, share, [damage(clip.data, share, rng) for _ in range(trials)])
    rng = np.random.default_rng(0)
    for first in range(0, len(CUTS), SHOWN_CUTS):
        shares = CUTS[first : first + SHOWN_CUTS]
        copies = [truncated(clip.data, share, rng) for share in shares]
        yield measured(clip, f"cut off at {shares[0]:.0%} … {shares[-1]:.0%}", float(np.mean(shares)), copies)


def table(found: list[Row]) -> str:
    """The rows in Markdown."""
    lines = ["| damage | copies | readable | frames kept | PSNR, dB |", "| --- | --- | --- | --- | --- |"]
    for row in found:
        name = row.kind if row.kind.startswith("cut") else f"{row.share:g} of {row.kind}"
        psnr = f"{row.psnr:.1f}" if row.psnr is not None else "∞" if row.readable else ""
        lines.append(f"| {name} | {row.trials} | {row.readable:.0%} | {row.kept:.1%} | {psnr} |")
    return "\n".join(lines)


def main(say: Callable[[str], None] = print) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.benchmarks.damage", description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--trials", type=int, default=100, help="copies for each share of flips and of bursts")
    parser.add_argument("--parity", type=parity_share, metavar="PERCENT", help="of the same file with such parity")
    parser.add_argument("--json", type=Path, help="the rows for programs, too")
    arguments = parser.parse_args()
    data = arguments.clip.read_bytes()
    clip = Clip(data if arguments.parity is None else protected(data, arguments.parity))
    found = list(rows(clip, arguments.trials))
    contents = f"{len(clip.data)} bytes, {clip.gop_count} groups of pictures, {len(clip.pictures)} frames"
    say(f"{arguments.clip.name}: {contents}\n\n{table(found)}")
    if arguments.json:
        arguments.json.write_text(json.dumps([dataclasses.asdict(row) for row in found], indent=2))


if __name__ == "__main__":
    main()
