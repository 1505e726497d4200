"""Every metric against values that something else than our code found: FFmpeg's own filters, scikit-image, other
implementations, the formula."""

from __future__ import annotations

import math
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nvcodec.benchmarks.coders.ffmpeg import Ffmpeg, find_ffmpeg
from nvcodec.benchmarks.coders.process import Programs
from nvcodec.benchmarks.metrics import NAMES, MetricMissing, lpips, meters, psnr, vmaf, xpsnr
from nvcodec.benchmarks.metrics.meter import Absent, Pair
from skimage.metrics import structural_similarity

from .pairs import blurred, bunny, changed, coarse, frames, same

PROGRAMS = Programs()


@pytest.fixture(scope="module")
def ffmpeg() -> Ffmpeg:
    return find_ffmpeg()


def test_psnr_is_that_of_ffmpeg_s_filter(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    pair = changed(bunny(tmp_path), coarse)
    form = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", "320x180")
    command = (ffmpeg.path, "-nostats", *form, "-i", str(pair.decoded), *form, "-i", str(pair.source.yuv))
    said = subprocess.run([*command, "-lavfi", "psnr", "-f", "null", "-"], capture_output=True, text=True, check=True)
    theirs = {name: float(value) for name, value in re.findall(r"\b([yuv]):([\d.]+)", said.stderr)}
    ours = psnr.measure(pair)
    assert {f"psnr_{name}": value for name, value in theirs.items()} == pytest.approx(
        {name: ours[name] for name in ("psnr_y", "psnr_u", "psnr_v")}, abs=1e-5
    )
    assert ours["psnr_611"] == pytest.approx((6 * theirs["y"] + theirs["u"] + theirs["v"]) / 8, abs=1e-5)


def test_psnr_is_the_formula_s(tmp_path: Path) -> None:
    pair = changed(bunny(tmp_path), lambda plane: plane ^ 1)  # off by one everywhere
    assert psnr.measure(pair)["psnr_y"] == pytest.approx(48.1308, abs=1e-4)  # 20 log10(255)


def test_equal_frames_have_the_best_value_of_every_metric(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    pair = changed(bunny(tmp_path), same)
    assert set(psnr.measure(pair).values()) == {math.inf}
    assert xpsnr.measure(ffmpeg, PROGRAMS, pair) == {"xpsnr": math.inf}
    found = vmaf.measure(ffmpeg, PROGRAMS, 1, pair)
    assert found["ssim"] == found["ms_ssim"] == 1
    # Not 100, as VMAF is of so few frames at rest: what vmaf-torch 1.1.0 has too.
    assert found["vmaf"] == pytest.approx(98.5534, abs=0.01) and found["vmaf_neg"] == pytest.approx(98.5534, abs=0.01)


def test_ssim_is_scikit_image_s(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    clip = bunny(tmp_path)
    for change in (blurred, coarse):
        pair = changed(clip, change)
        theirs = [
            structural_similarity(
                before[0],
                after[0],
                gaussian_weights=True,  # as Wang et al. 2004 have it
                sigma=1.5,
                use_sample_covariance=False,
                data_range=255,
            )
            for before, after in zip(frames(clip), frames(clip, pair.decoded), strict=True)
        ]
        assert vmaf.measure(ffmpeg, PROGRAMS, 1, pair)["ssim"] == pytest.approx(np.mean(theirs), abs=2e-4)


# Values of the same frames by implementations of others: MS-SSIM by pytorch-msssim 1.0.0, which differs from libvmaf
# at the edges when it shrinks the picture; VMAF and VMAF-NEG by vmaf-torch 1.1.0.
ELSEWHERE = {
    blurred: {"ms_ssim": 0.98007, "vmaf": 74.0417, "vmaf_neg": 73.8629},
    coarse: {"ms_ssim": 0.98941, "vmaf": 90.1060, "vmaf_neg": 87.5991},
}
TOLERANCE = {"ms_ssim": 5e-4, "vmaf": 0.02, "vmaf_neg": 0.02}


@pytest.mark.parametrize("change", ELSEWHERE)
def test_vmaf_and_ms_ssim_are_those_of_other_implementations(change, ffmpeg: Ffmpeg, tmp_path: Path) -> None:  # type: ignore
    found = vmaf.measure(ffmpeg, PROGRAMS, 1, changed(bunny(tmp_path), change))
    for name, value in ELSEWHERE[change].items():
        assert found[name] == pytest.approx(value, abs=TOLERANCE[name]), name


def test_vmaf_takes_the_original_for_the_original(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    pair = changed(bunny(tmp_path), blurred)
    turned = Pair(replace(pair.source, yuv=pair.decoded), pair.source.yuv)
    forth, back = (vmaf.measure(ffmpeg, PROGRAMS, 1, each)["vmaf"] for each in (pair, turned))
    assert back > forth + 10  # sharpening what was blurred would please it


def test_xpsnr_is_the_formula_s_on_a_flat_picture_at_rest(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    clip = bunny(tmp_path)
    flat = changed(clip, lambda plane: np.full_like(plane, 100))
    source = replace(clip, yuv=flat.decoded.rename(tmp_path / "flat.yuv"))
    pair = changed(source, lambda plane: plane + 3)
    # Helmrich et al. 2020, section 2: every block weighs sqrt(a_pic / a_block). Of a picture at rest without
    # detail a_block is the least there is, 2^(depth - 6); the first frame alone "moves", from black.
    width, height = clip.clip.width, clip.clip.height
    mean = math.sqrt(16 * 2 ** (2 * 8 - 9) / math.sqrt(width * height / (3840 * 2160)))
    weights = [mean / (2 * 100), *[mean / 2 ** (8 - 6)] * (clip.clip.frames - 1)]
    distortion = np.mean([math.sqrt(weight * 9) for weight in weights])  # the mean of roots over frames
    assert xpsnr.measure(ffmpeg, PROGRAMS, pair)["xpsnr"] == pytest.approx(20 * math.log10(255 / distortion), abs=2e-3)


def test_xpsnr_weighs_by_the_original_and_not_by_the_copy(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    pair = changed(bunny(tmp_path), coarse)
    turned = Pair(replace(pair.source, yuv=pair.decoded), pair.source.yuv)
    forth, back = (xpsnr.measure(ffmpeg, PROGRAMS, each)["xpsnr"] for each in (pair, turned))
    assert abs(forth - back) > 0.1


def test_ms_ssim_is_left_out_where_pictures_are_too_small_for_it(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    small = vmaf.measure(ffmpeg, PROGRAMS, 1, changed(bunny(tmp_path, "160x90"), blurred))
    assert set(small) == {"ssim", "vmaf", "vmaf_neg"}


def test_lpips_is_never_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    absent = lpips.meter()
    assert isinstance(absent, Absent) and absent.names == ("lpips",)
    assert "is not installed" in absent.reason or "are not on this machine" in absent.reason
    assert list(tmp_path.rglob("*.pth")) == []


def test_lpips_of_equal_frames_is_0_and_of_others_more(tmp_path: Path) -> None:
    meter = lpips.meter()
    if isinstance(meter, Absent):
        pytest.skip(meter.reason)
    clip = bunny(tmp_path)
    assert meter.measure(changed(clip, same)) == {"lpips": 0}
    assert meter.measure(changed(clip, blurred))["lpips"] > 0.01


def test_metrics_that_are_not_there_are_errors_when_asked_for_and_notes_otherwise(ffmpeg: Ffmpeg) -> None:
    bare = replace(ffmpeg, filters=frozenset())
    chosen = meters(None, bare, PROGRAMS, 1)
    assert [meter.names for meter in chosen.meters if "lpips" not in meter.names] == [psnr.NAMES]
    assert {"vmaf", "xpsnr"} <= {name for absent in chosen.absent for name in absent.names}
    with pytest.raises(MetricMissing, match=r"vmaf_neg cannot be measured here: .* has no libvmaf"):
        meters(["psnr_y", "vmaf_neg"], bare, PROGRAMS, 1)
    with pytest.raises(MetricMissing, match="there is no metric 'beauty'; there are psnr_y, "):
        meters(["beauty"], ffmpeg, PROGRAMS, 1)


def test_every_metric_has_an_axis_to_be_drawn_on() -> None:
    from nvcodec.benchmarks.axes import axis_of

    assert [name for name in NAMES if axis_of(name).label == name] == []
