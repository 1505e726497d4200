"""CRC-32C (Castagnoli; RFC 3720, appendix B.4), which checks chunks and decoded planes."""

from __future__ import annotations

import google_crc32c


def crc32c(data: bytes, start: int = 0) -> int:
    """CRC-32C of `data`; with the CRC of what came before as `start`, that of both together.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    return google_crc32c.extend(start, data)
