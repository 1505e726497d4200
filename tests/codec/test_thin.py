"""Thinning: smaller, whole, coarser, and everything but the planes as it was."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from nvcodec.bitstream import verify

from nvcodec.codec import EncodeReport, inspect
from nvcodec.codec.decode import levels_of
from nvcodec.codec.thin import ThinReport, thin
from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.motion import MOTION_DIMS
from nvcodec.weights import load

from .support import CARPHONE, Media, coded, contents, decoded, luma_psnr

Coded = tuple[bytes, EncodeReport]


def thinned(data: bytes, **options: float) -> tuple[bytes, ThinReport]:
    out = io.BytesIO()
    report = thin(io.BytesIO(data), out, **options)  # type: ignore[arg-type]
    return out.getvalue(), report


def test_planes_dropped_cost_quality_and_the_file_stays_whole(bunny: Coded, original: Media, tmp_path: Path) -> None:
    files = [bunny[0], *(thinned(bunny[0], planes=planes)[0] for planes in (1, 2))]
    sizes = [len(data) for data in files]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 3
    shown = [
        luma_psnr(decoded(data, tmp_path / f"{n}.mkv").pictures, original.pictures) for n, data in enumerate(files)
    ]
    assert shown == sorted(shown, reverse=True)
    for data in files:
        assert verify(io.BytesIO(data)).whole
        inspect(io.BytesIO(data))  # the checksums of the planes are theirs


def test_all_but_the_planes_goes_over_as_it_was(bunny: Coded) -> None:
    header, gops, packets = contents(bunny[0])
    header_after, gops_after, packets_after = contents(thinned(bunny[0], planes=1)[0])
    assert header_after == header and packets_after == packets and packets
    for gop, after in zip(gops, gops_after, strict=True):
        assert (after.quality, after.first_quality) == (gop.quality - 18, gop.first_quality - 18)
        coding = {"quality": 0, "first_quality": 0, "plane_counts": b"", "planes_crc": 0, "payload": b""}
        assert replace(after, **coding) == replace(gop, **coding)


def test_motion_stays_and_no_level_grows_or_turns(bunny: Coded) -> None:
    model = load("tiny")
    (header, gops, _), (_, after, _) = contents(bunny[0]), contents(thinned(bunny[0], planes=1)[0])
    for number in range(len(gops)):
        old, new = (levels_of(model, header, number, some[number]) for some in (gops, after))
        assert torch.equal(old[..., :MOTION_DIMS], new[..., :MOTION_DIMS])
        old, new = old[..., MOTION_DIMS:], new[..., MOTION_DIMS:]
        assert not torch.equal(old, new)
        assert bool((new.abs() <= old.abs()).all()) and bool((new * old >= 0).all())


def test_a_bit_rate_is_kept_by_every_group_and_what_is_below_it_stays(bunny: Coded) -> None:
    header, gops, _ = contents(bunny[0])
    rates = [8 * len(gop.payload) / float((gop.end - gop.begin) * header.time_base) for gop in gops]
    limit = round(0.6 * max(rates))
    data, report = thinned(bunny[0], bitrate=limit)
    _, after, _ = contents(data)
    for gop, new, rate, drop in zip(gops, after, rates, report.drops, strict=True):
        assert 8 * len(new.payload) <= limit * float((gop.end - gop.begin) * header.time_base)
        assert (new == gop) == (drop == 0) == (rate <= limit)
    assert thinned(bunny[0], bitrate=10 * max(rates))[0] == bunny[0]


@pytest.mark.parametrize(("options", "said"), [({"planes": 9}, "at most 4 planes"), ({"bitrate": 1}, "so small")])
def test_what_cannot_be_dropped_is_said(bunny: Coded, options: dict[str, float], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        thinned(bunny[0], **options)


def test_tokens_cannot_be_thinned() -> None:
    with pytest.raises(NvcodecError, match="tokens alone"):
        thinned(coded(CARPHONE, duration_s=0.1, scale="1/2", tokens=True)[0], planes=1)
