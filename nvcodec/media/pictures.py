"""Pictures between FFmpeg's frames of any pixel format and 4:2:0 planes."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nvcodec.errors import UnsupportedInput

from .formats import Colour, Picture, VideoFormat

if TYPE_CHECKING:
    from av.video.format import VideoFormat as PixelFormat
    from av.video.frame import VideoFrame
    from av.video.reformatter import Interpolation, VideoReformatter

# FFmpeg's numbers (libavutil/pixfmt.h), those of H.273.
BT709, UNSPECIFIED, SMPTE170M = 1, 2, 6
KNOWN_MATRICES = (1, 4, 5, 6, 7, 9)  # those by which swscale can reach red, green and blue
LIMITED, FULL = 1, 2

SUFFIX = {8: "", 10: "10le", 12: "12le", 16: "16le"}


def pixel_format(chroma: str, bit_depth: int) -> str:
    """FFmpeg's name: "yuv420p", "yuv444p10le", "gray16le"."""
    return ("gray" if chroma == "400" else f"yuv{chroma}p") + SUFFIX[bit_depth]


def bit_depth_of(pixels: PixelFormat) -> int:
    """8, 10, 12 or 16: the smallest that holds the format's widest component."""
    bits = 8 if pixels.has_palette else max(component.bits for component in pixels.components)
    return next((depth for depth in (8, 10, 12) if bits <= depth), 16)


def is_rgb(pixels: PixelFormat) -> bool:
    """Whether the samples are red, green and blue (or X, Y, Z), and a matrix is needed to reach y, u, v."""
    return pixels.is_rgb or pixels.has_palette or pixels.is_bayer or pixels.name.startswith("xyz")


def is_grey(pixels: PixelFormat) -> bool:
    """Whether there is brightness alone, with or without transparency."""
    return not is_rgb(pixels) and sum(not component.is_alpha for component in pixels.components) == 1


def chroma_of(pixels: PixelFormat) -> str:
    """The nearest of 400, 420, 422 and 444; red, green and blue count as 420, which they become."""
    if is_rgb(pixels):
        return "420"
    if is_grey(pixels):
        return "400"
    if pixels.chroma_height(16) < 16:
        return "420"
    return "444" if pixels.chroma_width(16) == 16 else "422"


def has_transparency(frame: VideoFrame) -> bool:
    """Whether any pixel of the picture is less than opaque."""
    if not (frame.format.has_palette or any(part.is_alpha for part in frame.format.components)):
        return False
    return bool(frame.reformat(format="rgba").to_ndarray()[..., 3].min() < 255)


def colour_of(frame: VideoFrame) -> Colour:
    """Colour of the 4:2:0 pictures that come of frames like this one."""
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    if is_rgb(frame.format):
        return Colour(
            primaries=BT709 if primaries in (0, UNSPECIFIED) else primaries,
            transfer=BT709 if transfer in (0, UNSPECIFIED) else transfer,
            matrix=BT709,
        )
    full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
    if is_grey(frame.format) and frame.color_range != LIMITED:
        full = True  # as FFmpeg takes grey of which nothing is said
    return Colour(primaries, transfer, int(frame.colorspace), full)


def orientation_of(frame: VideoFrame) -> tuple[int, bool]:
    """(degrees counter-clockwise, mirrored): how to show the picture.

    A mirrored picture is to be flipped left to right first and turned then. From FFmpeg's display matrix
    (libavutil/display.h): nine 32-bit integers, rows (a, b, u), (c, d, v), (x, y, w).
    """
    from av.sidedata.sidedata import Type

    matrix = next((bytes(data) for data in frame.side_data if data.type == Type.DISPLAYMATRIX), None)  # type: ignore
    if matrix is None:
        return 0, False
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    degrees = round(math.degrees(math.atan2(-b, a)))
    return (180 if degrees == -180 else degrees), mirrored


def frame_to_picture(
    frame: VideoFrame, video: VideoFormat, pts: int, reformatter: VideoReformatter, *, mirrored: bool = False
) -> Picture:
    """The frame scaled and converted to `video`'s size and depth; the planes are copies.

    Raises UnsupportedInput when FFmpeg has no conversion from the frame's pixel format.
    """
    from av.error import FFmpegError

    conversion: dict[str, Any] = {}
    if is_rgb(frame.format):
        conversion = {"dst_colorspace": BT709, "dst_color_range": LIMITED}
    else:
        frame.colorspace = UNSPECIFIED  # nothing to convert by it, and swscale refuses some
    try:
        converted = reformatter.reformat(
            frame,
            video.width,
            video.height,
            pixel_format("400" if video.chroma == "400" else "420", video.bit_depth),
            interpolation=_resampling(),
            **conversion,
        )
    except FFmpegError as error:
        raise UnsupportedInput(f"pixels in {frame.format.name} cannot be converted to 4:2:0") from error
    planes = [plane_view(converted, index, video.dtype) for index in range(len(converted.planes))]
    if mirrored:
        planes = [plane[:, ::-1] for plane in planes]
    planes = [np.array(plane, order="C") for plane in planes]
    if len(planes) == 1:
        wide, high = video.chroma_size
        planes += [np.full((high, wide), 1 << (video.bit_depth - 1), video.dtype) for _ in range(2)]
    y, u, v = planes
    return Picture(pts, y, u, v, frame.duration or 0)


def picture_to_frame(picture: Picture, video: VideoFormat, pixels: str) -> VideoFrame:
    """The picture as a frame of the pixel format named, chroma up-sampled to it, with its times and colour.

    Raises ValueError when its planes are not of the size and type that `video` says.
    """
    from av.video.frame import VideoFrame

    grey = pixels.startswith("gray")
    frame = VideoFrame(video.width, video.height, pixel_format("400" if grey else "420", video.bit_depth))
    wide, high = video.chroma_size
    shapes = ((video.height, video.width), (high, wide), (high, wide))
    for index, (plane, shape) in enumerate(zip((picture.y, picture.u, picture.v), shapes, strict=True)):
        if plane.shape != shape or plane.dtype != video.dtype:
            raise ValueError(
                f"plane {'yuv'[index]} is {plane.shape} {plane.dtype}, not {shape} {np.dtype(video.dtype)}"
            )
        if index == 0 or not grey:
            plane_view(frame, index, video.dtype)[:] = plane
    frame.pts, frame.time_base, frame.duration = picture.pts, video.time_base, picture.duration
    frame.color_range = FULL if video.colour.full_range else LIMITED
    converted = frame.reformat(format=pixels, interpolation=_resampling())
    set_colour(converted, video.colour)  # after: there is nothing to convert by it, and swscale refuses some
    return converted


def turned_upright(picture: Picture, video: VideoFormat) -> tuple[Picture, VideoFormat]:
    """The picture turned by the nearest quarter turns to how it is shown, for outputs that can't say so."""
    turns = round(video.rotation / 90) % 4  # both FFmpeg and NumPy turn counter-clockwise
    if turns == 0:
        return picture, replace(video, rotation=0)
    y, u, v = (np.rot90(plane, turns) for plane in (picture.y, picture.u, picture.v))
    upright = replace(video, rotation=0)
    if turns % 2:
        upright = replace(
            upright, width=video.height, height=video.width, sample_aspect_ratio=1 / video.sample_aspect_ratio
        )
    return Picture(picture.pts, y, u, v, picture.duration), upright


def set_colour(target: Any, colour: Colour) -> None:
    """Colour of a frame, or of an encoder."""
    target.color_primaries = colour.primaries
    target.color_trc = colour.transfer
    target.colorspace = colour.matrix
    target.color_range = FULL if colour.full_range else LIMITED


def matrix_for_rgb(video: VideoFormat) -> int:
    """The matrix from y, u, v to RGB; where unknown, HD's for HD sizes and SD's below, as players do."""
    if video.colour.matrix in KNOWN_MATRICES:
        return video.colour.matrix
    return BT709 if video.width >= 1280 or video.height > 576 else SMPTE170M


def _resampling() -> Interpolation:
    from av.video.reformatter import Interpolation

    return Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


def plane_view(frame: VideoFrame, index: int, dtype: type[np.uint8] | type[np.uint16]) -> np.ndarray:
    """One plane of a planar frame, [H, W], in place."""
    plane = frame.planes[index]
    rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width]  # type: ignore
    return rows[::-1] if plane.line_size < 0 else rows
