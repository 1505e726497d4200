"""Text of subtitles between Matroska's SubRip and MP4's timed text, the pair that people meet daily."""

from __future__ import annotations

import re
import struct

from .formats import Packet, Track

# The sample description that FFmpeg writes for MP4's timed text: one plain style, white, at the bottom.
# Fields: 3GPP TS 26.245, section 5.16.
TEXT_DESCRIPTION = (
    struct.pack(">IbbIhhhh", 0, 1, -1, 0, 0, 0, 0, 0)  # flags, justification, background, box
    + struct.pack(">HHHBBI", 0, 0, 1, 0, 16, 0xFFFFFFFF)  # style: characters, font, face, size, colour
    + struct.pack(">I4sHHB", 18, b"ftab", 1, 1, 5)
    + b"Serif"
)

SILENCE = b"\0\0"  # MP4's packet between two texts; FFmpeg writes its own

MARKUP = re.compile(r"</?[a-zA-Z][^>]*>|\{\\[^}]*\}")


def convertible(track: Track, container: str) -> str | None:
    """The codec that the track's text becomes to fit the container; None when it fits, or never will."""
    if track.codec == "subrip" and container in ("mp4", "mov"):
        return "mov_text"
    if track.codec == "mov_text" and container == "matroska":
        return "subrip"
    return None


def converted_track(track: Track, codec: str) -> Track:
    """The track's description in the other codec."""
    extradata = TEXT_DESCRIPTION if codec == "mov_text" else b""
    return Track(
        "subtitle", codec, track.time_base, extradata, {}, track.language, track.title, track.default
    )


def converted_packet(packet: Packet, codec: str) -> Packet | None:
    """The packet in the other codec; None for MP4's packets of silence between two texts."""
    if codec == "mov_text":
        text = MARKUP.sub("", packet.data.decode("utf-8", "replace")).encode()
        data = struct.pack(">H", len(text)) + text
    else:
        (length,) = struct.unpack(">H", packet.data[:2]) if len(packet.data) >= 2 else (0,)
        data = packet.data[2 : 2 + length]
        if not data:
            return None
    return Packet(packet.track, packet.pts, packet.dts, packet.duration, packet.keyframe, data)
