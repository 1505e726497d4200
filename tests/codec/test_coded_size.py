"""Pictures coded smaller than they are: only where that pays, and back to their size whatever it is."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec.codec import EncodeOptions, encode
from nvcodec.codec.coded_size import analyse_at_best_size, at_half, nominal
from nvcodec.codec.gop import ClosedLoop, GopQuality, decode_planes, encode_planes, planned_quality, synthesise
from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.frames import from_planes
from nvcodec.tokenizer.resampling import halved, halved_grid, restored
from nvcodec.weights import load

from .costs import STEPS, cost, steps_of
from .support import BUNNY, coded, contents, decoded, luma_psnr, read, rebuilt


def psnr_of(shown: Sequence[torch.Tensor], steps: Sequence[torch.Tensor]) -> float:
    errors = [(s.float()[:, : t.shape[1]] - t).square().mean() for s, t in zip(shown, steps, strict=True)]
    return float(-10 * torch.stack(errors).mean().log10())


@pytest.mark.parametrize(("quality", "smaller"), [(5, True), (75, False)])
def test_pictures_are_coded_smaller_at_low_rates_alone(quality: int, smaller: bool) -> None:
    data, _ = coded(BUNNY, duration_s=0.4, quality=quality)
    assert [gop.halvings > 0 for gop in contents(data)[1]] == [smaller]


@pytest.mark.parametrize("quality", [10, 30])
def test_a_smaller_size_is_taken_where_it_costs_less(quality: int) -> None:
    model, steps, whole = load("tiny"), steps_of(BUNNY), planned_quality(quality, 3)
    half = at_half(whole)
    assert half is not None
    quarter = at_half(half)
    assert quarter is not None
    costs = {own: cost(ClosedLoop(model, own), steps, quality) for own in (whole, half, quarter)}
    taken, frames = analyse_at_best_size(model, steps, whole)
    assert costs[taken] == min(costs.values())
    assert len(frames) == len(STEPS)


@pytest.mark.parametrize("halvings", [0, 1, 2, 3])
@pytest.mark.parametrize("scale", ["174x98", "40x200", "8x8"])
def test_any_size_is_halved_and_brought_back(scale: str, halvings: int) -> None:
    model, steps = load("tiny"), steps_of(BUNNY, scale)
    size = steps[0].shape[2] // 4, steps[0].shape[3] // 4
    quality = GopQuality(90, 80, halvings)
    loop = ClosedLoop(model, quality)
    chosen = [loop.take(step) for step in steps]
    own = encode_planes(model, chosen, size, quality)
    levels = decode_planes(model, own, size, len(chosen))
    assert levels.shape[1] == np.prod(halved_grid(size, halvings))
    shown = list(synthesise(model, levels, size, quality))
    assert [frames.shape[2:] for frames in shown] == [step.shape[2:] for step in steps]
    assert torch.equal(shown[-1].float(), loop.shown())
    if scale != "8x8":  # which may be down to a pixel
        assert psnr_of(shown, steps) > psnr_of([torch.zeros_like(step) for step in steps], steps) + 3


def test_halving_and_restoring_keep_a_picture_in_its_place() -> None:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    luma = (torch.sin(x / 9) + torch.cos(y / 7)) / 5
    plane = luma.numpy() * 255 + 128
    smooth = from_planes(plane, plane[::2, ::2], plane[1::2, 1::2], 8)[:, None]
    back = restored(halved(smooth), (8, 12), 1)
    assert back.shape == smooth.shape
    assert (back - smooth)[:4, :, 6:-6, 6:-6].abs().max() < 0.005
    assert (back - smooth)[4:, :, 6:-6, 6:-6].abs().max() < 0.02


def test_a_file_of_smaller_pictures_shows_pictures_of_the_whole_size(tmp_path: Path) -> None:
    original = read(BUNNY, duration_s=0.4).pictures
    data, _ = coded(BUNNY, duration_s=0.4, quality=5)
    shown = decoded(data, tmp_path / "out.mkv").pictures
    assert [p.y.shape for p in shown] == [p.y.shape for p in original]
    assert luma_psnr(shown, original) > 20


def test_a_single_picture_may_be_coded_smaller_too(tmp_path: Path) -> None:
    data, _ = coded(BUNNY, duration_s=0.02, quality=1)
    (gop,) = contents(data)[1]
    assert len(gop.pts) == 1 and gop.halvings
    assert len(decoded(data, tmp_path / "out.mkv").pictures) == 1


def test_tokens_are_of_the_whole_size() -> None:
    data, _ = coded(BUNNY, duration_s=0.2, tokens=True)
    assert {gop.halvings for gop in contents(data)[1]} == {0}


def test_more_halvings_than_any_encoder_makes_are_refused(tmp_path: Path) -> None:
    header, (gop,), _ = contents(coded(BUNNY, duration_s=0.1, quality=5)[0])
    with pytest.raises(NvcodecError, match="which no encoder writes"):
        decoded(rebuilt(header, [replace(gop, halvings=4)]), tmp_path / "out.mkv")


def test_the_quality_asked_for_is_told_from_the_one_coded() -> None:
    whole = GopQuality(44, 20)
    assert at_half(whole) == GopQuality(62, 38, 1)
    assert nominal(GopQuality(62, 38, 1)) == whole
    assert at_half(GopQuality(100, 83)) is None
    assert at_half(GopQuality(0, 0)) is None


def test_threads_choose_the_same_size() -> None:
    files = []
    for threads in (1, 2):
        file = io.BytesIO()
        encode(BUNNY, file, EncodeOptions(quality=15, gop=5, duration_s=0.8, threads=threads))
        files.append(contents(file.getvalue())[1])
    assert [gop.halvings for gop in files[0]] == [gop.halvings for gop in files[1]]
    assert any(gop.halvings for gop in files[0])
