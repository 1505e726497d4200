"""ImageNet (ILSVRC 2012): `ILSVRC/Data/CLS-LOC/train/n01440764/*.JPEG`, stills in folders of their classes.

What the stills of `val/` show is told by LOC_val_solution.csv beside ILSVRC, by the devkit
(`ILSVRC2012_devkit_t12/data/`), or by folders such as train has. Classes are called by their WordNet numbers, which,
unlike their words, are unique. The labels to test on were never published.
"""

from __future__ import annotations

from pathlib import Path

from nvcodec.errors import UnsupportedInput

from .class_folders import clips_in
from .clips import LabelledClip, LabelledSet, read_lines

PICTURES = Path("Data") / "CLS-LOC"
SOLUTION = "LOC_val_solution.csv"
DEVKIT = Path("ILSVRC2012_devkit_t12") / "data"


def recognises(root: Path) -> bool:
    """Whether the pictures to train on are where ImageNet has them; `root` may be ILSVRC itself."""
    return (_pictures(root) / "train").is_dir()


def read(root: Path, split: str) -> LabelledSet:
    """The stills of a split; UnsupportedInput for "test", and where nothing tells the labels of val."""
    pictures = _pictures(root)
    classes = tuple(sorted(path.name for path in (pictures / "train").iterdir() if path.is_dir()))
    if split == "test":
        raise UnsupportedInput(f"{root}: ImageNet has no labels to test on; validation has some")
    folder = pictures / ("train" if split == "train" else "val")
    if split == "train" or any((folder / name).is_dir() for name in classes):
        clips = [LabelledClip(path, i) for i, name in enumerate(classes) for path in clips_in(folder / name)]
        return LabelledSet(classes, tuple(clips))
    return _validation(root, folder, classes)


def _pictures(root: Path) -> Path:
    return next((root / top / PICTURES for top in ("ILSVRC", ".") if (root / top / PICTURES).is_dir()), root / PICTURES)


def _validation(root: Path, folder: Path, classes: tuple[str, ...]) -> LabelledSet:
    answers = None
    for place in (root, folder.parents[2], folder.parents[3]):
        if answers is None and (place / SOLUTION).is_file():
            answers = _from_solution(place / SOLUTION)
        if answers is None and (place / DEVKIT).is_dir():
            answers = _from_devkit(place / DEVKIT)
    if answers is None:
        raise UnsupportedInput(f"{root} has neither {SOLUTION} nor {DEVKIT.as_posix()}, which tell the labels of val")
    labels = {name: label for label, name in enumerate(classes)}
    clips, missing = [], 0
    for name, wordnet in sorted(answers.items()):
        path = folder / f"{name}.JPEG"
        if wordnet in labels and path.is_file():
            clips.append(LabelledClip(path, labels[wordnet]))
        else:
            missing += 1
    return LabelledSet(classes, tuple(clips), missing)


def _from_solution(path: Path) -> dict[str, str]:
    """Name of a still to its class: "ILSVRC2012_val_00048981,n03995372 85 1 499 272", the class of the first box."""
    rows = [line.split(",", 1) for line in read_lines(path)[1:]]
    if not all(len(row) == 2 and row[1].strip() for row in rows):
        raise UnsupportedInput(f"{path} is broken: a line is not a picture and its boxes")
    return {name: boxes.split()[0] for name, boxes in rows}


def _from_devkit(folder: Path) -> dict[str, str]:
    """The same from a list of numbers, one a still, and meta.mat, which says of which class each number is."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    truth, meta = folder / "ILSVRC2012_validation_ground_truth.txt", folder / "meta.mat"
    numbers = read_lines(truth)
    try:
        synsets = loadmat(str(meta), squeeze_me=True)["synsets"]
        names = {int(entry["ILSVRC2012_ID"]): str(entry["WNID"]) for entry in synsets}
        return {f"ILSVRC2012_val_{i:08}": names[int(number)] for i, number in enumerate(numbers, start=1)}
    except (MatReadError, OSError, ValueError, KeyError, TypeError, IndexError, NotImplementedError) as error:
        raise UnsupportedInput(f"{meta} and {truth.name} do not tell the labels of val") from error
