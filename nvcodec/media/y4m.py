"""YUV4MPEG2, the plainest video file: a line of text, then raw planes. Written here, read by FFmpeg."""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO

import numpy as np

from .formats import Picture, VideoFormat
from .pictures import picture_to_frame, pixel_format, plane_view

# AVChromaLocation to the name of 8-bit 4:2:0 (mjpegtools' yuv4mpeg(5)).
SITINGS = {0: "420jpeg", 1: "420mpeg2", 2: "420jpeg", 3: "420paldv"}


def stream_header(video: VideoFormat) -> bytes:
    """The first line of a file."""
    rate = video.frame_rate or Fraction(25)
    aspect = video.sample_aspect_ratio
    colour_range = "FULL" if video.colour.full_range else "LIMITED"
    fields = [
        f"YUV4MPEG2 W{video.width} H{video.height}",
        f"F{rate.numerator}:{rate.denominator}",
        "I?" if video.interlaced else "Ip",
        f"A{aspect.numerator}:{aspect.denominator}",
        f"C{_chroma_name(video)}",
        f"XCOLORRANGE={colour_range}",
    ]
    return " ".join(fields).encode() + b"\n"


def _chroma_name(video: VideoFormat) -> str:
    depth = "" if video.bit_depth == 8 else str(video.bit_depth)
    if video.chroma == "400":
        return "mono" + depth
    if video.chroma == "420" and not depth:
        return SITINGS.get(video.colour.chroma_location, "420jpeg")
    return video.chroma + ("p" + depth if depth else "")


class Y4mWriter:
    """Writes pictures one after another; y4m has a fixed frame rate and neither sound nor tags."""

    def __init__(self, file: BinaryIO, video: VideoFormat) -> None:
        self._file, self._video = file, video
        file.write(stream_header(video))

    def write(self, picture: Picture) -> None:
        """Appends one picture."""
        frame = picture_to_frame(
            picture, self._video, pixel_format(self._video.chroma, self._video.bit_depth)
        )
        self._file.write(b"FRAME\n")
        for index in range(len(frame.planes)):
            plane = plane_view(frame, index, self._video.dtype)
            little_endian = plane.astype(plane.dtype.newbyteorder("<"), copy=False)
            self._file.write(np.ascontiguousarray(little_endian).data)
