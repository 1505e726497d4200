"""A VMAF to be reached: by the pictures of the decoded file, as another run of FFmpeg measures them."""

from __future__ import annotations

import io
import math
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nvcodec.media.vmaf
from nvcodec.codec import EncodeOptions, encode
from nvcodec.codec.vmaf_search import search_quality
from nvcodec.errors import NvcodecError
from nvcodec.media import Picture
from nvcodec.media.vmaf import vmaf_of, vmaf_program

from .support import CARPHONE, coded, contents, decoded, read

TRIES = 12  # at most, for any curve


def raw(path: Path, pictures: list[Picture]) -> Path:
    """The samples alone."""
    path.write_bytes(b"".join(plane.tobytes() for p in pictures for plane in (p.y, p.u, p.v)))
    return path


def measured(data: bytes, folder: Path, **part: float) -> float:
    """Mean VMAF of a whole file by two inputs of FFmpeg, as its manual has it."""
    original = raw(folder / "original.yuv", read(CARPHONE, **part).pictures)
    shown = raw(folder / "shown.yuv", decoded(data, folder / "shown.mkv").pictures)
    form = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", "176x144")
    command = [vmaf_program(), *form, "-i", str(shown), *form, "-i", str(original), "-lavfi", "libvmaf"]
    said = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=True).stderr
    score = re.search(r"VMAF score: ([\d.]+)", said)
    assert score is not None, said
    return float(score[1])


def test_the_decoded_file_reaches_the_vmaf_and_one_quality_lower_does_not(tmp_path: Path) -> None:
    data, report = coded(CARPHONE, target_vmaf=75, duration_s=0.3, threads=1)
    rate = report.rate
    assert rate is not None and rate.asked == 75 and rate.quality_min == rate.quality_max
    reached = measured(data, tmp_path, duration_s=0.3)
    assert 75 <= reached == pytest.approx(rate.reached, abs=1e-3)
    assert report.warnings == ()
    lower, _ = coded(CARPHONE, quality=rate.quality_min - 1, duration_s=0.3, threads=1)
    assert measured(lower, tmp_path, duration_s=0.3) < 75
    assert len(lower) < len(data)


def test_every_group_reaches_it_whoever_searches() -> None:
    alone, one = coded(CARPHONE, target_vmaf=60, duration_s=0.15, gop=1, threads=1)
    workers, two = coded(CARPHONE, target_vmaf=60, duration_s=0.15, gop=1, threads=2)
    assert alone == workers and len(contents(alone)[1]) >= 3
    assert one.rate == two.rate and one.rate is not None and one.rate.reached >= 60


def test_what_quality_100_does_not_reach_is_coded_with_a_warning() -> None:
    data, report = coded(CARPHONE, target_vmaf=100, duration_s=0.02, threads=1)  # a picture at rest: 97.4 at best
    assert [gop.quality for gop in contents(data)[1]] == [100]
    assert any("do not reach VMAF 100 even at quality 100" in warning for warning in report.warnings)


def test_without_libvmaf_the_message_names_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvcodec.media.vmaf, "ffmpeg_programs", list)
    vmaf_program.cache_clear()
    with pytest.raises(NvcodecError, match=r"pip install 'nvcodec\[bench\]'") as caught:
        encode("nowhere.mp4", io.BytesIO(), EncodeOptions(target_vmaf=80))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target_vmaf": 0}, "is above 0 and at most 100, not 0"),
        ({"target_vmaf": 80, "bitrate": 1000}, "cannot be met at once"),
        ({"target_vmaf": math.nan}, "is above 0 and at most 100, not nan"),
    ],
)
def test_what_is_no_vmaf_or_not_the_only_target_is_refused(options: dict[str, float], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        coded(CARPHONE, **options)


def test_ten_bits_are_measured_as_eight_are_and_tiny_pictures_refused() -> None:
    pictures = [(p.y, p.u, p.v) for p in read(CARPHONE, duration_s=0.2).pictures]
    coarse = [tuple(plane // 16 * 16 + 8 for plane in planes) for planes in pictures]
    eight = vmaf_of(zip(pictures, coarse, strict=True), 8)  # type: ignore[arg-type]
    deep = [[tuple(plane.astype(np.uint16) * 4 for plane in planes) for planes in clip] for clip in (pictures, coarse)]
    ten = vmaf_of(zip(*deep, strict=True), 10)  # type: ignore[arg-type]
    assert 20 < eight < 97 and ten == pytest.approx(eight, abs=0.1)
    tiny = [tuple(plane[:8, :8] for plane in planes) for planes in pictures]
    with pytest.raises(NvcodecError, match="8x8 pixels"):
        vmaf_of(zip(tiny, tiny, strict=True), 8)  # type: ignore[arg-type]


CURVES: dict[str, Callable[[int], float]] = {
    "steep": lambda quality: 100 / (1 + math.exp((50 - quality) / 3)),
    "flat": lambda quality: 60 + quality / 4,
    "saturated": lambda quality: 97 * (1 - math.exp(-quality / 10)),
    "bumpy": lambda quality: 0.9 * quality + 3 * math.sin(quality),
}


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
@pytest.mark.parametrize("target", [5.0, 61.0, 80.0, 90.5])
def test_the_search_ends_where_a_quality_reaches_the_target_and_the_one_below_does_not(
    curve: Callable[[int], float], target: float
) -> None:
    asked: list[int] = []

    def vmaf_at(quality: int) -> float:
        asked.append(quality)
        return curve(quality)

    found = search_quality(vmaf_at, target)
    assert len(asked) == len(set(asked)) <= TRIES
    assert all(1 <= quality <= 100 for quality in asked)
    if curve(100) < target:
        assert found == 100
    else:
        assert curve(found) >= target
        assert found == 1 or (found - 1 in asked and curve(found - 1) < target)
