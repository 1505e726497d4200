"""Kinetics-600 (400 and 700 too): lists `label,youtube_id,time_start,time_end,split`, and clips cut from the videos.

The clips are `ID_000012_000022.mp4`, named by the video and the seconds they are cut from, in any folders below the
set's; a video that is whole, `ID.mp4`, is read from its time range. Videos vanish from where they came from, so a clip
that is listed and not there is counted and left out.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

from nvcodec.errors import UnsupportedInput

from .clips import LabelledClip, LabelledSet, read_lines

COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")
SPLIT_NAMES = {"train": "train", "val": "validation", "validate": "validation", "validation": "validation"}
SPLIT_NAMES |= {"test": "test"}
SUFFIXES = (".mp4", ".mkv", ".webm", ".avi")


def recognises(root: Path) -> bool:
    """Whether there is a list with the columns of Kinetics."""
    return bool(_lists(root))


def read(root: Path, split: str) -> LabelledSet:
    """The clips of a split, in the order of the lists."""
    rows = [row for path in _lists(root) for row in _rows(path)]
    classes = tuple(sorted({row["label"] for row in rows}))
    labels = {name: label for label, name in enumerate(classes)}
    files = _videos(root)
    clips, missing = [], 0
    for row in rows:
        if SPLIT_NAMES.get(row["split"]) != split:
            continue
        video, start_s, end_s = row["youtube_id"], float(row["time_start"]), float(row["time_end"])
        label, cut = labels[row["label"]], files.get(f"{video}_{int(start_s):06}_{int(end_s):06}")
        if cut is not None:
            clips.append(LabelledClip(cut, label))
        elif video in files:
            clips.append(LabelledClip(files[video], label, start_s, end_s))
        else:
            missing += 1
    return LabelledSet(classes, tuple(clips), missing)


def _lists(root: Path) -> list[Path]:
    """The lists, beside the videos or in a folder."""
    found = sorted([*root.glob("*.csv"), *root.glob("*/*.csv")])
    return [path for path in found if set(COLUMNS) <= set(_header(path))]


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            return next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows that have a label; lists to test on were first published without."""
    rows = [row for row in csv.DictReader(read_lines(path)) if row["label"]]
    for row in rows:
        try:
            start_s, end_s = float(row["time_start"]), float(row["time_end"])
            if not 0 <= start_s < end_s < 1e6:
                raise ValueError
        except (TypeError, ValueError):
            raise UnsupportedInput(f"{path} is broken: {row['youtube_id']} has no time range") from None
    return rows


def _videos(root: Path) -> dict[str, Path]:
    """Every video below `root` by its name without suffix."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in SUFFIXES:
                found.setdefault(stem, Path(folder) / name)
    return found
