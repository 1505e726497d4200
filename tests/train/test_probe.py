"""Runs that learn classes: they go on exactly where they stood, become files, and read what they are told to."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec.datasets import LabelledClip, LabelledSet
from nvcodec.errors import NvcodecError
from nvcodec.train.export import export_run
from nvcodec.train.labelled import LabelledValidationConfig
from nvcodec.train.lm_data import TokenSet
from nvcodec.train.pixel_data import PixelSet, pixel_set, varied
from nvcodec.train.probe import TEST, ProbeRun
from nvcodec.train.probe_config import (
    FeatureSizes,
    ProbeSizes,
    ProbeTrainConfig,
    check_probe,
)
from nvcodec.understand.feature_network import FeatureNetwork
from nvcodec.understand.video_transformer import VideoTransformer
from nvcodec.weights import load_network

from .conftest import CLIPS
from .test_run import same, weights

SMALL = ProbeTrainConfig(
    steps=6,
    batch=2,
    warmup=2,
    checkpoint_steps=2,
    log_steps=1,
    bfloat16=False,
    frames=5,
    size=16,
    model=ProbeSizes(width=16, layers=1, heads=2),
    features=FeatureSizes(width=8, features=8),
    validation=LabelledValidationConfig(every=3),
)
FEATURES = dataclasses.replace(SMALL, stage="features", still_share=0.5)
TOKENS = dataclasses.replace(SMALL, reads="tokens")
CLASSES = ("0-left", "0-up", "1-left", "1-up")


def clips_of(config: ProbeTrainConfig, count: int = 8, key: str = "some") -> PixelSet | TokenSet:
    """Clips whose tokens are those of their class, or whose stripes lie or stand, by their class, and come or go."""
    drawn, labels = np.random.default_rng(len(key)), np.arange(count) % len(CLASSES)
    if config.reads == "tokens":
        tokens = labels[:, None, None, None] + 4 * drawn.integers(0, 4, (count, 2, 2, 2))
        return TokenSet(CLASSES, tokens.astype(np.uint32), labels, key)
    pixels = drawn.integers(100, 120, (count, 5, 6, 8, 8))
    for number, label in enumerate(labels):
        stripes = 100 * (np.arange(8) // 2 % 2)
        strength = np.linspace(0, 1, 5)[:: 1 if label < 2 else -1, None, None, None]
        pixels[number] += (strength * (stripes[:, None] if label % 2 else stripes)).astype(np.int64)
    return PixelSet(CLASSES, pixels.astype(np.uint8), labels, key)


def begun(config: ProbeTrainConfig, folder: Path, clips: PixelSet | TokenSet | None = None) -> ProbeRun:
    reading = {"reads": "bits", "vocabulary": 16, "tokenizer": "ab" * 32} if config.reads == "tokens" else {}
    own = clips if clips is not None else clips_of(config)
    return ProbeRun(config, folder, own, clips_of(config, 4, "others"), device=torch.device("cpu"), **reading)


ALL = pytest.mark.parametrize("config", [SMALL, TOKENS, FEATURES], ids=["pixels", "tokens", "features"])


@ALL
def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(config: ProbeTrainConfig, tmp_path: Path) -> None:
    class Cut(Exception):
        pass

    def cut(step: int) -> None:
        if step == 5:
            raise Cut

    begun(config, tmp_path / "whole").train()
    with pytest.raises(Cut):
        begun(config, tmp_path / "cut").train(cut)
    torch.rand(5)  # whatever else draws from the numbers that dropout draws from
    rest = begun(config, tmp_path / "cut")
    assert rest.step == 4
    rest.train()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


@ALL
def test_it_learns_and_says_how_well(config: ProbeTrainConfig, tmp_path: Path) -> None:
    length, every = 90, LabelledValidationConfig(90)
    long = dataclasses.replace(
        config, steps=length, learning_rate=1e-2, average=0.9, still_share=0.0, validation=every
    )
    run = begun(long, tmp_path)
    run.train()
    (row,) = [json.loads(line) for line in (tmp_path / "validation.jsonl").read_text().splitlines()]
    assert (row["step"], row["clips"], row["accuracy"], row["part 1"], row["part 2"]) == (length, 4, 1.0, 1.0, 1.0)
    assert run.accuracy(clips_of(config, 40, "yet others")).accuracy > 0.9
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert np.mean(losses[-10:]) < 0.5 * losses[0]


@ALL
def test_a_run_becomes_a_network_of_its_averaged_weights(config: ProbeTrainConfig, tmp_path: Path) -> None:
    run = begun(config, tmp_path / "run")
    run.train()
    (tmp_path / "run" / TEST).write_text(json.dumps({"accuracy": 0.5}))
    installed = export_run(tmp_path / "run", "mine", tmp_path, {"note": "a test"})
    loaded = load_network(installed.path)
    assert isinstance(loaded.module, FeatureNetwork if config is FEATURES else VideoTransformer)
    assert loaded.module.config == run.model.config and loaded.kind == config.stage
    assert (loaded.card["steps"], loaded.card["note"], loaded.card["test"]) == (6, "a test", {"accuracy": 0.5})
    average = weights(tmp_path / "run")["average.head.linear.weight"]
    assert torch.equal(loaded.module.head.linear.weight, average.half().float())  # small ones are no int8


def test_another_configuration_or_other_clips_are_another_run(tmp_path: Path) -> None:
    begun(SMALL, tmp_path).train()
    with pytest.raises(NvcodecError, match="batch was 2 and is 3"):
        begun(dataclasses.replace(SMALL, batch=3), tmp_path)
    with pytest.raises(NvcodecError, match="other data"):
        begun(SMALL, tmp_path, clips_of(SMALL, 8, "changed"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"stage": "features", "reads": "tokens"}, "reads pixels"),
        ({"batch": 0}, "at least"),
        ({"still_share": 2.0}, "a share"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        check_probe(dataclasses.replace(SMALL, **settings))  # type: ignore[arg-type]


def test_a_set_is_read_once_and_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    clips = (LabelledClip(CLIPS / "bunny.mp4", 1), LabelledClip(broken, 0), LabelledClip(CLIPS / "carphone.mp4", 0))
    left_out: list[Path] = []
    first, again = (
        pixel_set(LabelledSet(("a", "b"), clips), 5, 32, tmp_path / "kept", lambda path, error: left_out.append(path))
        for _ in range(2)
    )
    assert left_out == [broken]
    assert first.labels.tolist() == [1, 0] and first.clips.shape == (2, 5, 6, 16, 16)
    assert np.array_equal(first.clips, again.clips) and first.key == again.key
    frames, labels = first.batch(torch.tensor([1, 0]))
    assert labels.tolist() == [0, 1] and frames.shape == (2, 6, 5, 16, 16)
    luma = torch.from_numpy(first.clips[1, 3, 2].astype(np.float32)) / 255 - 0.5
    assert torch.allclose(frames[0, 2, 3], luma)


def test_a_still_is_a_frame_of_its_clip() -> None:
    clips = clips_of(SMALL)
    assert isinstance(clips, PixelSet)
    places = torch.tensor([5, 0, 2])
    whole, labels = clips.batch(places)
    stills, same_labels = clips.stills(places, torch.Generator().manual_seed(1))
    assert stills.shape == (3, 6, 1, 8, 8) and torch.equal(labels, same_labels)
    assert ((whole - stills).abs().amax((1, 3, 4)) == 0).any(1).all()


def test_a_varied_clip_is_moved_and_lit_as_a_whole() -> None:
    clips = torch.rand(6, 6, 1, 12, 12).expand(-1, -1, 5, -1, -1) - 0.5
    found = varied(clips, torch.Generator().manual_seed(1))
    assert found.shape == clips.shape and not torch.allclose(found[0], clips[0], atol=1e-2)
    assert torch.allclose(found, found[:, :, :1].expand_as(found), atol=1e-6)  # what stands still still does
    assert torch.equal(found, varied(clips, torch.Generator().manual_seed(1)))
    for clip, original in zip(found, clips, strict=True):  # a moved window of it, times the light
        windows = [original[:4, 0, y : y + 8, x : x + 8].flatten() for y in range(5) for x in range(5)]
        own = clip[:4, 0, 2:10, 2:10].flatten()
        assert max(float(torch.corrcoef(torch.stack([own, window]))[0, 1]) for window in windows) > 0.9999
