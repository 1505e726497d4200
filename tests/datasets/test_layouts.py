"""Sets as their owners store them: which clips are in which split, and of which class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nvcodec.datasets import LabelledSet, open_labelled, read_clip
from nvcodec.datasets.labelled import layout_of
from nvcodec.errors import UnsupportedInput

from .samples import touch, write_still, write_video


def listed(found: LabelledSet) -> list[tuple[str, str]]:
    """(file, class) of every clip."""
    return [(clip.path.name, found.classes[clip.label]) for clip in found.clips]


def assert_readable(found: LabelledSet) -> None:
    for clip in found.clips:
        assert read_clip(clip, 5, 32).shape == (5, 6, 16, 16)


# Class folders


def test_folders_of_splits_hold_folders_of_classes(tmp_path: Path) -> None:
    write_video(tmp_path / "train" / "run" / "b.mp4")
    write_video(tmp_path / "train" / "run" / "a.avi")
    write_still(tmp_path / "val" / "jump" / "c.JPG")
    touch(tmp_path / "train" / "run" / "notes.txt", tmp_path / "train" / "run" / ".hidden.mp4")
    touch(tmp_path / "train" / ".cache" / "d.mp4")
    train, validation = open_labelled(tmp_path), open_labelled(tmp_path, "validation")
    assert layout_of(tmp_path) == "class folders"
    assert train.classes == validation.classes == ("jump", "run")
    assert listed(train) == [("a.avi", "run"), ("b.mp4", "run")]
    assert listed(validation) == [("c.JPG", "jump")]
    assert_readable(train)
    assert_readable(validation)
    with pytest.raises(UnsupportedInput, match="no folder test; there are train, validation"):
        open_labelled(tmp_path, "test")


def test_without_folders_of_splits_names_decide_once_and_for_all(tmp_path: Path) -> None:
    touch(*(tmp_path / name / f"{i:03}.mp4" for name in ("run", "jump") for i in range(200)))
    splits = {split: set(listed(open_labelled(tmp_path, split))) for split in ("train", "validation", "test")}
    counts = {split: len(clips) for split, clips in splits.items()}
    assert sum(counts.values()) == len(set().union(*splits.values())) == 400
    assert 280 < counts["train"] < 360 and 20 < counts["validation"] < 60 and 20 < counts["test"] < 60
    touch(*(tmp_path / "run" / f"more-{i}.mp4" for i in range(50)))
    assert all(splits[split] <= set(listed(open_labelled(tmp_path, split))) for split in splits)


# UCF-101


@pytest.fixture
def ucf101(tmp_path: Path) -> Path:
    videos, lists = tmp_path / "UCF-101", tmp_path / "ucfTrainTestlist"
    for name in ("ApplyEyeMakeup", "YoYo"):
        for group in ("g01", "g08", "g24"):
            write_video(videos / name / f"v_{name}_{group}_c01.avi")
    lists.mkdir()
    (lists / "classInd.txt").write_bytes(b"1 ApplyEyeMakeup\r\n2 YoYo\r\n")
    train = [f"{n}/v_{n}_{g}_c01.avi {i}" for i, n in ((1, "ApplyEyeMakeup"), (2, "YoYo")) for g in ("g08", "g24")]
    (lists / "trainlist01.txt").write_text("\n".join([*train, "YoYo/v_YoYo_g09_c01.avi 2", ""]))
    (lists / "testlist01.txt").write_text("ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\nYoYo/v_YoYo_g01_c01.avi\n")
    return tmp_path


def test_ucf101_has_its_first_split_and_whole_groups_to_validate_on(ucf101: Path) -> None:
    assert layout_of(ucf101) == "UCF-101"
    for split, group in (("train", "g08"), ("validation", "g24"), ("test", "g01")):
        found = open_labelled(ucf101, split)
        assert found.classes == ("ApplyEyeMakeup", "YoYo")
        assert listed(found) == [(f"v_{name}_{group}_c01.avi", name) for name in found.classes]
        assert found.missing == (split == "train")
        assert_readable(found)


def test_a_broken_list_of_ucf101_is_named(ucf101: Path) -> None:
    (ucf101 / "ucfTrainTestlist" / "testlist01.txt").write_text("Dance/v_Dance_g01_c01.avi\n")
    with pytest.raises(UnsupportedInput, match=r"v_Dance_g01_c01\.avi is of no class"):
        open_labelled(ucf101, "test")
    (ucf101 / "ucfTrainTestlist" / "classInd.txt").write_text("ApplyEyeMakeup\n")
    with pytest.raises(UnsupportedInput, match=r"classInd\.txt is broken"):
        open_labelled(ucf101, "test")


# Kinetics


def write_kinetics(root: Path, rows: dict[str, list[str]]) -> None:
    (root / "annotations").mkdir(parents=True)
    for name, lines in rows.items():
        text = "\n".join(["label,youtube_id,time_start,time_end,split", *lines, ""])
        (root / "annotations" / f"{name}.csv").write_text(text)


def test_kinetics_finds_cut_clips_whole_videos_and_those_that_vanished(tmp_path: Path) -> None:
    rows = {
        "train": ["zumba,--07WQ2iBlw,1,3,train", '"wrestling, wet",abc_d-1,0,2,train', "zumba,gone,5,15,train"],
        "val": ["zumba,-val_id,20,30,validate"],
        "test": ["zumba,whole,1,2,test"],
    }
    write_kinetics(tmp_path, rows)
    write_video(tmp_path / "train" / "--07WQ2iBlw_000001_000003.mp4")
    write_video(tmp_path / "train" / "deep" / "abc_d-1_000000_000002.mp4")
    write_video(tmp_path / "val" / "-val_id_000020_000030.mp4")
    write_video(tmp_path / "test" / "whole.mp4", frames=30)
    assert layout_of(tmp_path) == "Kinetics"
    train, validation, test = (open_labelled(tmp_path, split) for split in ("train", "validation", "test"))
    assert train.classes == validation.classes == test.classes == ("wrestling, wet", "zumba")
    assert [name for _, name in listed(train)] == ["zumba", "wrestling, wet"]
    assert train.missing == 1 and validation.missing == test.missing == 0
    assert [(clip.start_s, clip.end_s) for clip in train.clips] == [(None, None)] * 2
    assert [(clip.start_s, clip.end_s) for clip in test.clips] == [(1.0, 2.0)]
    for found in (train, validation, test):
        assert_readable(found)


def test_a_list_of_kinetics_without_a_time_range_is_named(tmp_path: Path) -> None:
    write_kinetics(tmp_path, {"train": ["zumba,abc,30,20,train"]})
    with pytest.raises(UnsupportedInput, match="abc has no time range"):
        open_labelled(tmp_path)


# Something-Something


@pytest.mark.parametrize("place", ["labels/{}.json", "something-something-v2-{}.json"])
def test_something_something_is_labelled_by_templates(place: str, tmp_path: Path) -> None:
    lists = {
        "labels": {"Holding something": "1", "Dropping something next to something": "0"},
        "train": [
            {"id": "78687", "label": "holding a cup", "template": "Holding [something]", "placeholders": ["a cup"]},
            {"id": "3", "label": "", "template": "Dropping [something] next to [something]", "placeholders": []},
            {"id": "4", "label": "", "template": "Holding [something]", "placeholders": []},
        ],
        "validation": [{"id": "5", "label": "", "template": "Holding [something]", "placeholders": []}],
        "test": [{"id": "6"}],
    }
    for name, values in lists.items():
        path = tmp_path / place.format(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(values))
    for number in (78687, 3, 5, 6):
        write_video(tmp_path / "20bn-something-something-v2" / f"{number}.webm")
    assert layout_of(tmp_path) == "Something-Something"
    train = open_labelled(tmp_path)
    assert train.classes == ("Dropping something next to something", "Holding something")
    assert listed(train) == [("78687.webm", train.classes[1]), ("3.webm", train.classes[0])] and train.missing == 1
    assert listed(open_labelled(tmp_path, "validation")) == [("5.webm", train.classes[1])]
    assert_readable(train)
    with pytest.raises(UnsupportedInput, match=r"no test-answers\.csv"):
        open_labelled(tmp_path, "test")
    (tmp_path / "test-answers.csv").write_text("6;Holding something\n")
    assert listed(open_labelled(tmp_path, "test")) == [("6.webm", train.classes[1])]
    (tmp_path / place.format("train")).write_text('[{"id": "3"}]')
    with pytest.raises(UnsupportedInput, match="no id or no template"):
        open_labelled(tmp_path)


# ImageNet


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    pictures = tmp_path / "ILSVRC" / "Data" / "CLS-LOC"
    for name in ("n01440764", "n02119789"):
        write_still(pictures / "train" / name / f"{name}_10026.JPEG")
    for number in (1, 2):
        write_still(pictures / "val" / f"ILSVRC2012_val_{number:08}.JPEG")
    return tmp_path


VALIDATION = [("ILSVRC2012_val_00000001.JPEG", "n02119789"), ("ILSVRC2012_val_00000002.JPEG", "n01440764")]


def test_imagenet_is_labelled_by_folders_and_by_its_list(imagenet: Path) -> None:
    assert layout_of(imagenet) == layout_of(imagenet / "ILSVRC") == "ImageNet"
    train = open_labelled(imagenet)
    assert listed(train) == [(f"{name}_10026.JPEG", name) for name in ("n01440764", "n02119789")]
    assert_readable(train)
    with pytest.raises(UnsupportedInput, match="tell the labels of val"):
        open_labelled(imagenet, "validation")
    with pytest.raises(UnsupportedInput, match="no labels to test on"):
        open_labelled(imagenet, "test")
    boxes = {2: "n01440764 85 1 499 272 ", 1: "n02119789 1 2 3 4 n02119789 5 6 7 8"}
    lines = [f"ILSVRC2012_val_{number:08},{text}\n" for number, text in boxes.items()]
    (imagenet / "LOC_val_solution.csv").write_text("".join(["ImageId,PredictionString\n", *lines]))
    for root in (imagenet, imagenet / "ILSVRC"):
        validation = open_labelled(root, "validation")
        assert listed(validation) == VALIDATION
    assert_readable(validation)


def test_imagenet_is_labelled_by_its_devkit(imagenet: Path) -> None:
    from scipy.io import savemat

    devkit = imagenet / "ILSVRC2012_devkit_t12" / "data"
    devkit.mkdir(parents=True)
    synsets = np.array(
        [(1, "n02119789", "kit fox"), (2, "n01440764", "tench"), (1001, "n00000000", "more than a leaf")],
        dtype=[("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O")],
    )
    savemat(devkit / "meta.mat", {"synsets": synsets[:, None]})
    (devkit / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n2\n")
    assert listed(open_labelled(imagenet, "validation")) == VALIDATION
    (devkit / "meta.mat").write_bytes(b"no matrix")
    with pytest.raises(UnsupportedInput, match="do not tell the labels"):
        open_labelled(imagenet, "validation")


def test_imagenet_with_folders_to_validate_on_needs_no_list(imagenet: Path) -> None:
    folder = imagenet / "ILSVRC" / "Data" / "CLS-LOC" / "val" / "n02119789"
    write_still(folder / "ILSVRC2012_val_00000001.JPEG")
    assert listed(open_labelled(imagenet, "validation")) == VALIDATION[:1]


# None of them


def test_what_is_no_set_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    touch(tmp_path / "files" / "a.mp4")
    for name, said in (("gone", "no such folder"), ("empty", "no labelled set"), ("files", "no labelled set")):
        with pytest.raises(UnsupportedInput, match=said) as raised:
            open_labelled(tmp_path / name)
        assert name in str(raised.value) and "\n" not in str(raised.value)
    with pytest.raises(UnsupportedInput, match="there is no split 'training'"):
        open_labelled(tmp_path / "files", "training")


def test_a_set_without_its_videos_says_so(ucf101: Path) -> None:
    for path in (ucf101 / "UCF-101").rglob("*.avi"):
        path.unlink()
    with pytest.raises(UnsupportedInput, match="no clips for test; 2 are listed but not there"):
        open_labelled(ucf101, "test")
