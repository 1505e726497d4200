"""Labelled sets by the folder they lie in: which layout it is, and the clips of a split."""

from __future__ import annotations

from pathlib import Path

from nvcodec.errors import UnsupportedInput

from . import class_folders, imagenet, kinetics, something, ucf101
from .clips import SPLITS, LabelledClip, LabelledSet

__all__ = ["SPLITS", "LabelledClip", "LabelledSet", "layout_of", "open_labelled"]

# In this order: every one of them has folders that might be classes.
LAYOUTS = {
    "UCF-101": ucf101,
    "Kinetics": kinetics,
    "Something-Something": something,
    "ImageNet": imagenet,
    "class folders": class_folders,
}


def layout_of(root: Path) -> str:
    """One of LAYOUTS. Raises UnsupportedInput for a folder that is laid out in no way known here."""
    if not root.is_dir():
        raise UnsupportedInput(f"{root}: there is no such folder")
    for name, layout in LAYOUTS.items():
        if layout.recognises(root):
            return name
    raise UnsupportedInput(
        f"{root} is no labelled set: no folders of clips, one a class, and no {', '.join(list(LAYOUTS)[:-1])}"
    )


def open_labelled(root: Path, split: str = "train") -> LabelledSet:
    """The clips of a split ("train", "validation" or "test") of the set in `root`, in a stable order.

    Labels mean the same in every split. Raises UnsupportedInput when the layout is not known, a list of the set is
    broken, or the split has no clip with a label.
    """
    if split not in SPLITS:
        raise UnsupportedInput(f"there is no split {split!r}; there are {', '.join(SPLITS)}")
    found = LAYOUTS[layout_of(root)].read(root, split)
    if not found.clips:
        gone = f"; {found.missing} are listed but not there" if found.missing else ""
        raise UnsupportedInput(f"{root} has no clips for {split}{gone}")
    return found
