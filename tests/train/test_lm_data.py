"""Clips become tokens once, and are drawn in epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec.datasets import LabelledClip, LabelledSet, read_clip
from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.compact import CompactConfig, CompactTokenizer
from nvcodec.tokenizer.frames import to_frames
from nvcodec.train import lm_data
from nvcodec.train.labelled import drawn
from nvcodec.train.lm_data import TokenSet, token_set

CLIPS = Path(__file__).parents[1] / "clips"
SHA256 = "0" * 64


def tokenizer() -> CompactTokenizer:
    torch.manual_seed(1)
    return CompactTokenizer(CompactConfig(width=16, encoder_blocks=1, decoder_blocks=1)).eval()


def labelled(*more: Path) -> LabelledSet:
    paths = [CLIPS / "bunny.mp4", CLIPS / "carphone.mp4", *more]
    return LabelledSet(("animal", "person"), tuple(LabelledClip(path, place % 2) for place, path in enumerate(paths)))


def encoded(clips: LabelledSet, cache: Path, sha256: str = SHA256) -> tuple[TokenSet, list[str]]:
    left: list[str] = []
    found = token_set(clips, tokenizer(), sha256, 5, 32, cache, lambda path, error: left.append(path.name))
    return found, left


def test_clips_become_the_tokens_of_what_is_read_of_them(tmp_path: Path) -> None:
    found, left = encoded(labelled(), tmp_path)
    assert found.tokens.shape == (2, 2, 4, 4) and found.tokens.dtype == np.uint32 and not left
    assert found.labels.tolist() == [0, 1] and found.classes == ("animal", "person")
    packed = read_clip(labelled().clips[1], 5, 32)
    with torch.inference_mode():
        tokens, _ = tokenizer().encode(to_frames(torch.from_numpy(packed.transpose(1, 0, 2, 3)))[None])
    assert np.array_equal(tokens[0].numpy(), found.tokens[1])
    batch, labels = found.batch(torch.tensor([1, 0, 1]))
    assert torch.equal(batch[0], tokens.flatten()) and labels.tolist() == [1, 0, 1]


def test_they_are_read_once_and_anew_for_another_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm_data, "PIECE", 1)
    first, _ = encoded(labelled(), tmp_path)
    calls: list[Path] = []
    monkeypatch.setattr(lm_data, "read_clip", lambda clip, *rest: (calls.append(clip.path), read_clip(clip, *rest))[1])
    again, _ = encoded(labelled(), tmp_path)
    assert not calls and np.array_equal(first.tokens, again.tokens) and first.key == again.key
    other, _ = encoded(labelled(), tmp_path, "1" * 64)
    assert len(calls) == 2 and other.key != first.key
    pieces = sorted(tmp_path.rglob("*.npz"))
    pieces[0].unlink()  # as of a run that was cut off
    encoded(labelled(), tmp_path)
    encoded(labelled(), tmp_path, "1" * 64)
    assert len(calls) == 3


def test_what_cannot_be_read_is_left_out_and_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    found, left = encoded(labelled(broken), tmp_path / "cache")
    assert left == ["broken.mp4"] and found.labels.tolist() == [0, 1]
    alone = LabelledSet(("a",), (LabelledClip(broken, 0), LabelledClip(tmp_path / "gone.mp4", 0)))
    with pytest.raises(NvcodecError, match="none of the clips can be read"):
        encoded(alone, tmp_path / "alone")


def test_every_clip_comes_once_before_any_comes_twice() -> None:
    places = torch.cat([drawn(7, 1, begin, 3) for begin in range(0, 21, 3)])
    assert all(sorted(part.tolist()) == list(range(7)) for part in places.split(7))
    assert len({tuple(part.tolist()) for part in places.split(7)}) == 3
    assert torch.equal(places[4:15], drawn(7, 1, 4, 11))
    assert not torch.equal(drawn(7, 1, 0, 7), drawn(7, 2, 0, 7))


def test_some_of_a_set_are_evenly_of_it() -> None:
    whole = TokenSet(("a",), np.arange(10, dtype=np.uint32).reshape(10, 1, 1, 1), np.zeros(10, np.int64), "k")
    assert whole.evenly(4).tokens.flatten().tolist() == [0, 2, 5, 7]
    assert len(whole.evenly(50)) == 10
