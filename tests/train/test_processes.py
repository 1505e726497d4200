"""Training across processes: several give the gradient of one, and one that is killed loses nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import nvcodec
from nvcodec.train.config import ValidationConfig, record_of, write_record
from nvcodec.train.data import ClipSampler
from nvcodec.train.export import export_run
from nvcodec.train.networks import JointModel
from nvcodec.train.run import Run

from .test_run import SMALL, same, weights
from .worker import CHOICE, judged

TESTS = Path(__file__).parents[1]
CONFIG = dataclasses.replace(SMALL, steps=22, checkpoint_steps=4)


@pytest.fixture(scope="module")
def whole(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run that nothing disturbed, on one thread as the other processes, so that sums are in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs") / "whole"
    Run(CONFIG, folder, files).train()
    yield folder
    torch.set_num_threads(before)


def worker(*arguments: str | Path, torchrun: bool = False) -> subprocess.CompletedProcess[str]:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if torchrun else []
    command = [sys.executable, *launch, TESTS / "train" / "worker.py", *arguments]
    copy = str(Path(nvcodec.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": copy, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", ["whole", "sharded"])
def test_two_processes_give_the_gradient_of_one(way: str, files: list[Path], whole: Path, tmp_path: Path) -> None:
    clips = ClipSampler(files, CONFIG.data).batch(2, CONFIG.data.frames, torch.Generator().manual_seed(3))
    given, made = tmp_path / "clips.safetensors", tmp_path / "gradient.safetensors"
    save_file({"clips": clips}, given)
    done = worker("rank", whole, way, given, made, torchrun=True)
    assert done.returncode == 0, done.stderr
    together = load_file(made)
    torch.manual_seed(CONFIG.seed)
    model = JointModel(CONFIG)
    for clip in clips.split(1):  # one at a time as the ranks: sums over a batch cancel in another order
        (model(clip, CHOICE, torch.Generator().manual_seed(5), None, 0).loss / 2).backward()
    alone = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert sum(float(gradient.abs().max()) > 0 for gradient in alone.values()) > len(alone) / 2
    if way == "whole":  # which a discriminator always is
        alone |= judged(clips)
    for name, gradient in alone.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(together[name], gradient, rtol=1e-6, atol=1e-6 * scale)


def test_a_sharded_run_that_stopped_goes_on_to_the_same_weights_as_one_file(files: list[Path], tmp_path: Path) -> None:
    measured = ValidationConfig(every=4, frames=5, qualities=(40,))
    config = dataclasses.replace(SMALL, sharded=True, steps=4, checkpoint_steps=1, validation=measured)
    (tmp_path / "like").mkdir()
    write_record(tmp_path / "like", record_of(config, 2, []))
    for folder, stops in (("through", ["4"]), ("halves", ["2", "4"])):
        for stop in stops:
            done = worker("trained", tmp_path / "like", tmp_path / folder, stop, *files, torchrun=True)
            assert done.returncode == 0, done.stderr
    through = weights(tmp_path / "through")
    assert int(through["step"]) == 4
    assert same(through, weights(tmp_path / "halves"))
    rows = [(tmp_path / name / "validation.jsonl").read_text().splitlines()[-1] for name in ("through", "halves")]
    assert json.loads(rows[0])["step"] == 4 and rows[0] == rows[1]
    # the same names and shapes as of a run in one process, so all that reads checkpoints reads this one
    Run(dataclasses.replace(SMALL, steps=1), tmp_path / "alone", files).train()
    alone = weights(tmp_path / "alone")
    assert {k: v.shape for k, v in alone.items() if not k.startswith("optimizer.")} == {
        k: v.shape for k, v in through.items() if not k.startswith("optimizer.")
    }
    tables = [key for key in alone if key.endswith(".table")]  # which no process has a part of: all have the whole
    assert tables and all(torch.equal(alone[key], through[key]) for key in tables)
    counts = [float(value) for key, value in through.items() if key.startswith("optimizer.") and key.endswith(".step")]
    assert max(counts) == 4  # numbers without dimensions come back too
    assert export_run(tmp_path / "through", "sharded", tmp_path, {}).parameters > 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_run_that_was_killed_draws_the_same_loss_curve(files: list[Path], whole: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    died = worker("killed", whole, cut, "11", *files)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert int(weights(cut)["step"]) < 11
    Run(CONFIG, cut, files).train()
    rows = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    curve = {row["step"]: row["loss"] for row in rows}
    again = [json.loads(line) for line in (cut / "log.jsonl").read_text().splitlines()]
    assert sorted(curve) == [10, 20] == sorted({row["step"] for row in again})
    assert all(row["loss"] == curve[row["step"]] for row in again)  # a step done twice, twice the same
    assert same(weights(whole), weights(cut))
