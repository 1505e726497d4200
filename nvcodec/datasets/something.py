"""Something-Something v2: `20bn-something-something-v2/ID.webm`, and `labels/` with train.json, validation.json and
labels.json; also the older names, something-something-v2-train.json and so on, beside the videos or in `labels/`.

A clip's class is its template without the brackets ("Holding [something]"). The labels to test on are in
test-answers.csv, in the releases that have it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nvcodec.errors import UnsupportedInput

from .clips import LabelledClip, LabelledSet, read_lines

VIDEOS = "20bn-something-something-v2"
PLACES = ("labels/{}", "{}", "labels/something-something-v2-{}", "something-something-v2-{}")


def recognises(root: Path) -> bool:
    """Whether the videos and the list of classes are there."""
    return (root / VIDEOS).is_dir() and _find(root, "labels.json") is not None


def read(root: Path, split: str) -> LabelledSet:
    """The clips of a split, in the order of the set's list."""
    indices = _load(_needed(root, "labels.json", split), dict)
    try:
        labels = {str(name): int(label) for name, label in indices.items()}
    except (TypeError, ValueError):
        labels = {}
    if sorted(labels.values()) != list(range(len(indices))):
        raise UnsupportedInput(f"{root}: labels.json is broken: it does not number its classes from 0")
    clips, missing = [], 0
    for number, name in _answers(root, split):
        if name not in labels:
            raise UnsupportedInput(f"{root} is broken: {number} is of the class {name!r}, which labels.json has not")
        path = root / VIDEOS / f"{number}.webm"
        if path.is_file():
            clips.append(LabelledClip(path, labels[name]))
        else:
            missing += 1
    return LabelledSet(tuple(sorted(labels, key=labels.__getitem__)), tuple(clips), missing)


def _answers(root: Path, split: str) -> list[tuple[str, str]]:
    """(number, class) of every clip of a split."""
    if split == "test":
        rows = [line.split(";", 1) for line in read_lines(_needed(root, "test-answers.csv", split))]
        return [(row[0], row[1].replace("[", "").replace("]", "")) for row in rows if len(row) == 2]
    path = _needed(root, f"{split}.json", split)
    try:
        return [
            (str(int(entry["id"])), entry["template"].replace("[", "").replace("]", ""))
            for entry in _load(path, list)
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UnsupportedInput(f"{path} is broken: a clip has no id or no template") from None


def _find(root: Path, name: str) -> Path | None:
    return next((path for place in PLACES if (path := root / place.format(name)).is_file()), None)


def _needed(root: Path, name: str, split: str) -> Path:
    path = _find(root, name)
    if path is None:
        raise UnsupportedInput(f"{root} has no {name}, and without it no labels for {split}")
    return path


def _load(path: Path, kind: type) -> Any:
    try:
        values = json.loads("\n".join(read_lines(path)))
    except ValueError as error:
        raise UnsupportedInput(f"{path} is broken: it is not JSON") from error
    if not isinstance(values, kind):
        raise UnsupportedInput(f"{path} is broken: it is not what Something-Something has there")
    return values
