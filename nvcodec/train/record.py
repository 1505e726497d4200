"""`python -m nvcodec.train.record --data DIR… --to FOLDER`: what the codec makes of clips, for the prior to learn from.

Example: `python -m nvcodec.train.record --data clips/train clips/stills --to runs/recorded --count 1000 --seed 3`

Training both halves together sees short clips, and levels as that step of training makes them. A recording is whole
GOPs of the codec as it is: motion, levels and the closed loop over 65 frames. Every other clip is seen at half the
size. A GOP is a file, `SEED-NUMBER.npz`, with its levels [T', h·w, 4 + D] int16 and its qualities; the same seed gives
the same files, and those that are there are not made again.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nvcodec.codec.gop import ClosedLoop, GopQuality
from nvcodec.tokenizer.motion import STEP_FRAMES
from nvcodec.tokenizer.quantize import QUALITY_MAX
from nvcodec.tokenizer.resampling import halved
from nvcodec.train.data import ClipSampler, DataConfig
from nvcodec.train.prepare import prepare
from nvcodec.weights import Model, load


@dataclass(frozen=True)
class RecordConfig:
    """Sides in luma pixels, frames 1 + 4k, qualities of the latent frames but the first."""

    crop: int = 160
    frames: int = 65
    quality_low: int = 15
    quality_high: int = 85
    usual_boost: int = 24  # of the first latent frame in most clips, and the most in the others
    usual_share: float = 0.7
    halved_share: float = 0.5
    still_share: float = 0.3


class Recorder:
    """Draws clips from prepared files and codes them. The same seed and number give the same GOP."""

    def __init__(self, files: list[Path], model: Model, config: RecordConfig = RecordConfig()) -> None:
        self.model, self.config = model, config
        self._whole = self._sampler(files, config.crop)
        large = [file for file in files if int(file.stem.rpartition("-")[2]) >= 2 * config.crop]
        self._large = self._sampler(large, 2 * config.crop) if large else None

    def _sampler(self, files: list[Path], crop: int) -> ClipSampler:
        return ClipSampler(files, DataConfig(crop=crop, frames=self.config.frames, still_share=self.config.still_share))

    def gop(self, seed: int, number: int) -> tuple[GopQuality, Tensor]:
        """Qualities and levels `[T', h·w, 4 + D]` int16."""
        g = torch.Generator().manual_seed(seed * 100_003 + number)
        config, u = self.config, torch.rand(4, generator=g).tolist()
        if self._large is not None and u[0] < config.halved_share:
            clip = halved(self._large.batch(1, config.frames, g)[0])
        else:
            clip = self._whole.batch(1, config.frames, g)[0]
        others = int(config.quality_low + (config.quality_high - config.quality_low) * u[1])
        boost = config.usual_boost if u[2] < config.usual_share else int(u[3] * config.usual_boost)
        quality = GopQuality(min(QUALITY_MAX, others + boost), others)
        loop = ClosedLoop(self.model, quality)
        steps = (clip[:, :1], *clip[:, 1:].split(STEP_FRAMES, dim=1))
        return quality, torch.stack([loop.take(step).level for step in steps])


def write_gop(path: Path, quality: GopQuality, levels: Tensor) -> None:
    """A recorded GOP, whole or not at all."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, levels=levels.numpy(), first=quality.first, others=quality.others)
    partial.replace(path)


def read_gop(path: Path) -> tuple[GopQuality, Tensor]:
    """Mirror of `write_gop`."""
    with np.load(path, allow_pickle=False) as arrays:
        return GopQuality(int(arrays["first"]), int(arrays["others"])), torch.from_numpy(arrays["levels"])


def main() -> None:
    """Parse the command line and record."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.train.record", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of videos and photographs")
    parser.add_argument("--to", type=Path, required=True, help="folder to write GOPs into")
    parser.add_argument("--cache", type=Path, help="where decoded clips are kept; left out: in the folder")
    parser.add_argument("--count", type=int, default=1000, help="GOPs to record")
    parser.add_argument("--seed", type=int, default=1, help="another for every process that records")
    parser.add_argument("--model", default="tiny", help="name of the model")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.to.mkdir(parents=True, exist_ok=True)
    recorder = Recorder(prepare(arguments.data, arguments.cache or arguments.to / "data"), load(arguments.model))
    for number in range(arguments.count):
        path = arguments.to / f"{arguments.seed}-{number}.npz"
        if not path.exists():
            write_gop(path, *recorder.gop(arguments.seed, number))


if __name__ == "__main__":
    main()
