"""Sound and subtitle tracks between PyAV's streams and `Track`: set-up data whole, nothing decoded."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

from .formats import Track
from .matroska import bare_track

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet as AvPacket
    from av.stream import Stream

# FFmpeg's names of the codecs that can be carried, with their Matroska names (RFC 9559 and FFmpeg's
# libavformat/matroska.c). Codecs that need more than extradata to be set up again (ADPCM's and WMA's size of
# a block, TTA's of a sample, which PyAV does not tell) are left out on purpose.
MATROSKA_CODECS = {
    "aac": "A_AAC",
    "ac3": "A_AC3",
    "alac": "A_ALAC",
    "dts": "A_DTS",
    "eac3": "A_EAC3",
    "flac": "A_FLAC",
    "mp1": "A_MPEG/L1",
    "mp2": "A_MPEG/L2",
    "mp3": "A_MPEG/L3",
    "opus": "A_OPUS",
    "pcm_f32le": "A_PCM/FLOAT/IEEE",
    "pcm_f64le": "A_PCM/FLOAT/IEEE",
    "pcm_s16be": "A_PCM/INT/BIG",
    "pcm_s16le": "A_PCM/INT/LIT",
    "pcm_s24be": "A_PCM/INT/BIG",
    "pcm_s24le": "A_PCM/INT/LIT",
    "pcm_s32be": "A_PCM/INT/BIG",
    "pcm_s32le": "A_PCM/INT/LIT",
    "pcm_u8": "A_PCM/INT/LIT",
    "truehd": "A_TRUEHD",
    "vorbis": "A_VORBIS",
    "wavpack": "A_WAVPACK4",
    "ass": "S_TEXT/ASS",
    "dvb_subtitle": "S_DVBSUB",
    "dvd_subtitle": "S_VOBSUB",
    "hdmv_pgs_subtitle": "S_HDMV/PGS",
    "subrip": "S_TEXT/UTF8",
    "webvtt": "D_WEBVTT/SUBTITLES",
}
MP4_ONLY_CODECS = ("mov_text",)

# Tags that the tools which wrote the file put there, not its author.
TECHNICAL_TAGS = {
    "compatible_brands",
    "creation_time",
    "duration",
    "encoder",
    "encoding_tool",
    "handler_name",
    "major_brand",
    "minor_version",
    "software",
    "vendor_id",
}


def user_tags(metadata: dict[str, str]) -> dict[str, str]:
    """The tags that say what a file is (title, artist, comment, date …), their names in lower case."""
    tags = {name.lower(): value for name, value in metadata.items()}
    return {name: value for name, value in tags.items() if name not in TECHNICAL_TAGS and value}


def read_track(stream: Stream, padding: int = 0) -> Track | None:
    """The stream as a Track, or None when its codec is not one that can be carried.

    `padding` is the number of samples to be skipped at the start of sound.
    """
    context = stream.codec_context
    if context is None or stream.time_base is None:
        return None
    codec = context.codec.canonical_name
    if codec not in MATROSKA_CODECS and codec not in MP4_ONLY_CODECS:
        return None
    extradata = context.extradata or b""
    parameters: dict[str, str | int] = {}
    if stream.type == "audio":
        context_of_sound: Any = context
        parameters["sample_rate"] = context_of_sound.sample_rate
        parameters["channels"] = context_of_sound.layout.nb_channels
        parameters["layout"] = context_of_sound.layout.name
        if padding:
            parameters["padding"] = padding
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    language = tags.get("language", "")
    return Track(
        kind=stream.type,
        codec=codec,
        time_base=stream.time_base,
        extradata=extradata,
        parameters=parameters,
        language="" if language == "und" else language,
        title=tags.get("title") or tags.get("name", ""),  # FFmpeg reads an MP4 track's title as "name"
        default=bool(stream.disposition & type(stream.disposition).default),
    )


def add_track(container: OutputContainer, track: Track) -> Stream:
    """Adds a stream for the track's packets to the container.

    Raises ValueError when the container cannot hold the codec.
    """
    import av

    with av.open(io.BytesIO(_empty_file(track)), "r", format=_empty_format(track)) as template:
        stream: Any = container.add_stream_from_template(template.streams[0])
    context = stream.codec_context
    context.extradata = track.extradata or None
    if track.kind == "audio" and track.parameters.get("layout"):
        context.layout = track.parameters["layout"]
    stream.time_base = track.time_base
    stream.disposition = 1 if track.default else 0
    if track.language:
        stream.metadata["language"] = track.language
    if track.title:
        stream.metadata["title"] = track.title
    return stream


def _empty_format(track: Track) -> str:
    return "mov" if track.codec in MP4_ONLY_CODECS else "matroska"


def _empty_file(track: Track) -> bytes:
    """A file with that one track and no packets: PyAV sets up a stream only from another stream."""
    import av

    if track.codec in MP4_ONLY_CODECS:
        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as container:
            container.add_mux_stream(track.codec, time_base=track.time_base)
            container.start_encoding()
        return file.getvalue()
    if track.codec not in MATROSKA_CODECS:
        raise ValueError(f"packets of {track.codec} cannot be carried")
    if track.kind != "audio":
        return bare_track(MATROSKA_CODECS[track.codec])
    rate = int(track.parameters.get("sample_rate", 0)) or 48000
    return bare_track(
        MATROSKA_CODECS[track.codec],
        sample_rate=rate,
        channels=int(track.parameters.get("channels", 0)) or 1,
        bits=_bits_of_pcm(track.codec),
        delay_ns=int(track.parameters.get("padding", 0)) * 1_000_000_000 // rate,
    )


def _bits_of_pcm(codec: str) -> int:
    if not codec.startswith("pcm_"):
        return 0
    digits = "".join(letter for letter in codec if letter.isdigit())
    return int(digits) if digits else 8


def padding_of(packet: AvPacket) -> int:
    """Samples at the start of the packet that the sound's coder put in front of the first true one."""
    if not packet.has_sidedata("skip_samples"):
        return 0
    return struct.unpack("<I", bytes(packet.get_sidedata("skip_samples"))[:4])[0]  # libavcodec/packet.h
