"""Reed and Solomon's code (1960) over the field of 256 elements, computed by zfec.

zfec is an optional package, because it is GPL-2.0-or-later or TGPPL-1.0 and nvcodec is not. This module alone imports
it, and only once parity is written or something is to be brought back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .errors import BitstreamError

MOST_SHARDS = 256  # of data and parity together: one for each element
INSTALL = "pip install 'nvcodec[parity]'"
UNUSED = f"there is parity that may bring back what is damaged, but it needs the package zfec: {INSTALL}"


def is_installed() -> bool:
    """Whether parity can be computed here."""
    try:
        import zfec  # noqa: F401
    except ImportError:
        return False
    return True


def require_package() -> None:
    """BitstreamError, which says what to do, where parity cannot be computed."""
    if not is_installed():
        raise BitstreamError(f"parity needs the package zfec: {INSTALL}")


def parity_shards(data: Sequence[bytes], count: int) -> list[bytes]:
    """So many parity shards for data shards, all of one size; together at most `MOST_SHARDS`."""
    import zfec

    return zfec.Encoder(len(data), len(data) + count).encode(data, list(range(len(data), len(data) + count)))


def data_shards(known: Mapping[int, bytes], data: int, count: int) -> list[bytes]:
    """Mirror of `parity_shards`: all `data` shards from as many `known` ones.

    Data shards have the numbers from 0, parity shards those after them.
    """
    import zfec

    return zfec.Decoder(data, data + count).decode(list(known.values()), list(known))
