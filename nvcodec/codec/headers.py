"""Media's words and the file's: two ways to say the same, and both ways between them.

`nvcodec.bitstream` knows nothing of `nvcodec.media` and the other way round; here they meet.
"""

from __future__ import annotations

from collections.abc import Sequence

from nvcodec.bitstream import BitstreamError, PacketRecord, StreamHeader, TrackHeader
from nvcodec.errors import ModelMismatch
from nvcodec.media import Colour, Packet, Track, VideoFormat
from nvcodec.media.formats import BIT_DEPTHS
from nvcodec.weights import PROFILE, Model, load_by_id


def header_of(
    video: VideoFormat, tracks: Sequence[Track], tags: dict[str, str], model: Model, *, tokens: bool
) -> StreamHeader:
    """The header of a file that `model` codes."""
    return StreamHeader(
        width=video.width,
        height=video.height,
        time_base=video.time_base,
        model_id=model.model_id,
        frame_rate=video.frame_rate,
        sample_aspect_ratio=video.sample_aspect_ratio,
        rotation=video.rotation,
        chroma=video.chroma,
        bit_depth=video.bit_depth,
        primaries=video.colour.primaries,
        transfer=video.colour.transfer,
        matrix=video.colour.matrix,
        full_range=video.colour.full_range,
        chroma_location=video.colour.chroma_location,
        interlaced=video.interlaced,
        profile=model.profile,
        tokens=tokens,
        tracks=tuple(_track_header(track) for track in tracks),
        tags=dict(tags),
    )


def video_of(header: StreamHeader) -> VideoFormat:
    """The video a file holds; BitstreamError for one no encoder writes."""
    if header.bit_depth not in BIT_DEPTHS:
        raise BitstreamError(f"samples of {header.bit_depth} bits, which no nvcodec writes")
    return VideoFormat(
        width=header.width,
        height=header.height,
        time_base=header.time_base,
        frame_rate=header.frame_rate,
        sample_aspect_ratio=header.sample_aspect_ratio,
        rotation=header.rotation,
        chroma=header.chroma,
        bit_depth=header.bit_depth,
        colour=Colour(
            primaries=header.primaries,
            transfer=header.transfer,
            matrix=header.matrix,
            full_range=header.full_range,
            chroma_location=header.chroma_location,
        ),
        interlaced=header.interlaced,
    )


def model_of(header: StreamHeader, device: str) -> Model:
    """The model a file was coded with; ModelMismatch when it, or its arithmetic, is not here."""
    if header.profile != PROFILE:
        raise ModelMismatch(
            f"the file is of arithmetic profile {header.profile} and this nvcodec computes in {PROFILE}; "
            "another release of nvcodec is needed"
        )
    return load_by_id(header.model_id, device)


def _track_header(track: Track) -> TrackHeader:
    return TrackHeader(
        kind=track.kind,
        codec=track.codec,
        time_base=track.time_base,
        extradata=track.extradata,
        parameters=dict(track.parameters),
        language=track.language,
        title=track.title,
        default=track.default,
    )


def track_of(header: TrackHeader) -> Track:
    """Mirror of what `header_of` makes of a track."""
    return Track(
        kind=header.kind,
        codec=header.codec,
        time_base=header.time_base,
        extradata=header.extradata,
        parameters=dict(header.parameters),
        language=header.language,
        title=header.title,
        default=header.default,
    )


def record_of(packet: Packet) -> PacketRecord:
    """A packet for the file."""
    return PacketRecord(packet.track, packet.pts, packet.dts, packet.duration, packet.keyframe, packet.data)


def packet_of(record: PacketRecord, track: int) -> Packet:
    """Mirror of `record_of`; `track` is its track's number among those that are kept."""
    return Packet(track, record.pts, record.dts, record.duration, record.keyframe, record.data)
