"""Files written once and kept: every later version must still read them.

`plain` and `full` are made of `samples.py`, and have no hash; the others are of real clips, and `conformance.json` says
what they decode to. `tests/codec/make_golden.py` has the recipes. Once a version is released, a change of the format
asks for a new version number and new files beside these, never instead of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nvcodec.bitstream import BitDecoder, GopChunk, StreamHeader, verify

from .samples import (
    FULL_CONTENTS,
    FULL_HEADER,
    PLAIN_CONTENTS,
    PLAIN_HEADER,
    Contents,
    groups_of,
    planes_crc_of,
    read,
    without_hash,
    write,
)

FOLDER = Path(__file__).parent / "golden"
FILES = {"plain-1.0.mgv": (PLAIN_HEADER, PLAIN_CONTENTS), "full-1.0.mgv": (FULL_HEADER, FULL_CONTENTS)}
ALL = pytest.mark.parametrize(("name", "header", "contents"), [(name, *what) for name, what in FILES.items()])


@ALL
def test_golden_files_are_read(name: str, header: StreamHeader, contents: Contents) -> None:
    assert read((FOLDER / name).read_bytes()) == (header, contents)
    with (FOLDER / name).open("rb") as file:
        assert verify(file).whole


@ALL
def test_version_1_0_is_still_written_to_the_byte_but_for_the_hash(
    name: str, header: StreamHeader, contents: Contents
) -> None:
    """Which these files do not have."""
    assert without_hash(write(header, contents)) == (FOLDER / name).read_bytes()


@ALL
def test_the_entropy_coded_bits_of_golden_files_are_decoded(
    name: str, header: StreamHeader, contents: Contents
) -> None:
    _, found = read((FOLDER / name).read_bytes())
    gops = [content for content in found if isinstance(content, GopChunk)]
    assert gops
    for gop in gops:
        groups = groups_of(gop.quality - 50)
        decoder = BitDecoder(gop.payload)
        for bits, p in groups:
            np.testing.assert_array_equal(decoder.decode(p), bits)
        assert decoder.at_end()
        assert planes_crc_of(groups) == gop.planes_crc
