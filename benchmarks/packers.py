"""What general-purpose compressors make of the planes: zlib, zstd and xz, each at its strongest and best fed.

Every way to lay the same values out is tried and the smallest result counts, without headers, sizes or checksums,
and all groups of pictures of a file in one piece: kinder than our own coder is treated, whose every group decodes by
itself.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Packed:
    """The best a compressor does, and how the values lay then."""

    packer: str
    arrangement: str
    bytes: int


def best_packed(arrangements: Iterator[tuple[str, bytes]]) -> tuple[Packed, ...]:
    """For every compressor its smallest result over all (name, bytes) there are."""
    best: dict[str, Packed] = {}
    for arrangement, data in arrangements:
        for packer, pack in PACKERS.items():
            size = len(pack(data))
            if packer not in best or size < best[packer].bytes:
                best[packer] = Packed(packer, arrangement, size)
    return tuple(best.values())


def sign_arrangements(signs: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Ways to lay out sign planes `[T, P, 18]` bool: T latent frames, P positions."""
    changes = signs.copy()
    changes[1:] ^= signs[:-1]  # what a plane says that the latent frame before did not
    orders = {"plane by plane": (2, 0, 1), "position by position": (2, 1, 0), "token by token": (0, 1, 2)}
    for what, bits in (("", signs), (", changes in time", changes)):
        for order, axes in orders.items():
            values = np.ascontiguousarray(bits.transpose(axes))
            yield f"{order}{what}, packed", np.packbits(values).tobytes()
            yield f"{order}{what}, a byte a bit", values.astype(np.uint8).tobytes()


def level_arrangements(levels: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Ways to lay out levels `[T, P, C]` int16: magnitude planes and signs as bits, or whole values."""
    used = levels[:, :, levels.any(axis=(0, 1))]
    whole = np.int8 if np.abs(used).max(initial=0) < 128 else np.dtype("<i2")
    orders = {"column by column": (2, 0, 1), "position by position": (0, 1, 2)}
    for order, axes in orders.items():
        values = np.ascontiguousarray(used.transpose(axes))
        yield f"planes packed, {order}", _planes(values)
        yield f"values, {order}", values.astype(whole).tobytes()


def _planes(values: np.ndarray) -> bytes:
    """Magnitude planes from the most significant down, then the signs of what is not zero: all as packed bits."""
    magnitude = np.abs(values.astype(np.int32))
    planes = range(int(magnitude.max(initial=0)).bit_length())
    bits = [np.packbits(magnitude >> plane & 1).tobytes() for plane in reversed(planes)]
    return b"".join([*bits, np.packbits(values[values != 0] < 0).tobytes()])


def _zlib(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    return packer.compress(data) + packer.flush()


def _zstd(data: bytes) -> bytes:
    import zstandard

    parameters = zstandard.ZstdCompressionParameters.from_level(
        22,
        source_size=len(data),
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_checksum=False,
        write_content_size=False,
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _xz(data: bytes) -> bytes:
    # pb 0: every byte is like the others, so that no context is spent on its place in a word
    strongest = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0}
    return lzma.compress(data, lzma.FORMAT_RAW, filters=[strongest])


PACKERS: dict[str, Callable[[bytes], bytes]] = {"zlib": _zlib, "zstd": _zstd, "xz": _xz}
