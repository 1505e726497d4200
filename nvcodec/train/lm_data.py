"""A labelled set of clips as tokens: read and encoded once, and drawn from in epochs.

Encoded clips are kept in pieces, in a folder that is named for the tokenizer and the clips, so that a run that was
cut off goes on with those that are there; of several processes each encodes every so manieth piece.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nvcodec.datasets import LabelledClip, LabelledSet, read_clip
from nvcodec.errors import NvcodecError
from nvcodec.files import atomic_output
from nvcodec.tokenizer.compact import CompactTokenizer
from nvcodec.tokenizer.frames import GRID, to_frames
from nvcodec.train.labelled import evenly
from nvcodec.train.processes import place, wait_for_all

PIECE = 64  # clips that are encoded and kept together
Watch = Callable[[int, int], object]  # told how many clips of how many are done


@dataclass(frozen=True)
class TokenSet:
    """Tokens `[M, T', h, w]` uint32 of clips and their labels `[M]`, places in `classes`; `key` names them all."""

    classes: tuple[str, ...]
    tokens: np.ndarray
    labels: np.ndarray
    key: str

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens `[B, N]` and labels `[B]`, int64, of the clips at `places`."""
        chosen = places.numpy()
        tokens = torch.from_numpy(self.tokens[chosen].reshape(len(chosen), -1).astype(np.int64))
        return tokens, torch.from_numpy(self.labels[chosen].astype(np.int64))

    def evenly(self, most: int) -> TokenSet:
        """`most` of the clips, or all, evenly from first to last: sets are sorted by class."""
        chosen = evenly(len(self.labels), most)
        return replace(self, tokens=self.tokens[chosen], labels=self.labels[chosen])


def token_set(
    labelled: LabelledSet,
    tokenizer: CompactTokenizer,
    sha256: str,
    frames: int,
    size: int,
    cache: Path,
    leave_out: Callable[[Path, str], object],
    watch: Watch | None = None,
) -> TokenSet:
    """The clips as tokens of `tokenizer`, whose hash is `sha256`: `frames` pictures, `size` pixels a side.

    Clips that cannot be read are told to `leave_out`, once. All processes call it. NvcodecError for a set of none.
    """
    rank, processes = place()
    key = clips_key(labelled.clips, sha256, frames, size)
    folder = cache / f"tokens-{key[:16]}"
    if rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
    wait_for_all()
    pieces = [labelled.clips[begin : begin + PIECE] for begin in range(0, len(labelled.clips), PIECE)]
    for number in range(rank, len(pieces), processes):
        path = folder / f"{number:06}.npz"
        if not path.exists():
            _write(path, *_encoded(pieces[number], tokenizer, frames, size, leave_out))
        if watch is not None:
            watch(min((number + 1) * PIECE, len(labelled.clips)), len(labelled.clips))
    wait_for_all()
    tokens, labels = zip(*(_read(folder / f"{number:06}.npz") for number in range(len(pieces))), strict=True)
    whole = TokenSet(labelled.classes, np.concatenate(tokens), np.concatenate(labels), key)
    if not len(whole.labels):
        raise NvcodecError("none of the clips can be read")
    return whole


def clips_key(clips: tuple[LabelledClip, ...], sha256: str, frames: int, size: int) -> str:
    """A hash of what decides the tokens: not where the files lie, but their folders' names, their own and lengths."""
    listed = [
        (*clip.path.parts[-2:], _length(clip.path), clip.label, clip.start_s, clip.end_s) for clip in clips
    ]
    return hashlib.sha256(json.dumps([sha256, frames, size, listed]).encode()).hexdigest()


def _length(path: Path) -> int:
    """Bytes of a file; -1 where there is none."""
    return path.stat().st_size if path.is_file() else -1


@torch.inference_mode()
def _encoded(
    clips: tuple[LabelledClip, ...],
    tokenizer: CompactTokenizer,
    frames: int,
    size: int,
    leave_out: Callable[[Path, str], object],
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and labels of those of the clips that can be read."""
    packed, labels = [], []
    for clip in clips:
        try:
            packed.append(read_clip(clip, frames, size))
            labels.append(clip.label)
        except NvcodecError as error:
            leave_out(clip.path, str(error))
    if not packed:
        return np.zeros((0, 1 + (frames - 1) // 4, size // GRID, size // GRID), np.uint32), np.zeros(0, np.int64)
    device = next(tokenizer.parameters()).device
    pictures = torch.stack([to_frames(torch.from_numpy(clip.transpose(1, 0, 2, 3))) for clip in packed])
    tokens, _ = tokenizer.encode(pictures.to(device))
    return tokens.cpu().numpy().astype(np.uint32), np.array(labels, np.int64)


def _write(path: Path, tokens: np.ndarray, labels: np.ndarray) -> None:
    with atomic_output(path, force=True) as file:
        np.savez(file, tokens=tokens, labels=labels)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mirror of `_write`."""
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["tokens"], arrays["labels"]
