"""The bits: as many as the prior asks for, and told to their last one."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from nvcodec.bitstream import cross_entropy_bits

from nvcodec.codec import EncodeReport, Progress, encode, inspect
from nvcodec.codec.decode import levels_of
from nvcodec.codec.gop import GopQuality, PlaneWriter
from nvcodec.codec.gop_size import grid_size
from nvcodec.codec.options import EncodeOptions
from nvcodec.prior.coding import LatentCoder
from nvcodec.weights import load

from .support import BUNNY, coded, contents

Coded = tuple[bytes, EncodeReport]


@pytest.mark.parametrize("options", [{"quality": 80}, {"quality": 30}, {"tokens": True}], ids=str)
def test_the_payload_is_as_long_as_the_cross_entropy(options: dict[str, int]) -> None:
    header, gops, _ = contents(coded(BUNNY, duration_s=0.6, **options)[0])
    model, gop = load("tiny"), gops[0]
    levels = levels_of(model, header, 0, gop)
    port = PlaneWriter()
    quality = GopQuality.of(gop)
    grid = quality.grid(grid_size(header.width, header.height))
    coder = LatentCoder(model.prior, model.tables, *grid, gop.plane_counts)
    with torch.inference_mode():
        for index, level in enumerate(levels):
            coder.code(port, quality.at(index), level.int())
    asked = cross_entropy_bits(port.groups)
    assert asked > 1000
    assert abs(8 * len(gop.payload) - asked) <= asked / 1000 + 64


def test_the_bits_of_planes_and_places_add_up_to_the_payload(bunny: Coded) -> None:
    data, _ = bunny
    report = inspect(io.BytesIO(data))
    header, gops, _ = contents(data)
    payload = sum(8 * len(gop.payload) for gop in gops)
    total = sum(report.bits_by_plane.values())
    assert report.heat.shape == grid_size(header.width, header.height) == (12, 20)
    assert report.heat.min() >= 0
    assert np.isclose(report.heat.sum(), total)
    assert abs(payload - total) <= total / 1000 + 64 * len(gops)


def test_planes_are_told_from_the_most_significant_down(bunny: Coded) -> None:
    planes = list(inspect(io.BytesIO(bunny[0])).bits_by_plane)
    significance = [plane for plane in planes if plane.startswith("significance")]
    refinement = [plane for plane in planes if plane.startswith("refinement")]
    expected = [f"significance {n}" for n in reversed(range(len(significance)))]
    expected += ["sign", *(f"refinement {n}" for n in reversed(range(len(refinement))))]
    assert planes == ["motion", *expected]


def test_tokens_are_signs_alone() -> None:
    data, _ = coded(BUNNY, duration_s=0.1, scale="1/4", tokens=True)
    assert list(inspect(io.BytesIO(data)).bits_by_plane) == ["sign"]


def test_the_report_agrees_with_the_file(bunny: Coded) -> None:
    data, report = bunny
    header, gops, packets = contents(data)
    track_bytes = sum(len(packet.data) for chunk in packets for packet in chunk.packets)
    assert report.bytes == len(data)
    assert report.video_bytes == sum(len(gop.payload) for gop in gops)
    assert report.track_bytes == track_bytes > 0
    assert (report.gops, report.frames) == (len(gops), sum(len(gop.pts) for gop in gops))
    assert report.duration_s == float((gops[-1].end - gops[0].pts[0]) * header.time_base) == 0.6
    assert report.bits_per_pixel == 8 * (len(data) - track_bytes) / (
        report.frames * header.width * header.height
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_comes_to_the_last_frame_and_never_goes_back(threads: int) -> None:
    seen: list[Progress] = []
    encode(BUNNY, io.BytesIO(), EncodeOptions(duration_s=0.6, scale="1/4", gop=5, threads=threads), seen.append)
    frames = [state.frames for state in seen]
    assert frames == sorted(frames) and frames[-1] == 15 and len(frames) == 6
    assert threads > 1 or frames == [1, 5, 6, 10, 11, 15]
    assert {state.total for state in seen} == {15}
    assert seen[0].bytes == seen[0].pixels == 0 < seen[-1].bytes
