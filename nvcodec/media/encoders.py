"""Which encoder and pixel format bring a video into a container: visually lossless and fast, or lossless."""

from __future__ import annotations

from dataclasses import dataclass, field

from nvcodec.errors import OutputError

from .formats import VideoFormat
from .pictures import pixel_format

# FFmpeg's names of the containers by file suffix.
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}

MUXER_OPTIONS = {
    "mp4": {"movflags": "+faststart"},
    "mov": {"movflags": "+faststart"},
    # Sound may begin before 0, by the samples its coder put in front: leave its times alone. Bit-exact: without the
    # random number that else names a file, so that the same input makes the same bytes.
    "matroska": {"avoid_negative_ts": "disabled", "write_crc32": "0", "fflags": "+bitexact"},
    "webm": {"avoid_negative_ts": "disabled", "write_crc32": "0", "fflags": "+bitexact"},
}


@dataclass(frozen=True)
class Encoder:
    """FFmpeg's encoder, pixel format and options, and what is lost by it, for the user."""

    codec: str
    pixels: str
    options: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def choose_encoder(container: str, video: VideoFormat, *, lossless: bool, crf: int) -> Encoder:
    """The encoder for `video` in `container` (FFmpeg's name of it).

    Raises OutputError when lossless is asked of a container that cannot hold it.
    """
    if container == "webm":
        return _vp9(video, lossless, crf)
    if container == "matroska" and (lossless or video.bit_depth > 10):
        return _ffv1(video)
    return _x264(video, lossless, crf)


def _ffv1(video: VideoFormat) -> Encoder:
    # FFV1 refuses slices of a few pixels; more than one lets decoders use more threads.
    slices = "4" if min(video.width, video.height) >= 64 else "1"
    return Encoder("ffv1", pixel_format(video.chroma, video.bit_depth), {"level": "3", "slices": slices})


def _x264(video: VideoFormat, lossless: bool, crf: int) -> Encoder:
    warnings: tuple[str, ...] = ()
    depth = video.bit_depth
    if depth > 10:
        if lossless:
            raise OutputError(f"{depth}-bit video cannot be lossless in MP4; write a .mkv file instead")
        depth, warnings = 10, (f"{depth}-bit video becomes 10-bit in MP4; a .mkv file keeps all bits",)
    chroma = video.chroma
    # H.264 crops to whole chroma samples, so an odd size needs chroma as fine as luma. Grey is written as
    # 4:2:0 with empty chroma, which more players show.
    odd_width, odd_height = video.width % 2 == 1, video.height % 2 == 1
    if chroma == "400" and not (odd_width or odd_height):
        chroma = "420"
    elif (chroma == "420" and (odd_width or odd_height)) or (chroma == "422" and odd_width):
        chroma = "444"
    # tune=psnr: no sharpening of grain at the cost of truth, and a quarter faster.
    options = {"preset": "superfast", "tune": "psnr", "crf": str(crf)}
    if lossless:
        options = {"preset": "superfast", "qp": "0"}
    return Encoder("libx264", pixel_format(chroma, depth), options, warnings)


def _vp9(video: VideoFormat, lossless: bool, crf: int) -> Encoder:
    warnings: tuple[str, ...] = ()
    if video.bit_depth > 8:
        if lossless:
            raise OutputError(
                f"{video.bit_depth}-bit video cannot be lossless in WebM; write a .mkv file instead"
            )
        warnings = (f"{video.bit_depth}-bit video becomes 8-bit in WebM; a .mkv file keeps all bits",)
    chroma = "420" if video.chroma == "400" else video.chroma
    speed = {"deadline": "realtime", "cpu-used": "7", "row-mt": "1"}
    if lossless:
        return Encoder("libvpx-vp9", pixel_format(chroma, 8), speed | {"lossless": "1"})
    # At equal crf this VP9 is 2.5 dB below x264; 5 steps lower they are level (measured on both test clips).
    options = speed | {"crf": str(max(0, crf - 5)), "b": "0"}
    return Encoder("libvpx-vp9", pixel_format(chroma, 8), options, warnings)
