"""PNG: a picture as people see it, in red, green and blue."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from .formats import Picture, VideoFormat
from .pictures import FULL, matrix_for_rgb, picture_to_frame, pixel_format


def png_bytes(picture: Picture, video: VideoFormat) -> bytes:
    """The picture as a PNG file: 8 bits a sample, or 16 when it has more; grey stays grey."""
    from av.codec import CodecContext
    from av.video.frame import VideoFrame

    frame = picture_to_frame(picture, video, pixel_format("420", video.bit_depth))
    frame.colorspace = matrix_for_rgb(video)
    deep = video.bit_depth > 8
    rgb = frame.reformat(format="rgb48le" if deep else "rgb24", dst_color_range=FULL, interpolation="BICUBIC")
    pixels: Any = rgb.to_ndarray()  # [H, W, 3]
    if video.chroma == "400":
        pixels, stored = pixels[..., 1], ("gray16le", "gray16be") if deep else ("gray", "gray")
    else:
        stored = ("rgb48le", "rgb48be") if deep else ("rgb24", "rgb24")
    stored_frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), stored[0]).reformat(format=stored[1])
    encoder: Any = CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = stored_frame.width, stored_frame.height, stored[1]
    encoder.sample_aspect_ratio = video.sample_aspect_ratio
    encoder.time_base = Fraction(1, 25)
    return b"".join(bytes(packet) for packet in [*encoder.encode(stored_frame), *encoder.encode(None)])
