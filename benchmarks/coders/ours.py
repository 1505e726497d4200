"""nvcodec at work: the library's own `encode` and `decode`, in a process of their own (`worker.py`)."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nvcodec.benchmarks.axes import PSNR
from nvcodec.benchmarks.clips import Prepared
from nvcodec.benchmarks.raw import from_y4m
from nvcodec.benchmarks.results import OURS, Coder, Cost

import nvcodec
from nvcodec import bitstream
from nvcodec.codec.gop_size import MAX_FRAMES
from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.motion import STEP_FRAMES
from nvcodec.weights import installed

from .process import Programs
from .table import RANDOM_ACCESS
from .way import check_decoded

QUALITIES = (1, 8, 16, 26, 38, 50, 62, 76, 90)
NOT_CODING = ("cli", "benchmarks", "train", "generate", "understand")  # rooms that no coded byte depends on


def our_coder(series: str, *, gop: int, longest_gop: int, threads: int, model: str) -> Coder:
    """nvcodec as results name it. It never refers to a later step, so that its low-delay series is its long one."""
    frames = gop if series == RANDOM_ACCESS else longest_gop
    return Coder(
        key=f"{OURS}-{series}",
        label=OURS,
        family=OURS,
        version=f"{code_version()}, weights {model} {weights_sha256(model)[:12]}, PyTorch {_torch_version()}",
        series=series,
        tuned=PSNR,
        arguments=("--quality", "{quality}", "--gop", str(frames), "--threads", str(threads), "--model", model),
    )


@dataclass(frozen=True)
class Ours:
    """A `Way` through the library. Times are its own, without the start of Python and PyTorch."""

    coder: Coder
    programs: Programs
    threads: int
    qualities: tuple[float, ...] = QUALITIES

    def encode(self, clip: Prepared, setting: float, stream: Path) -> Cost:
        """Code the clip as an .mgv file."""
        arguments = (text.replace("{quality}", f"{setting:g}") for text in self.coder.arguments)
        return self._worker("encode", str(clip.y4m), str(stream), *arguments)

    def decode(self, stream: Path, clip: Prepared, yuv: Path) -> Cost:
        """Decode an .mgv file."""
        y4m = yuv.with_suffix(".y4m")
        cost = self._worker("decode", str(stream), str(y4m), "--threads", str(self.threads))
        from_y4m(y4m, yuv, clip.clip.width, clip.clip.height)
        y4m.unlink()
        check_decoded(yuv, clip.clip)
        return cost

    def _worker(self, *arguments: str) -> Cost:
        ran = self.programs.run([sys.executable, "-m", "nvcodec.benchmarks.coders.worker", *arguments], environment())
        return Cost(json.loads(ran.stdout)["seconds"], ran.peak_bytes, self.threads)


def environment() -> dict[str, str]:
    """What lets another Python find this copy of nvcodec."""
    here = str(Path(nvcodec.__file__).parents[1])
    return {"PYTHONPATH": os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])}


def longest_gop(width: int, height: int) -> int:
    """Frames of the longest GOP there can be of such pictures."""
    latents = bitstream.Limits().cells_per_gop // bitstream.cells(width, height, 1)
    return min(MAX_FRAMES, 1 + STEP_FRAMES * (latents - 1))


def weights_sha256(model: str) -> str:
    """The hash of the weights of a model. NvcodecError when it is not installed."""
    found = {each.name: each.sha256 for each in installed()}
    if model not in found:
        raise NvcodecError(f"there is no model {model!r}; `nvcodec models` lists those that are installed")
    return found[model]


@cache
def code_version() -> str:
    """nvcodec's version, with a hash of all source that coding depends on: results of other code are no results."""
    digest = hashlib.sha256()
    for root in (Path(nvcodec.__file__).parent, Path(bitstream.__file__).parent):
        for path in sorted(root.rglob("*.py")):
            inner = path.relative_to(root)
            if inner.parts[0] not in NOT_CODING:
                digest.update(f"{inner.as_posix()}\0".encode() + path.read_bytes())
    return f"{nvcodec.__version__}+{digest.hexdigest()[:12]}"


def _torch_version() -> str:
    return importlib.metadata.version("torch")
