"""VMAF, VMAF-NEG, SSIM and MS-SSIM: of luma, means over frames, all by Netflix's libvmaf in one pass.

VMAF (Li et al. 2016) by the model vmaf_v0.6.1; NEG (Li et al. 2021), which does not reward sharpening, by
vmaf_v0.6.1neg. SSIM (Wang et al. 2004) is libvmaf's float_ssim, which shrinks pictures whose shorter side is 384 or
more, as its authors advise; MS-SSIM (Wang et al. 2003) needs sides of 176 or more and is left out below.
"""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

from nvcodec.benchmarks.coders.ffmpeg import Ffmpeg
from nvcodec.benchmarks.coders.process import ProgramFailed, Programs

from nvcodec.media.vmaf import MODEL

from .filters import compare
from .meter import Absent, Meter, Pair

NAMES = ("ssim", "ms_ssim", "vmaf", "vmaf_neg")
THEIRS = {"ssim": "float_ssim", "ms_ssim": "float_ms_ssim", "vmaf": "vmaf", "vmaf_neg": "vmaf_neg"}
MODELS = rf"{MODEL}\:name=vmaf|version=vmaf_v0.6.1neg\:name=vmaf_neg"
FEATURES = "name=float_ssim|name=float_ms_ssim"
MS_SSIM_SIDE = 176  # five scales, of which the smallest still holds a window of 11


def meter(ffmpeg: Ffmpeg, programs: Programs, threads: int) -> Meter | Absent:
    """Needs a filter that not every FFmpeg has."""
    if "libvmaf" not in ffmpeg.filters:
        return Absent(NAMES, f"{ffmpeg.path} has no libvmaf")
    version = f"1: vmaf_v0.6.1, FFmpeg {ffmpeg.version}"
    return Meter(NAMES, version, partial(measure, ffmpeg, programs, threads))


def measure(ffmpeg: Ffmpeg, programs: Programs, threads: int, pair: Pair) -> dict[str, float]:
    """VMAF 0…100, SSIM and MS-SSIM up to 1."""
    clip = pair.source.clip
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "vmaf.json"
        place = str(log).replace("\\", "/").replace(":", r"\\:")
        graph = f"libvmaf=model='{MODELS}':feature='{FEATURES}':n_threads={threads}:log_fmt=json:log_path='{place}'"
        compare(ffmpeg, programs, clip, pair.decoded, pair.source.yuv, graph)
        report = json.loads(log.read_text(encoding="utf-8"))
    if len(report["frames"]) != clip.frames:
        raise ProgramFailed(f"libvmaf compared {len(report['frames'])} of {clip.frames} frames")
    pooled = report["pooled_metrics"]
    applicable = (name for name in NAMES if name != "ms_ssim" or min(clip.width, clip.height) >= MS_SSIM_SIDE)
    return {name: float(pooled[THEIRS[name]]["mean"]) for name in applicable}
