"""Raw 8-bit 4:2:0 video on the disk: what every coder gets, gives back, and is measured on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nvcodec.errors import NvcodecError

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]  # y [H, W], u and v [H/2, W/2], uint8
LINE_BYTES = 1024  # of a header in y4m, at most


def frame_bytes(width: int, height: int) -> int:
    """Bytes of a frame whose sides are even."""
    return width * height * 3 // 2


def read_planes(path: Path, width: int, height: int) -> Iterator[Planes]:
    """The frames of a raw file, one after another."""
    size, luma = frame_bytes(width, height), width * height
    with open(path, "rb") as file:
        while data := file.read(size):
            samples = np.frombuffer(data, np.uint8)
            u, v = samples[luma:].reshape(2, height // 2, width // 2)
            yield samples[:luma].reshape(height, width), u, v


def eight_bits(source: Path, target: Path, frame_samples: int) -> None:
    """10-bit samples (16 bits each, little-endian) to the nearest of 8 bits, without dither."""
    with open(source, "rb") as deep, open(target, "wb") as shallow:
        while data := deep.read(2 * frame_samples):
            samples = np.frombuffer(data, "<u2")
            shallow.write(np.minimum((samples + 2) >> 2, 255).astype(np.uint8).tobytes())


def from_y4m(source: Path, target: Path, width: int, height: int) -> None:
    """The frames of an 8-bit 4:2:0 y4m file of that size, without its headers. NvcodecError for another."""
    size = frame_bytes(width, height)
    with open(source, "rb") as file, open(target, "wb") as out:
        fields = file.readline(LINE_BYTES).decode("ascii", "replace").split()
        colours = [field for field in fields if field.startswith("C")]
        plain = all(field.startswith("C420") and not field.startswith("C420p1") for field in colours)
        if fields[:1] != ["YUV4MPEG2"] or not plain or not {f"W{width}", f"H{height}"} <= set(fields):
            raise NvcodecError(f"{source.name} is not 8-bit 4:2:0 video of {width}x{height} ({' '.join(fields)[:100]})")
        while file.readline(LINE_BYTES).startswith(b"FRAME"):
            out.write(_exactly(file, size))


def to_y4m(source: Path, target: Path, width: int, height: int, rate: str) -> None:
    """A raw file with the plainest of headers; `rate` as "30000:1001"."""
    size = frame_bytes(width, height)
    with open(source, "rb") as file, open(target, "wb") as out:
        out.write(f"YUV4MPEG2 W{width} H{height} F{rate} Ip A1:1 C420jpeg\n".encode())
        while frame := file.read(size):
            out.write(b"FRAME\n" + frame)


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise NvcodecError("a video ends in the middle of a frame")
    return data
