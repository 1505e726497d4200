"""The moving set: handwritten digits that move, turn and grow before photographs, 60 classes, "0-right" to "9-grow".

Everything about a clip follows from the seed, its split and its number, so that more clips change none of the others.
Digits and photographs are dealt to the splits once: what is tested on was never seen in training.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from nvcodec import __version__
from nvcodec.errors import NvcodecError, OutputError, OutputExists
from nvcodec.files import temporary_path
from nvcodec.media import Colour, MediaWriter, Picture, VideoFormat
from nvcodec.sole_writer import sole_writer

from .backgrounds import Background, load_background, photographs_below, shipped_photographs
from .digits import Digits, load_digits
from .drawing import MOTIONS, draw_clip

CLASSES = tuple(f"{digit}-{motion}" for digit in range(10) for motion in MOTIONS)
SPLITS = ("train", "validation", "test")
SHARES = (0.7, 0.1, 0.2)  # of the digits and photographs
VERSION = 2  # of what a seed draws
FRAME_RATE = 25
SMPTE170M = 6
LIST = "set.json"


@dataclass(frozen=True)
class MovingConfig:
    """How many clips of each split, how large and long, and the seed. `size` is a multiple of 8, `frames` is 1 + 4k."""

    train: int = 10000
    validation: int = 1000
    test: int = 2000
    size: int = 64
    frames: int = 17
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.train, self.validation, self.test) < 0 or not self.train + self.validation + self.test:
            raise NvcodecError("a set has one clip or more, and no split fewer than none")
        if not 32 <= self.size <= 512 or self.size % 8:
            raise NvcodecError(f"clips are 32 to 512 pixels a side, a multiple of 8, not {self.size}")
        if not 5 <= self.frames <= 129 or self.frames % 4 != 1:
            raise NvcodecError(f"clips have 5 to 129 frames, 1 + 4k, not {self.frames}")


@dataclass(frozen=True)
class Material:
    """What the clips of one split are drawn from: `digits[d]` are shapes `[N, S, S]` of the digit d."""

    digits: tuple[np.ndarray, ...]
    backgrounds: tuple[Background, ...]


def label_of(number: int) -> int:
    """The class of a split's clip `number`, counted from 0: every class in turn."""
    return number % len(CLASSES)


def deal(config: MovingConfig, digits: Digits, backgrounds: list[Background]) -> dict[str, Material]:
    """Digits and photographs shuffled by the seed and dealt to the splits, none to two.

    Raises NvcodecError when there are fewer photographs than splits.
    """
    if len({background.sha256 for background in backgrounds}) < len(SPLITS):
        raise NvcodecError("there are fewer than three photographs; --backgrounds names a folder of more")
    unique = list({background.sha256: background for background in backgrounds}.values())
    photographs = _shares([unique[i] for i in _random(config.seed, "photographs").permutation(len(unique))])
    shapes: list[list[np.ndarray]] = []
    for digit in range(10):
        own = digits.shapes[digits.labels == digit]
        order = _random(config.seed, f"digit {digit}").permutation(len(own))
        shapes.append([own[part] for part in _shares(list(order))])
    return {
        split: Material(tuple(parts[i] for parts in shapes), tuple(photographs[i])) for i, split in enumerate(SPLITS)
    }


def clip_of(config: MovingConfig, split: str, number: int, material: Material) -> np.ndarray:
    """Clip `number`, from 0, of a split: `[T, S, S, 3]` uint8 RGB."""
    random = _random(config.seed, f"{split} {number}")
    digit, motion = divmod(label_of(number), len(MOTIONS))
    shapes, backgrounds = material.digits[digit], material.backgrounds
    shape, background = shapes[random.integers(len(shapes))], backgrounds[random.integers(len(backgrounds))]
    return draw_clip(shape, MOTIONS[motion], background, config.size, config.frames, random)


def make_moving_set(
    folder: Path,
    config: MovingConfig,
    background_folders: list[Path],
    *,
    force: bool = False,
    watch: Callable[[int], None] | None = None,
) -> None:
    """Writes `folder/SPLIT/CLASS/00001.mp4` and so on, and `folder/set.json`, which says what made them.

    The folder appears whole or not at all. `watch` is told the clips that are done. Raises OutputExists when
    something is there and no `force`, OutputError when it cannot be written or is no moving set to replace.
    """
    check_set_folder(folder, force)
    photographs = shipped_photographs() + [path for each in background_folders for path in photographs_below(each)]
    material = deal(config, load_digits(), [load_background(path, config.size) for path in photographs])
    counts = {split: getattr(config, split) for split in SPLITS}
    done = 0
    whole = Path(os.path.realpath(folder))  # through a symbolic link, whose place the set must not take
    growing, former = temporary_path(whole), temporary_path(whole)
    with sole_writer(whole, folder):
        try:
            for split, count in counts.items():
                for name in CLASSES:
                    (growing / split / name).mkdir(parents=True)
                for number in range(count):
                    path = growing / split / CLASSES[label_of(number)] / f"{number // len(CLASSES) + 1:05}.mp4"
                    write_clip(clip_of(config, split, number, material[split]), path)
                    done += 1
                    if watch is not None:
                        watch(done)
            (growing / LIST).write_text(_description(config, material), encoding="utf-8")
            check_set_folder(folder, force)  # again: that took minutes
            if whole.exists():
                whole.rename(former)
            growing.rename(whole)
        except OSError as error:
            raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from error
        finally:
            for remains in (growing, former):
                shutil.rmtree(remains, ignore_errors=True)


def check_set_folder(folder: Path, force: bool) -> None:
    """Raises OutputExists or OutputError when `folder` cannot become a set; with `force` it may be one already."""
    if not folder.absolute().parent.is_dir():
        raise OutputError(f"{folder}: there is no folder {folder.parent}")
    if folder.exists() and not force:
        raise OutputExists(f"{folder} exists already")
    if folder.exists() and not (folder / LIST).is_file():  # nothing else is deleted
        raise OutputError(f"{folder} is no moving set, for it has no {LIST}; -f replaces none but those")


def write_clip(clip: np.ndarray, path: Path) -> None:
    """`[T, S, S, 3]` RGB as H.264 with BT.601 colour."""
    size = clip.shape[1]
    colour = Colour(primaries=SMPTE170M, transfer=SMPTE170M, matrix=SMPTE170M)
    video = VideoFormat(size, size, Fraction(1, FRAME_RATE), Fraction(FRAME_RATE), colour=colour)
    with MediaWriter(path, video, threads=1) as out:
        for time, (y, u, v) in enumerate(zip(*to_planes(clip), strict=True)):
            out.write(Picture(time, y, u, v, 1))


def to_planes(clip: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RGB `[T, S, S, 3]` to 4:2:0 planes y `[T, S, S]`, u and v `[T, S/2, S/2]` in limited range (BT.601)."""
    rgb = clip.astype(np.float32) / 255
    y = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    t, s, _ = y.shape
    means = np.stack([(rgb[..., 2] - y) / 1.772, (rgb[..., 0] - y) / 1.402])
    means = means.reshape(2, t, s // 2, 2, s // 2, 2).mean((3, 5))  # [2, T, S/2, S/2]
    u, v = np.rint(128 + 224 * means).astype(np.uint8)
    return np.rint(16 + 219 * y).astype(np.uint8), u, v


def _random(seed: int, purpose: str) -> np.random.Generator:
    """Numbers of their own for every purpose."""
    return np.random.default_rng([seed, *purpose.encode()])


def _shares(items: list) -> list[list]:
    """The items in three parts in proportion to SHARES, each of one at least."""
    test = max(1, round(SHARES[2] * len(items)))
    validation = max(1, round(SHARES[1] * len(items)))
    train = len(items) - validation - test
    return [items[:train], items[train : train + validation], items[train + validation :]]


def _description(config: MovingConfig, material: dict[str, Material]) -> str:
    """set.json."""
    facts = {
        "set": "moving",
        "version": VERSION,
        "nvcodec": __version__,
        **asdict(config),
        "classes": CLASSES,
        "digits": {split: [len(shapes) for shapes in each.digits] for split, each in material.items()},
        "backgrounds": {
            split: [{"name": ground.name, "sha256": ground.sha256} for ground in each.backgrounds]
            for split, each in material.items()
        },
        "sources": "digits: UCI Optical Recognition of Handwritten Digits, as scikit-learn ships them",
    }
    return json.dumps(facts, indent=1) + "\n"
