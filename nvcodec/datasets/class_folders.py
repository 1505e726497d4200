"""One folder a class: `ROOT/SPLIT/CLASS/clip.mp4`, or `ROOT/CLASS/clip.mp4` with a split that the names decide."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from nvcodec.errors import UnsupportedInput
from nvcodec.media.formats import STILL_SUFFIXES, VIDEO_SUFFIXES

from .clips import LabelledClip, LabelledSet

SUFFIXES = tuple(VIDEO_SUFFIXES | STILL_SUFFIXES)
FOLDERS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}
TENTHS = ("validation", "test")  # of ten parts the first and the second; the rest is to train on


def recognises(root: Path) -> bool:
    """Whether there are folders with clips in them, at once or below a folder to train on."""
    return any(clips_in(folder) for folder in _classes(_split_folders(root).get("train", root)))


def read(root: Path, split: str) -> LabelledSet:
    """The clips of a split; UnsupportedInput when the set has folders of splits, and none for this one."""
    folders = _split_folders(root)
    if folders and split not in folders:
        raise UnsupportedInput(f"{root} has no folder {split}; there are {', '.join(folders)}")
    parents = list(folders.values()) or [root]
    classes = tuple(sorted({folder.name for parent in parents for folder in _classes(parent)}))
    parent = folders.get(split, root)
    clips = [
        LabelledClip(path, label)
        for label, name in enumerate(classes)
        for path in clips_in(parent / name)
        if folders or split_of(f"{name}/{path.name}") == split
    ]
    return LabelledSet(classes, tuple(clips))


def clips_in(folder: Path) -> list[Path]:
    """The videos and stills in a folder, by name; none where there is no folder."""
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [folder / name for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")]


def split_of(name: str) -> str:
    """The split of "CLASS/clip.mp4" where no folder says it: a tenth each to validate and to test, by its hash."""
    tenth = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % 10
    return TENTHS[tenth] if tenth < len(TENTHS) else "train"


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders of splits, where the set has one to train on."""
    found = {split: root / name for split, names in FOLDERS.items() for name in names if (root / name).is_dir()}
    return found if "train" in found and _classes(found["train"]) else {}


def _classes(parent: Path) -> list[Path]:
    return [path for path in sorted(parent.iterdir()) if path.is_dir() and not path.name.startswith(".")]
