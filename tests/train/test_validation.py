"""Measuring a run on clips it does not learn from: what is measured is true, and it disturbs nothing."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from av import open as open_file

from nvcodec.tokenizer.frames import to_frames
from nvcodec.train import log
from nvcodec.train.config import ValidationConfig
from nvcodec.train.log import RunLog
from nvcodec.train.loop import averaged
from nvcodec.train.prepare import prepare
from nvcodec.train.run import Run
from nvcodec.train.validation import held_out, png_of, validate

from .conftest import CLIPS
from .stills import write_still
from .test_run import SMALL, same, weights

VALIDATION = ValidationConfig(every=2, clips=3, frames=9, height=128, qualities=(20, 60))
MEASURED = dataclasses.replace(SMALL, validation=VALIDATION, average=0.0)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A photograph and a video, at the height of validation."""
    folder = tmp_path_factory.mktemp("others")
    write_still(folder / "still.png", seed=4)
    (folder / "carphone.mp4").write_bytes((CLIPS / "carphone.mp4").read_bytes())
    return prepare([folder], folder / "kept", heights=(VALIDATION.height,))


@pytest.fixture(scope="module")
def run(files: list[Path], others: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(MEASURED, tmp_path_factory.mktemp("run"), files, validation=others)
    run.train()
    return run


def rows(run: Run) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run.folder / "validation.jsonl").read_text().splitlines()]


def test_held_out_clips_are_whole_pictures_from_their_first_frame(others: list[Path]) -> None:
    video, still = sorted(held_out(others, VALIDATION), key=lambda clip: -clip.shape[2])
    assert [clip.shape[2] for clip in (video, still)] == [9, 1]
    (array,) = [np.load(file) for file in others if file.name.startswith("video")]
    assert torch.equal(video[0], to_frames(torch.from_numpy(array[:9, :, :64, :76].transpose(1, 0, 2, 3).copy())))
    assert len(held_out(others, dataclasses.replace(VALIDATION, clips=1))) == 1


def test_a_run_is_measured_every_so_many_steps_at_each_quality_with_a_picture(run: Run) -> None:
    assert [(row["step"], row["quality"]) for row in rows(run)] == [(2, 20), (2, 60), (4, 20), (4, 60)]
    pictures = sorted((run.folder / "validation").iterdir())
    assert [picture.name for picture in pictures] == ["00000002.png", "00000004.png"]
    with open_file(str(pictures[0])) as container:
        frame = next(container.decode(video=0))
    assert (frame.height, frame.width) == (2 * 128, 2 * 152)  # original above decoded, two clips beside each other


def test_d_r_and_psnr_are_those_of_the_closed_loop(run: Run) -> None:
    model, (clip, *_) = run.model.eval(), run.held_out
    (measured,), _ = validate(model, [clip], (60,), run.step, run.device)
    seen = []
    forward = model.forward
    model.forward = lambda *arguments: seen.append(forward(*arguments)) or seen[-1]  # type: ignore[method-assign]
    validate(model, [clip], (60,), run.step, run.device)
    del model.forward
    decoded = seen[0].decoded
    pixels = clip.shape[2] * clip.shape[3] * clip.shape[4] * 4
    d = float((decoded - clip).square().sum()) / pixels
    assert measured.d == pytest.approx(d, rel=1e-4)
    assert measured.psnr == pytest.approx(-10 * np.log10(d), abs=1e-3)
    assert measured.r == pytest.approx(float(seen[0].bits) / pixels)


def test_a_higher_quality_has_less_d_and_more_r(run: Run) -> None:
    low, high = rows(run)[-2:]
    assert high["d"] < low["d"] and high["psnr"] > low["psnr"] and high["r"] > low["r"]


def test_measuring_changes_nothing_of_what_is_learnt(run: Run, files: list[Path], tmp_path: Path) -> None:
    Run(MEASURED, tmp_path, files).train()
    assert same(weights(run.folder), weights(tmp_path))
    assert not (tmp_path / "validation.jsonl").exists()


def test_the_averaged_weights_are_measured_and_put_back(run: Run) -> None:
    own = {key: value.clone() for key, value in run.model.state_dict().items()}
    zeros = {key: torch.zeros_like(value) for key, value in own.items()}
    with pytest.raises(KeyError), averaged(run.model, zeros):
        assert all(not value.any() for value in run.model.state_dict().values())
        raise KeyError
    assert all(torch.equal(value, own[key]) for key, value in run.model.state_dict().items())


def test_pictures_of_several_sizes_lie_side_by_side() -> None:
    black, white = torch.full((6, 8, 4), -0.5), torch.full((6, 4, 12), 0.5)
    for grey in (black, white):
        grey[4:] = 0
    data = png_of([(black, -black), (white, -white)])
    assert data.startswith(b"\x89PNG") and int.from_bytes(data[16:20]) == 48 and int.from_bytes(data[20:24]) == 32


def test_rows_are_lines_and_events_beside_them_where_tensorboard_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[object, ...]] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int) -> None:
            told.append((Path(folder).name, purge_step))

        def add_scalar(self, *arguments: object) -> None:
            told.append(arguments)

        def close(self) -> None:
            told.append(("closed",))

    fake = ModuleType("torch.utils.tensorboard")
    fake.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    for found in (None, SimpleNamespace()):
        monkeypatch.setattr(log, "find_spec", lambda name, found=found: found)
        kept = RunLog(tmp_path, 7)
        kept.row("validation", {"step": 8, "psnr": 30.5}, "quality-20")
        kept.close()
    assert (tmp_path / "validation.jsonl").read_text() == 2 * '{"step": 8, "psnr": 30.5}\n'
    assert told == [("tensorboard", 8), ("validation/quality-20/psnr", 30.5, 8), ("closed",)]


def test_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra nvcodec[train] is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import]

    kept = RunLog(tmp_path, 0)
    for step, loss in ((10, 2.0), (20, 1.5)):
        kept.row("log", {"step": step, "loss": loss})
    kept.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("log/loss")] == [(10, 2.0), (20, 1.5)]
