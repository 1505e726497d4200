"""UCF-101: `UCF-101/CLASS/v_CLASS_g01_c01.avi`, and its first of three splits in `ucfTrainTestlist/`.

The set has no split to validate on: the last two of its 18 groups of training clips are that here, for the clips of a
group are cut from one video (Soomro et al. 2012, section 2).
"""

from __future__ import annotations

import re
from pathlib import Path

from nvcodec.errors import UnsupportedInput

from .clips import LabelledClip, LabelledSet, read_lines

VIDEOS, LISTS = "UCF-101", "ucfTrainTestlist"
GROUP = re.compile(r"_g(\d+)_c\d+\.avi$")
VALIDATION_GROUPS = ("24", "25")


def recognises(root: Path) -> bool:
    """Whether both folders are there."""
    return (root / VIDEOS).is_dir() and (root / LISTS / "classInd.txt").is_file()


def read(root: Path, split: str) -> LabelledSet:
    """The clips of a split, in the order of the set's list."""
    lists = root / LISTS
    indices = [line.split() for line in read_lines(lists / "classInd.txt")]
    if not all(len(parts) == 2 for parts in indices):
        raise UnsupportedInput(f"{lists / 'classInd.txt'} is broken: a line is not a number and a class")
    classes = tuple(name for _, name in indices)
    labels = {name: label for label, name in enumerate(classes)}
    clips, missing = [], 0
    for line in read_lines(lists / ("testlist01.txt" if split == "test" else "trainlist01.txt")):
        name = line.split()[0]  # in lists to train on, the class's number follows
        if split != "test" and (split == "validation") != _validates(name):
            continue
        label, path = labels.get(name.partition("/")[0]), root / VIDEOS / name
        if label is None:
            raise UnsupportedInput(f"{lists} is broken: {name} is of no class of classInd.txt")
        if path.is_file():
            clips.append(LabelledClip(path, label))
        else:
            missing += 1
    return LabelledSet(classes, tuple(clips), missing)


def _validates(name: str) -> bool:
    group = GROUP.search(name)
    return group is not None and group[1] in VALIDATION_GROUPS
