"""A group of pictures: when its frames are shown, what its planes are, and their bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from .errors import BitstreamError
from .fields import FieldReader, FieldWriter
from .limits import Limits, at_most, in_64_bits
from .timing import read_times, write_times

PLANES_MAX = 15  # a count has half a byte
COUNT_BITS, HALVINGS_MAX = 5, 7  # of the byte that says how many counts there are, and what the rest of it can hold


@dataclass(frozen=True)
class GopChunk:
    """One group of pictures, decodable by itself.

    `pts` has one strictly increasing time per frame and `duration` is the last frame's (0: not known), both
    in units of the header's `time_base`. `quality` is 0 … 255, as is `first_quality`,
    that of the first latent frame; `plane_counts` has the number of magnitude planes coded, 0 … 15, for each
    group of channels, in all latent frames or first in the first and then in the others; `planes_crc` is the
    CRC-32C of the decoded planes; `payload` their entropy-coded bits. `halvings` is how often width and height were
    halved before the pictures were coded, 0 … 7.

    `room` is how many bytes of the file it was read from lie between the end of the GOP before and its own; 0 where
    it was read from none.
    """

    pts: tuple[int, ...]
    duration: int
    quality: int
    first_quality: int
    plane_counts: bytes
    planes_crc: int
    payload: bytes
    halvings: int = 0
    room: int = field(default=0, repr=False, compare=False)

    @property
    def begin(self) -> int:
        """The time at which the first frame begins."""
        return self.pts[0]

    @property
    def end(self) -> int:
        """The time at which the last frame ends."""
        return self.pts[-1] + self.duration


def encode_gop(gop: GopChunk, limits: Limits) -> bytes:
    """The body of the GOP's chunk."""
    _check(gop, limits)
    fields = FieldWriter()
    fields.varint(len(gop.pts))
    write_times(fields, gop.pts)
    fields.varint(gop.duration)
    fields.u8(gop.quality)
    fields.u8(gop.first_quality)
    fields.u8(len(gop.plane_counts) | gop.halvings << COUNT_BITS)
    fields.raw(_pack_halves(gop.plane_counts))
    fields.u32(gop.planes_crc)
    fields.raw(gop.payload)
    return bytes(fields.data)


def decode_gop(body: bytes, limits: Limits) -> GopChunk:
    """Mirror of `encode_gop`."""
    fields = FieldReader(body)
    count = at_most(fields.varint(), limits.frames_per_gop, "the number of frames of a GOP")
    if count == 0:
        raise BitstreamError("a GOP has no frames")
    pts, duration, quality, first_quality = read_times(fields, count), fields.varint(), fields.u8(), fields.u8()
    halvings, counts = divmod(fields.u8(), 1 << COUNT_BITS)
    gop = GopChunk(
        pts=pts,
        duration=duration,
        quality=quality,
        first_quality=first_quality,
        halvings=halvings,
        plane_counts=_unpack_halves(fields, counts),
        planes_crc=fields.u32(),
        payload=fields.rest(),
    )
    _check(gop, limits)
    return gop


def _check(gop: GopChunk, limits: Limits) -> None:
    at_most(len(gop.pts), limits.frames_per_gop, "the number of frames of a GOP")
    if not gop.pts:
        raise BitstreamError("a GOP has no frames")
    if any(after <= before for before, after in pairwise(gop.pts)):
        raise BitstreamError("the time stamps of a GOP do not increase")
    if not 0 <= gop.halvings <= HALVINGS_MAX or len(gop.plane_counts) >= 1 << COUNT_BITS:
        raise BitstreamError(f"{gop.halvings} halvings and {len(gop.plane_counts)} plane counts do not fit a GOP")
    if gop.duration < 0:
        raise BitstreamError("a GOP's last frame ends before it begins")
    in_64_bits(gop.pts[0], "the time of a GOP")
    in_64_bits(gop.end, "the end of a GOP")


def _pack_halves(counts: bytes) -> bytes:
    """Numbers up to 15, two in a byte, the earlier in its low half."""
    if counts and max(counts) > PLANES_MAX:
        raise BitstreamError(f"{max(counts)} planes in a group of channels; there can be {PLANES_MAX}")
    pairs = counts + bytes(len(counts) % 2)
    return bytes(low | high << 4 for low, high in zip(pairs[::2], pairs[1::2], strict=True))


def _unpack_halves(fields: FieldReader, count: int) -> bytes:
    """Mirror of `_pack_halves`."""
    halves = bytes(half for byte in fields.raw((count + 1) // 2) for half in (byte & 15, byte >> 4))
    if any(halves[count:]):
        raise BitstreamError("the half byte after the last plane count is not zero")
    return halves[:count]
