"""A `TokenClip` as .npz: arrays that NumPy reads anywhere, no object among them, so that nothing is ever unpickled.

| array | |
| --- | --- |
| tokens | [T', h, w] uint32, as in `TokenClip` |
| frames | [G] int64: pictures of every GOP |
| pts | [N] int64: times of all pictures, in units of time_base |
| duration | [G] int64: of the last picture of every GOP |
| size | [2] int64: width and height in pixels |
| time_base, frame_rate, sample_aspect_ratio | [2] int64: numerator and denominator; a rate of 0/1 is not known |
| format | [10] int64: rotation, bit depth, 420 … 400, primaries, transfer, matrix, full range, chroma location, \
interlaced, and 0 |
| model | [32] uint8: SHA-256 of the weights |
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np

from nvcodec.bitstream import Limits
from nvcodec.errors import UnsupportedInput
from nvcodec.media import Colour, VideoFormat
from nvcodec.media.formats import BIT_DEPTHS, CHROMA_FORMATS

from .clip import GopTimes, TokenClip

TOKENS_MAX = 1 << 26  # 256 MB; 50 minutes of 640×360
FRAMES_MAX = 1 << 22
PIPE_BYTES_MAX = 1 << 29  # of an archive that comes out of a pipe: it is read whole, for a zip file begins at its end


@dataclass(frozen=True)
class _Claim:
    """What an array may be."""

    dims: int
    items: int


_CLAIMS = {
    "tokens": _Claim(3, TOKENS_MAX),
    "frames": _Claim(1, FRAMES_MAX),
    "pts": _Claim(1, FRAMES_MAX),
    "duration": _Claim(1, FRAMES_MAX),
    "size": _Claim(1, 2),
    "time_base": _Claim(1, 2),
    "frame_rate": _Claim(1, 2),
    "sample_aspect_ratio": _Claim(1, 2),
    "format": _Claim(1, 10),
    "model": _Claim(1, 32),
}


def write_archive(clip: TokenClip, file: BinaryIO) -> None:
    """Write `clip` to `file`, which need not be able to seek. The same clip makes the same bytes."""
    video, colour = clip.video, clip.video.colour
    arrays = {
        "frames": [len(gop.pts) for gop in clip.gops],
        "pts": [pts for gop in clip.gops for pts in gop.pts],
        "duration": [gop.duration for gop in clip.gops],
        "size": [video.width, video.height],
        "time_base": video.time_base.as_integer_ratio(),
        "frame_rate": (video.frame_rate or Fraction(0)).as_integer_ratio(),
        "sample_aspect_ratio": video.sample_aspect_ratio.as_integer_ratio(),
        "format": [
            video.rotation,
            video.bit_depth,
            CHROMA_FORMATS.index(video.chroma),
            colour.primaries,
            colour.transfer,
            colour.matrix,
            colour.full_range,
            colour.chroma_location,
            video.interlaced,
            0,
        ],
    }
    integers = {name: np.array(values, np.int64) for name, values in arrays.items()}
    model = np.frombuffer(bytes.fromhex(clip.model_sha256), np.uint8)
    np.savez_compressed(file, tokens=clip.tokens, model=model, **integers)  # type: ignore[arg-type]


def read_archive(file: BinaryIO) -> TokenClip:
    """Mirror of `write_archive`; also of what NumPy's `savez` makes of these arrays, of any integer type.

    Sizes are looked at before anything is made of them. UnsupportedInput for what is no such archive.
    """
    try:
        if not file.seekable():
            data = file.read(PIPE_BYTES_MAX + 1)
            if len(data) > PIPE_BYTES_MAX:
                raise UnsupportedInput("it is too long for a pipe; give it as a file")
            file = io.BytesIO(data)
        with zipfile.ZipFile(file) as archive:
            arrays = {name: _array(archive, name, claim) for name, claim in _CLAIMS.items()}
        return _clip_of(arrays)
    except NotImplementedError as error:
        raise UnsupportedInput(f"it is packed in a way that is not supported ({error})") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, ArithmeticError, RuntimeError) as error:
        raise UnsupportedInput(f"it is no .npz of tokens that nvcodec knows ({error})") from error


def _array(archive: zipfile.ZipFile, name: str, claim: _Claim) -> np.ndarray:
    """One array, once its header has been believed."""
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{name} is of version {version[0]} of NumPy's format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        items = 1
        for side in shape:
            items *= side
        if len(shape) != claim.dims or dtype.kind not in "iu" or not 0 < items <= claim.items:
            raise ValueError(f"{name} is {shape} {dtype}")
    with archive.open(f"{name}.npy") as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):
            raise ValueError(f"{name} is longer than it says")
    return array


def _clip_of(arrays: dict[str, np.ndarray]) -> TokenClip:
    values: dict[str, Any] = {name: array.tolist() for name, array in arrays.items() if name != "tokens"}
    rotation, bit_depth, chroma, primaries, transfer, matrix, full, location, interlaced, _ = values["format"]
    width, height = values["size"]
    if bit_depth not in BIT_DEPTHS or not 0 <= chroma < len(CHROMA_FORMATS):
        raise ValueError(f"pictures of {bit_depth} bits, chroma {chroma}")
    rate = Fraction(*values["frame_rate"])
    video = VideoFormat(
        width=width,
        height=height,
        time_base=Fraction(*values["time_base"]),
        frame_rate=rate or None,
        sample_aspect_ratio=Fraction(*values["sample_aspect_ratio"]),
        rotation=rotation,
        chroma=CHROMA_FORMATS[chroma],
        bit_depth=bit_depth,
        colour=Colour(primaries, transfer, matrix, bool(full), location),
        interlaced=bool(interlaced),
    )
    tokens = arrays["tokens"]
    if int(tokens.min()) < 0 or int(tokens.max()) >= 1 << 32:
        raise ValueError("tokens are not of 32 bits")
    model = bytes(values["model"])
    if len(model) != 32:
        raise ValueError("the model is named by 32 bytes")
    gops = _gops_of(values["frames"], values["pts"], values["duration"])
    return TokenClip(np.ascontiguousarray(tokens, np.uint32), video, gops, model.hex())


def _gops_of(frames: list[int], pts: list[int], durations: list[int]) -> tuple[GopTimes, ...]:
    longest = Limits().frames_per_gop
    if len(durations) != len(frames) or sum(frames) != len(pts) or not all(0 < n <= longest for n in frames):
        raise ValueError(f"{len(frames)} groups of {sum(frames)} pictures with {len(pts)} times")
    if any(late <= early for early, late in pairwise(pts)) or min(durations) < 0:
        raise ValueError("times do not increase")
    gops, begin = [], 0
    for count, duration in zip(frames, durations, strict=True):
        gops.append(GopTimes(tuple(pts[begin : begin + count]), duration))
        begin += count
    return tuple(gops)
