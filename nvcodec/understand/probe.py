"""A probe that was trained, ready to name the class of a clip, with the tokenizer whose tokens it reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nvcodec.datasets import LabelledClip, read_clip
from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.compact import CompactTokenizer
from nvcodec.tokenizer.frames import to_frames
from nvcodec.weights import LoadedNetwork, load_network, load_network_by_hash, tokenizer_of

from .feature_network import FeatureNetwork
from .video_transformer import VideoTransformer


@dataclass(frozen=True, eq=False)
class Probe:
    """A network that names classes; `tokenizer` is None for one that reads pixels. Both are on one device."""

    network: VideoTransformer | FeatureNetwork
    tokenizer: CompactTokenizer | None
    name: str
    sha256: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names."""
        return self.network.config.classes

    @torch.inference_mode()
    def classify(self, frames: Tensor) -> Tensor:
        """Probabilities `[B, classes]`, float32 on the CPU, of clips `[B, 6, T, H/2, W/2]` of the probe's size."""
        x = frames.to(next(self.network.parameters()).device)
        if self.tokenizer is not None:
            x, _ = self.tokenizer.encode(x)
        return self.network(x).softmax(1).cpu()

    def read(self, clip: Path) -> Tensor:
        """A video or still, a batch of one, as those were read that the probe learnt. NvcodecError if none."""
        config = self.network.config
        packed = read_clip(LabelledClip(clip, 0), config.frames, config.size)
        return to_frames(torch.from_numpy(packed).transpose(0, 1))[None]


def load_probe(name_or_path: str | Path, device: str = "cpu") -> Probe:
    """A probe, or a feature network, of that name or in that file, and its tokenizer.

    The tokenizer is one of the installed models, or lies beside the file. NvcodecError when it is not here or is
    something else, ModelMismatch when its tokenizer is not here.
    """
    loaded = load_network(name_or_path, device)
    network = loaded.module
    if not isinstance(network, VideoTransformer | FeatureNetwork):
        raise NvcodecError(f"{name_or_path} names no classes, for it is of kind {loaded.kind!r}; a probe does")
    tokenizer = None
    if isinstance(network, VideoTransformer) and network.config.tokenizer:
        beside = Path(name_or_path).parent
        tokenizer = tokenizer_of(load_network_by_hash(network.config.tokenizer, loaded.name, beside, device))
    return Probe(network, tokenizer, loaded.name, loaded.sha256)


def load_tokenizer(name_or_path: str | Path, device: str = "cpu") -> LoadedNetwork:
    """A tokenizer whose tokens a probe can read. NvcodecError when it is not here or is something else."""
    loaded = load_network(name_or_path, device)
    tokenizer_of(loaded)
    return loaded


def reading_of(loaded: LoadedNetwork) -> dict[str, Any]:
    """`reads`, `vocabulary` and `tokenizer` of the `ProbeConfig` of a probe that reads these tokens."""
    tokenizer = tokenizer_of(loaded)
    reads = "bits" if tokenizer.config.quantizer == "lfq" else "table"
    return {"reads": reads, "vocabulary": tokenizer.vocabulary, "tokenizer": loaded.sha256}
