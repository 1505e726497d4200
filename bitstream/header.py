"""What a file is: the format of its pictures, the model that decodes them, its tracks and tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from .errors import BitstreamError
from .fields import FieldReader, FieldWriter
from .limits import Limits, at_most
from .tracks import TrackHeader, read_track, write_track

MINOR_VERSION = 0
MODEL_ID_BYTES = 16
CHROMA = ("400", "420", "422", "444")

# The byte of flags: chroma format in the low two bits, then these; the others are zero.
INTERLACED, FULL_RANGE, TOKENS = 4, 8, 16


@dataclass(frozen=True)
class StreamHeader:
    """The first chunk of a file.

    `width`, `height`, `chroma`, `bit_depth` and the colour (ITU-T H.273 code points, 2 is "not said";
    `chroma_location` as FFmpeg counts it) are those of the input's pictures before `rotation`, in degrees
    counter-clockwise. `model_id` is the first half of the SHA-256 of the weights and `profile` the arithmetic
    of the prior; with `tokens` the sign planes of the token alone are coded.
    """

    width: int
    height: int
    time_base: Fraction
    model_id: bytes
    frame_rate: Fraction | None = None
    sample_aspect_ratio: Fraction = Fraction(1)
    rotation: int = 0
    chroma: str = "420"
    bit_depth: int = 8
    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False
    chroma_location: int = 0
    interlaced: bool = False
    profile: int = 1
    tokens: bool = False
    tracks: tuple[TrackHeader, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)


def encode_header(header: StreamHeader, limits: Limits) -> bytes:
    """The body of the header's chunk."""
    _check(header, limits)
    fields = FieldWriter()
    fields.varint(MINOR_VERSION)
    fields.varint(header.width)
    fields.varint(header.height)
    fields.u8(
        CHROMA.index(header.chroma)
        | INTERLACED * header.interlaced
        | FULL_RANGE * header.full_range
        | TOKENS * header.tokens
    )
    fields.u8(header.bit_depth)
    for code in (header.primaries, header.transfer, header.matrix, header.chroma_location):
        fields.u8(code)
    fields.svarint(header.rotation)
    fields.fraction(header.sample_aspect_ratio)
    fields.fraction(header.time_base)
    fields.u8(header.frame_rate is not None)
    if header.frame_rate is not None:
        fields.fraction(header.frame_rate)
    fields.varint(header.profile)
    fields.raw(header.model_id)
    fields.varint(len(header.tags))
    for name, value in header.tags.items():
        fields.text(name, limits.text_bytes)
        fields.text(value, limits.text_bytes)
    fields.varint(len(header.tracks))
    for track in header.tracks:
        write_track(fields, track, limits)
    return bytes(fields.data)


def decode_header(body: bytes, limits: Limits) -> StreamHeader:
    """Mirror of `encode_header`. What a later minor version put after the fields known here is skipped."""
    fields = FieldReader(body)
    minor = fields.varint()
    width, height = fields.varint(), fields.varint()
    flags, bit_depth = fields.u8(), fields.u8()
    primaries, transfer, matrix, chroma_location = (fields.u8() for _ in range(4))
    rotation = fields.svarint()
    sample_aspect_ratio, time_base = fields.fraction(), fields.fraction()
    has_rate = fields.u8()
    header = StreamHeader(
        width=width,
        height=height,
        chroma=CHROMA[flags & 3],
        interlaced=bool(flags & INTERLACED),
        full_range=bool(flags & FULL_RANGE),
        tokens=bool(flags & TOKENS),
        bit_depth=bit_depth,
        primaries=primaries,
        transfer=transfer,
        matrix=matrix,
        chroma_location=chroma_location,
        rotation=rotation,
        sample_aspect_ratio=sample_aspect_ratio,
        time_base=time_base,
        frame_rate=fields.fraction() if has_rate else None,
        profile=fields.varint(),
        model_id=fields.raw(MODEL_ID_BYTES),
        tags=_read_tags(fields, limits),
        tracks=_read_tracks(fields, limits),
    )
    if has_rate > 1 or (minor <= MINOR_VERSION and flags >> 5):
        raise BitstreamError("the header has flags that its version does not know")
    if minor <= MINOR_VERSION:
        fields.end()
    _check(header, limits)
    return header


def _read_tags(fields: FieldReader, limits: Limits) -> dict[str, str]:
    tags: dict[str, str] = {}
    for _ in range(at_most(fields.varint(), limits.tags, "the number of tags")):
        name = fields.text(limits.text_bytes)
        if name in tags:
            raise BitstreamError(f"the tag {name!r} is there twice")
        tags[name] = fields.text(limits.text_bytes)
    return tags


def _read_tracks(fields: FieldReader, limits: Limits) -> tuple[TrackHeader, ...]:
    count = at_most(fields.varint(), limits.tracks, "the number of tracks")
    return tuple(read_track(fields, limits) for _ in range(count))


def _check(header: StreamHeader, limits: Limits) -> None:
    if not (1 <= header.width <= limits.width and 1 <= header.height <= limits.height):
        raise BitstreamError(
            f"pictures of {header.width}x{header.height}; 1x1 to {limits.width}x{limits.height} are supported"
        )
    if header.chroma not in CHROMA:
        raise BitstreamError(f"chroma must be one of {', '.join(CHROMA)}, not {header.chroma!r}")
    if not 8 <= header.bit_depth <= 16:
        raise BitstreamError(f"{header.bit_depth} bits per sample; 8 to 16 are supported")
    if not -360 <= header.rotation <= 360:
        raise BitstreamError(f"a rotation by {header.rotation} degrees")
    if len(header.model_id) != MODEL_ID_BYTES:
        raise BitstreamError(f"a model id has {MODEL_ID_BYTES} bytes, not {len(header.model_id)}")
    at_most(len(header.tracks), limits.tracks, "the number of tracks")
    at_most(len(header.tags), limits.tags, "the number of tags")
