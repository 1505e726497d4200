"""`nvcodec data`: a labelled set made by one command, and what is said of sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from .support import BUNNY, CARPHONE, contents, run, run_well, without

FEW = ("--train", "3", "--validation", "1", "--test", "2", "--size", "32", "--frames", "5")


def test_the_set_is_made_whole_is_listed_and_is_replaced_only_on_demand(tmp_path: Path) -> None:
    made = run_well("data", "moving", "set", *FEW, cwd=tmp_path)
    assert made.text == "set: 60 classes, 3 + 1 + 2 clips\n" and made.err == ""
    listed = run_well("data", "list", "set", "--json", cwd=tmp_path).json
    assert listed["layout"] == "class folders" and len(listed["classes"]) == 60
    assert {split: facts["clips"] for split, facts in listed["splits"].items()} == {
        "train": 3,
        "validation": 1,
        "test": 2,
    }
    right = next(row for row in listed["classes"] if row["name"] == "0-right")
    assert right == {"name": "0-right", "train": 1, "validation": 1, "test": 1}
    again = run("data", "moving", "set", *FEW, cwd=tmp_path)
    assert "set exists already" in again.error and "-f" in again.error
    assert run_well("data", "moving", "set", *FEW, "-f", "--quiet", cwd=tmp_path).out == b""
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_one_s_own_clips_are_listed_by_class_and_split(tmp_path: Path) -> None:
    for place, source in (("train/rabbit/a.mp4", BUNNY), ("train/man/b.mp4", CARPHONE), ("val/man/c.mp4", CARPHONE)):
        path = tmp_path / "mine" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
    lines = run_well("data", "list", "mine", cwd=tmp_path).text.splitlines()
    assert lines[0] == "mine: class folders, 2 classes"
    assert [line.split() for line in lines[1:5]] == [
        ["class", "train", "validation"],
        ["man", "1", "1"],
        ["rabbit", "1", "0"],
        ["all", "2", "1"],
    ]
    assert lines[5:] == ["mine has no folder test; there are train, validation"]


def test_without_scikit_learn_the_way_to_it_is_said(tmp_path: Path) -> None:
    result = run("data", "moving", "set", *FEW, cwd=tmp_path, env=without("sklearn", tmp_path))
    assert "pip install 'nvcodec[data]'" in result.error
    assert set(contents(tmp_path / "hidden")) >= {"sklearn.py"} and not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "gone"), "gone: there is no such folder"),
        (("list", "."), "is no labelled set"),
        (("moving", "no/set"), "there is no folder no"),
        (("moving", "set", "--size", "60"), "a multiple of 8, not 60"),
        (("moving", "set", "--frames", "4"), "1 + 4k, not 4"),
        (("moving", "set", "--backgrounds", "gone"), "gone: there is no such folder"),
    ],
)
def test_what_cannot_be_made_or_listed_is_one_line(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    assert said in run("data", *arguments, cwd=tmp_path).error
    assert list(tmp_path.iterdir()) == []
