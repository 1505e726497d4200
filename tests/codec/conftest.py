"""Files coded once for many tests."""

from __future__ import annotations

import pytest

from nvcodec.codec import EncodeReport

from .support import BUNNY, CARPHONE, Media, coded, read

PART = {"duration_s": 0.6, "scale": "1/2"}


@pytest.fixture(scope="session")
def original() -> Media:
    """A part of bunny, 160×90, 15 frames, with its sound."""
    return read(BUNNY, **PART)


@pytest.fixture(scope="session")
def bunny(original: Media) -> tuple[bytes, EncodeReport]:
    """That part as a file of two GOPs, and the report."""
    return coded(BUNNY, **PART, quality=80, gop=9)


@pytest.fixture(scope="session")
def carphone() -> bytes:
    """Ten frames of carphone, 88×72, in GOPs of 5, without sound."""
    return coded(CARPHONE, duration_s=0.32, scale="1/2", gop=5)[0]
