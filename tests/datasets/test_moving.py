"""The moving set: the same for the same seed, fair between its splits, and showing what its classes say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nvcodec.datasets import moving, open_labelled, read_clip
from nvcodec.datasets.backgrounds import Background, load_background, shipped_photographs
from nvcodec.datasets.digits import SIDE, Digits, load_digits
from nvcodec.datasets.drawing import MOTIONS, draw_clip, draw_path, masks
from nvcodec.datasets.moving import CLASSES, SPLITS, Material, MovingConfig, clip_of, deal, make_moving_set
from nvcodec.errors import NvcodecError, OutputError, OutputExists, UnsupportedInput

from .samples import touch, write_still

SMALL = MovingConfig(train=13, validation=3, test=5, size=32, frames=5)


@pytest.fixture(scope="module")
def digits() -> Digits:
    return load_digits()


@pytest.fixture(scope="module")
def backgrounds() -> list[Background]:
    return [load_background(path, SMALL.size) for path in shipped_photographs()]


@pytest.fixture(scope="module")
def material(digits: Digits, backgrounds: list[Background]) -> dict[str, Material]:
    return deal(SMALL, digits, backgrounds)


@pytest.fixture
def loaded_once(digits: Digits, backgrounds: list[Background], monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets are made of digits and photographs that are there already, for loading them takes longer than drawing."""
    there = dict(zip(shipped_photographs(), backgrounds, strict=True))
    monkeypatch.setattr(moving, "load_digits", lambda: digits)
    monkeypatch.setattr(moving, "load_background", lambda path, size: there[path])


def test_every_split_has_every_digit_and_none_has_another_s(material: dict[str, Material]) -> None:
    seen: set[bytes] = set()
    for digit in range(10):
        shapes = [{shape.tobytes() for shape in material[split].digits[digit]} for split in SPLITS]
        assert len(shapes[0]) > 100 and min(map(len, shapes)) > 10
        union = set().union(*shapes)
        assert len(union) == sum(map(len, shapes)) and not union & seen
        seen |= union


def test_no_photograph_is_in_two_splits_even_under_two_names(digits: Digits, tmp_path: Path) -> None:
    for number in range(5):
        write_still(tmp_path / f"{number}.jpg", 50 * number)
        write_still(tmp_path / f"again-{number}.jpg", 50 * number)
    dealt = deal(SMALL, digits, [load_background(path, 32) for path in sorted(tmp_path.iterdir())])
    hashes = [background.sha256 for split in SPLITS for background in dealt[split].backgrounds]
    assert len(hashes) == len(set(hashes)) == 5
    with pytest.raises(NvcodecError, match="fewer than three photographs"):
        deal(SMALL, digits, [load_background(tmp_path / f"{n}.jpg", 32) for n in ("0", "again-0", "1")])


def test_a_clip_follows_from_seed_split_and_number_alone(material: dict[str, Material]) -> None:
    clip = clip_of(SMALL, "train", 7, material["train"])
    assert clip.shape == (5, 32, 32, 3) and clip.dtype == np.uint8
    assert np.array_equal(clip, clip_of(replace(SMALL, train=999, test=0), "train", 7, material["train"]))
    others = [clip_of(replace(SMALL, seed=2), "train", 7, material["train"])]
    others += [clip_of(SMALL, "test", 7, material["train"]), clip_of(SMALL, "train", 67, material["train"])]
    assert all(not np.array_equal(clip, other) for other in others)


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_digit_moves_as_its_class_says_and_stays_in_the_picture(motion: str, digits: Digits) -> None:
    y, x = np.mgrid[:64, :64]
    for seed in range(40):
        path = draw_path(motion, 64, 9, np.random.default_rng(seed))
        ink, _ = masks(digits.shapes[seed], path, 64)  # [T, S, S]
        mass = ink.sum((1, 2))
        across, down = (np.diff((ink * place).sum((1, 2)) / mass) for place in (x, y))
        growth = mass[-1] / mass[0]
        if motion in ("right", "left", "up", "down"):
            along, other = (across, down) if motion in ("right", "left") else (down, across)
            sign = 1 if motion in ("right", "down") else -1
            assert (sign * along > 1.5).all() and np.abs(other).max() < 0.3 and 0.9 < growth < 1.1
            assert mass.min() > 0.97 * mass.max()  # hardly any of it is beyond the edge
        elif motion == "grow":
            assert growth > 3.5 and (np.diff(mass) > 0).all()
        else:
            assert 0.9 < growth < 1.1 and np.abs(across.sum()) + np.abs(down.sum()) < 16


def test_turning_is_clockwise_as_it_is_seen() -> None:
    hand = np.zeros((SIDE, SIDE), np.float32)
    hand[4 : SIDE // 2, SIDE // 2 - 3 : SIDE // 2 + 3] = 1  # a clock's, at twelve
    path = draw_path("turn", 64, 9, np.random.default_rng(0))
    ink, _ = masks(hand, path, 64)
    y, x = np.mgrid[:64, :64] + 0.5
    right, up = ((ink * place).sum((1, 2)) / ink.sum((1, 2)) for place in (x - path.x[0], path.y[0] - y))
    degrees = np.rad2deg(np.unwrap(np.arctan2(right, up)))
    assert abs(degrees[0]) < 15 and (np.diff(degrees) > 0).all() and 95 < degrees[-1] - degrees[0] < 165


def test_a_digit_is_brighter_than_any_photograph_behind_it(digits: Digits, backgrounds: list[Background]) -> None:
    for seed, background in enumerate(backgrounds):
        shapes = digits.shapes[seed], np.zeros((SIDE, SIDE), np.float32)
        with_digit, without = (
            draw_clip(shape, MOTIONS[seed % 6], background, 32, 9, np.random.default_rng(seed)) for shape in shapes
        )
        bright = with_digit.max(-1) >= 225  # [T, S, S]
        assert without.max() < 200 and 0.01 < bright.mean((1, 2)).min() <= bright.mean((1, 2)).max() < 0.4


@pytest.mark.usefixtures("loaded_once")
def test_the_set_is_read_as_it_was_drawn(material: dict[str, Material], tmp_path: Path) -> None:
    told: list[int] = []
    make_moving_set(tmp_path / "set", SMALL, [], watch=told.append)
    assert told == list(range(1, 22))
    facts = json.loads((tmp_path / "set" / "set.json").read_text())
    assert (facts["seed"], facts["train"], facts["size"], facts["classes"]) == (1, 13, 32, list(CLASSES))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]
    for split, count in (("train", 13), ("validation", 3), ("test", 5)):
        found = open_labelled(tmp_path / "set", split)
        assert found.classes == tuple(sorted(CLASSES)) and len(found.clips) == count
        for number in range(count):
            (clip,) = (clip for clip in found.clips if found.classes[clip.label] == CLASSES[number])
            y, _, _ = moving.to_planes(clip_of(SMALL, split, number, material[split]))
            luma = read_clip(clip, 5, 32)[:, :4]  # [T, 4, S/2, S/2]
            error = np.stack([y[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1).astype(float) - luma
            assert 10 * np.log10(255**2 / np.mean(error**2)) > 40


@pytest.mark.usefixtures("loaded_once")
def test_the_same_command_makes_the_same_files_and_more_clips_change_none(tmp_path: Path) -> None:
    for name, config in (("one", SMALL), ("two", replace(SMALL, train=16))):
        make_moving_set(tmp_path / name, config, [])
    one, two = (
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.mp4")}
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    assert len(one) == 21 and len(two) == 24 and one.items() <= two.items()


@pytest.mark.usefixtures("loaded_once")
def test_nothing_but_a_moving_set_is_replaced(tmp_path: Path) -> None:
    make_moving_set(tmp_path / "set", replace(SMALL, train=2), [])
    with pytest.raises(OutputExists):
        make_moving_set(tmp_path / "set", SMALL, [])
    make_moving_set(tmp_path / "set", replace(SMALL, train=1), [], force=True)
    assert len(open_labelled(tmp_path / "set").clips) == 1
    touch(tmp_path / "holiday" / "film.mp4")
    with pytest.raises(OutputError, match=r"no moving set, for it has no set\.json"):
        make_moving_set(tmp_path / "holiday", SMALL, [], force=True)
    with pytest.raises(OutputError, match="there is no folder"):
        make_moving_set(tmp_path / "no" / "set", SMALL, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["holiday", "set"]


@pytest.mark.usefixtures("loaded_once")
def test_what_is_interrupted_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    make_moving_set(tmp_path / "set", replace(SMALL, train=2), [])

    def interrupt(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_moving_set(tmp_path / "set", SMALL, [], force=True, watch=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert len(open_labelled(tmp_path / "set").clips) == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"size": 36}, "a multiple of 8, not 36"),
        ({"size": 1024}, "32 to 512 pixels"),
        ({"frames": 16}, "1 [+] 4k, not 16"),
        ({"train": 0, "validation": 0, "test": 0}, "one clip or more"),
    ],
)
def test_a_set_that_cannot_be_is_refused(changed: dict[str, int], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        replace(SMALL, **changed)


def test_backgrounds_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnsupportedInput, match=r"broken\.jpg is not a picture"):
        load_background(tmp_path / "broken.jpg", 32)
    with pytest.raises(UnsupportedInput, match="no photographs"):
        make_moving_set(tmp_path / "set", SMALL, [tmp_path / "empty"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.jpg", "empty"]
