"""A run of the language model: it learns, and goes on exactly where it stood, in one process or several."""

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
from safetensors.torch import load_file
from torch import Tensor

import nvcodec
from nvcodec.errors import NvcodecError
from nvcodec.generate.transformer import TokenTransformer
from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.labelled import LabelledValidationConfig
from nvcodec.train.lm_export import export_lm
from nvcodec.train.lm_run import begin_classes, measured
from nvcodec.train.log import RunLog
from nvcodec.train.start import averaged_weights

from .lm_worker import SMALL, begun, some_clips
from .test_run import same, weights

OBJECTIVES = pytest.mark.parametrize("objective", ["masked", "next"])
# Nothing is drawn but the clips, and those are the same however many processes there are.
PLAIN = dataclasses.replace(
    SMALL,
    objective="next",
    class_dropout=0.0,
    still_share=0.0,
    muon=0.0,
    model=dataclasses.replace(SMALL.model, dropout=0.0),
    steps=1,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the other processes, so that sums are in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows(folder: Path, name: str = "log") -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def worker(*arguments: str | Path, torchrun: bool = False) -> subprocess.CompletedProcess[str]:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if torchrun else []
    command = [sys.executable, *launch, "-m", "tests.train.lm_worker", *arguments]
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(Path(nvcodec.__file__).parents[1]), str(root)])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)


@OBJECTIVES
def test_a_run_learns_the_clips_that_it_sees(objective: str, tmp_path: Path) -> None:
    config = dataclasses.replace(
        PLAIN, objective=objective, given_share=0.0, batch=4, steps=120, learning_rate=1e-2, log_steps=1
    )
    begun(config, tmp_path, some_clips(2)).train()
    bits = [row["bits"] for row in rows(tmp_path)]
    assert bits[0] > 15 and max(bits[-10:]) < 5


def test_classes_of_common_parts_begin_alike(tmp_path: Path) -> None:
    transformer = begun(SMALL, tmp_path).model
    transformer.classes = torch.nn.Embedding(7, 64)
    none = transformer.classes.weight[6].clone()
    begin_classes(transformer, tuple(f"{digit}-{motion}" for digit in range(3) for motion in ("left", "right")))
    rows = transformer.classes.weight.detach()[:6].reshape(3, 2, -1)
    moved = rows[:, 1] - rows[:, 0]
    torch.testing.assert_close(moved, moved[:1].expand(3, -1))
    assert float((rows[0, 0] - rows[1, 0]).norm()) > 0.3 and float(moved[0].norm()) > 0.3
    assert float(rows.std()) == pytest.approx(0.1, rel=0.3)
    assert torch.equal(transformer.classes.weight[6], none)


@OBJECTIVES
def test_stills_are_the_first_latent_frames_and_nothing_else(objective: str, tmp_path: Path) -> None:
    config = dataclasses.replace(
        PLAIN, objective=objective, given_share=0.0, batch=4, steps=120, learning_rate=1e-2, still_share=1.0
    )
    run = begun(config, tmp_path, some_clips(2))
    run.train()
    bits = rows(tmp_path)[-1]["bits"]
    assert bits < 5
    assert measured(run, some_clips(2))["predicted"] > 15


@OBJECTIVES
def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(objective: str, tmp_path: Path) -> None:
    class Cut(Exception):
        pass

    def cut(step: int) -> None:
        if step == 5:
            raise Cut

    config = dataclasses.replace(SMALL, objective=objective, steps=8)
    begun(config, tmp_path / "whole").train()
    with pytest.raises(Cut):
        begun(config, tmp_path / "cut").train(cut)
    torch.rand(7)  # whatever else draws from the numbers that dropout draws from
    rest = begun(config, tmp_path / "cut")
    assert rest.step == 4
    rest.train()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_run_that_was_killed_draws_the_same_loss_curve(tmp_path: Path) -> None:
    begun(SMALL, tmp_path / "whole").train()
    died = worker("killed", tmp_path / "cut", "7")
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert int(weights(tmp_path / "cut")["step"]) == 4
    begun(SMALL, tmp_path / "cut").train()
    curve = {row["step"]: row["loss"] for row in rows(tmp_path / "whole")}
    again = rows(tmp_path / "cut")
    assert sorted(curve) == [3, 6, 9, 12] and [row["step"] for row in again] == [3, 6, 6, 9, 12]
    assert all(row["loss"] == curve[row["step"]] for row in again)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def gradient(folder: Path) -> dict[str, torch.Tensor]:
    """Of a run's first step, as Adam's first moment keeps it: its step itself makes much of rounding."""
    return {key: value for key, value in weights(folder).items() if key.endswith(".exp_avg")}


def assert_same_gradient(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one and one.keys() == other.keys()
    largest = max(float(value.abs().max()) for value in one.values())
    for key, value in one.items():
        torch.testing.assert_close(other[key], value, rtol=1e-4, atol=1e-6 * largest)


@pytest.mark.parametrize("sharded", ["false", "true"])
def test_two_processes_learn_what_one_does_of_twice_the_batch(sharded: str, tmp_path: Path) -> None:
    begun(dataclasses.replace(PLAIN, batch=4), tmp_path / "one").train()
    plain = ["objective=next", "class_dropout=0", "still_share=0", "model.dropout=0", "muon=0", "steps=1"]
    plain.append(f"sharded={sharded}")
    done = worker("trained", tmp_path / "two", *plain, "validation.every=1", torchrun=True)
    assert done.returncode == 0, done.stderr
    assert_same_gradient(gradient(tmp_path / "one"), gradient(tmp_path / "two"))
    assert [row["step"] for row in rows(tmp_path / "two", "validation")] == [1]


def test_batches_that_are_added_up_give_the_gradient_of_one_as_large(tmp_path: Path) -> None:
    begun(dataclasses.replace(PLAIN, batch=4), tmp_path / "one").train()
    begun(dataclasses.replace(PLAIN, batch=2, accumulate=2), tmp_path / "parts").train()
    begun(dataclasses.replace(PLAIN, batch=2), tmp_path / "half").train()
    assert_same_gradient(gradient(tmp_path / "one"), gradient(tmp_path / "parts"))
    with pytest.raises(AssertionError):
        assert_same_gradient(gradient(tmp_path / "one"), gradient(tmp_path / "half"))


@OBJECTIVES
def test_measuring_is_the_same_each_time_and_changes_nothing_that_is_learnt(objective: str, tmp_path: Path) -> None:
    config = dataclasses.replace(SMALL, objective=objective, steps=4)
    begun(config, tmp_path / "alone").train()
    often = dataclasses.replace(config, validation=LabelledValidationConfig(every=2, clips=3))
    run = begun(often, tmp_path / "measured")
    run.train()
    assert same(weights(tmp_path / "alone"), weights(tmp_path / "measured"))
    said = rows(tmp_path / "measured", "validation")
    assert [row["step"] for row in said] == [2, 4]
    assert all(15 < row[name] < 25 for row in said for name in ("all", "predicted"))
    run.measure(RunLog(tmp_path / "measured", run.step))
    assert rows(tmp_path / "measured", "validation")[-1] == said[-1]


def test_a_still_has_nothing_to_predict(tmp_path: Path) -> None:
    config = dataclasses.replace(SMALL, frames=1, steps=2, validation=LabelledValidationConfig(every=2))
    stills = dataclasses.replace(some_clips(), tokens=some_clips().tokens[:, :1])
    run = begun(config, tmp_path, stills)
    assert run.held_out is not None
    run.held_out = dataclasses.replace(run.held_out, tokens=run.held_out.tokens[:, :1])
    run.train()
    assert set(rows(tmp_path, "validation")[0]) == {"step", "all"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"objective": "next"}, "objective was 'masked' and is 'next'"), ({"seed": 2}, "seed was 1 and is 2")],
)
def test_a_run_goes_on_longer_but_not_as_another(changes: dict[str, object], said: str, tmp_path: Path) -> None:
    config = dataclasses.replace(SMALL, steps=1)
    begun(config, tmp_path).train()
    with pytest.raises(NvcodecError, match=said):
        begun(dataclasses.replace(config, **changes), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(NvcodecError, match="other data"):
        begun(config, tmp_path, some_clips(key="quite others"))
    begun(dataclasses.replace(config, steps=2), tmp_path).train()
    assert int(load_file(tmp_path / CHECKPOINT)["step"]) == 2


def test_a_run_may_start_from_what_one_of_the_other_objective_has_learnt(tmp_path: Path) -> None:
    begun(dataclasses.replace(SMALL, objective="next", steps=4), tmp_path / "next").train()
    learnt, steps = averaged_weights(tmp_path / "next" / CHECKPOINT)
    run = begun(SMALL, tmp_path / "masked", start=tmp_path / "next")
    assert steps == 4 and run.step == 0 and same(run.model.state_dict(), learnt)
    assert not same(begun(SMALL, tmp_path / "anew").model.state_dict(), learnt)
    run.train()
    record = json.loads((tmp_path / "masked" / "config.json").read_text())
    assert record["start"]["steps"] == 4 and record["start"]["configuration"]["objective"] == "next"
    begun(dataclasses.replace(SMALL, steps=13), tmp_path / "masked")  # which goes on, and keeps the record
    assert json.loads((tmp_path / "masked" / "config.json").read_text())["start"] == record["start"]


def test_a_model_told_what_is_around_goes_on_from_one_told_what_is_before_as_if_it_were_that(tmp_path: Path) -> None:
    begun(dataclasses.replace(SMALL, objective="next", steps=4), tmp_path / "next").train()
    same_sides = begun(SMALL, tmp_path / "masked", start=tmp_path / "next")
    config = dataclasses.replace(SMALL, model=dataclasses.replace(SMALL.model, around=True))
    run = begun(config, tmp_path / "around", start=tmp_path / "next")
    tokens = torch.randint(1 << 18, (2, 18), generator=torch.Generator().manual_seed(1))
    masked = torch.arange(18).expand(2, -1) % 3 == 0

    def states(model: TokenTransformer) -> Tensor:
        with torch.no_grad():
            return model.eval().all_at_once(tokens, masked, torch.tensor([0, 1]), (2, 3, 3))

    torch.testing.assert_close(states(run.model), states(same_sides.model), rtol=1e-4, atol=1e-5)
    run.train()
    assert bool(run.model.state_dict()["neighbours.mix.weight"][:, -32:].any())  # what is new has learnt something
    with pytest.raises(NvcodecError, match="it has other sizes"):
        begun(SMALL, tmp_path / "back", start=tmp_path / "around")


def test_a_run_may_start_from_an_exported_model(tmp_path: Path) -> None:
    begun(dataclasses.replace(SMALL, steps=1), tmp_path / "small").train()
    learnt, _ = averaged_weights(tmp_path / "small" / CHECKPOINT)
    model = export_lm(tmp_path / "small", "small", tmp_path, {})
    run = begun(SMALL, tmp_path / "on", start=model.path)
    record = json.loads((tmp_path / "on" / "config.json").read_text())
    assert record["start"] == {"name": "small", "sha256": model.sha256}
    for key, value in run.model.state_dict().items():
        torch.testing.assert_close(value, learnt[key], rtol=0, atol=float(learnt[key].abs().max()) / 127)


def test_a_run_does_not_start_from_one_of_other_sizes(tmp_path: Path) -> None:
    begun(dataclasses.replace(SMALL, steps=1), tmp_path / "small").train()
    larger = dataclasses.replace(SMALL, model=dataclasses.replace(SMALL.model, layers=3))
    with pytest.raises(NvcodecError, match="it has other sizes, classes or tokens"):
        begun(larger, tmp_path / "larger", start=tmp_path / "small")
    with pytest.raises(NvcodecError, match="nowhere"):
        begun(SMALL, tmp_path / "other", start=tmp_path / "nowhere")


def test_matrices_decay_and_nothing_else_does(tmp_path: Path) -> None:
    run = begun(PLAIN, tmp_path)
    matrices, others = run.optimizer.param_groups
    assert (matrices["weight_decay"], others["weight_decay"]) == (SMALL.weight_decay, 0.0)
    assert all(p.dim() > 1 for p in matrices["params"]) and all(p.dim() <= 1 for p in others["params"])
    count = len(matrices["params"]) + len(others["params"])
    assert count == len(list(run.model.parameters()))


def test_muon_learns_the_matrices_within_at_a_rate_of_its_own(tmp_path: Path) -> None:
    run = begun(dataclasses.replace(PLAIN, muon=3.0, steps=1), tmp_path)
    *others, within = run.optimizer.param_groups
    names = {id(p): name for name, p in run.model.named_parameters()}
    chosen = {names[id(p)] for p in within["params"]}
    assert "neighbours.mix.weight" in chosen and "blocks.1.up.weight" in chosen
    assert not any(name.startswith(("vocabulary", "classes", "positions")) or "bias" in name for name in chosen)
    assert sum(len(group["params"]) for group in others) + len(chosen) == len(names)
    before = {name: p.detach().clone() for name, p in run.model.named_parameters()}
    run.train()
    rate = run.optimizer.param_groups[0]["lr"]
    assert within["lr"] == pytest.approx(3 * rate) and rate > 0
    matrix = "blocks.0.up.weight"
    step = run.model.get_parameter(matrix).detach() - (1 - within["lr"] * PLAIN.weight_decay) * before[matrix]
    # nearly orthogonal, and as large as AdamW's steps are: 0.2 each, times the rate
    assert float(step.square().mean().sqrt()) == pytest.approx(0.2 * within["lr"], rel=0.3)
    singular = torch.linalg.svdvals(step)
    assert float(singular.max() / singular.median()) < 2
