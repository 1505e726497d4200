"""Preparing data: whatever is broken is left out and named, and what is there is found wherever it lies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nvcodec.media import MediaReader, Picture
from nvcodec.media.packing import pack
from nvcodec.train import prepare as preparing
from nvcodec.train.prepare import HEIGHTS, prepare
from nvcodec.train.sources import overlap

from .conftest import CLIPS
from .stills import write_still


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """Two folders: one with a folder in it, and in both a picture of one name; among them what is broken."""
    one, two = tmp_path / "one", tmp_path / "two"
    (one / "deep" / "deeper").mkdir(parents=True)
    two.mkdir()
    (one / "deep" / "deeper" / "carphone.MP4").write_bytes((CLIPS / "carphone.mp4").read_bytes())
    write_still(one / "same.png", seed=1)
    write_still(two / "same.png", seed=2)
    (two / "empty.jpg").write_bytes(b"")
    (two / "cut.mp4").write_bytes((CLIPS / "bunny.mp4").read_bytes()[:5000])
    (two / "notes.txt").write_text("no picture")
    return [one, two]


def test_broken_files_are_left_out_and_named_and_the_rest_is_found_in_every_folder(
    sources: list[Path], tmp_path: Path
) -> None:
    left: list[str] = []
    made = prepare(sources, tmp_path / "kept", lambda source, error: left.append(f"{source.name}: {error}"))
    kinds = [file.name.rpartition("-")[0].rpartition("-")[0] for file in made]
    assert sorted(kinds) == ["still-same", "still-same", "video-carphone"]
    one, two = (np.load(file) for file in made if file.name.startswith("still"))
    assert one.shape == two.shape == (1, 6, 72, 80) and not np.array_equal(one, two)
    assert sorted(line.partition(":")[0] for line in left) == ["cut.mp4", "empty.jpg"]
    assert all(len(line.partition(": ")[2]) > 10 and "\n" not in line for line in left)
    assert not list((tmp_path / "kept").glob("*.partial"))


def test_a_prepared_video_holds_every_frame_as_it_was_decoded(tmp_path: Path) -> None:
    (file,) = [f for f in prepare([CLIPS], tmp_path) if "carphone" in f.name]
    with MediaReader(CLIPS / "carphone.mp4", audio=False) as reader:
        frames = [pack(item.y, item.u, item.v) for item in reader.items() if isinstance(item, Picture)]
    assert np.array_equal(np.load(file, mmap_mode="r"), np.stack(frames))


def test_what_is_prepared_is_not_decoded_again_wherever_it_lies(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(sources, tmp_path / "kept", lambda *_: None)
    moved = [folder.rename(folder.with_name(folder.name + "-moved")) for folder in sources]
    decoded: list[str] = []
    decode = preparing._decode_all
    monkeypatch.setattr(
        preparing, "_decode_all", lambda source, *rest: (decoded.append(source.name), decode(source, *rest))[1]
    )
    assert prepare(moved, tmp_path / "kept", lambda *_: None) == made
    assert sorted(decoded) == ["cut.mp4", "empty.jpg"]  # what failed is tried again: it may be whole by now


def test_each_process_prepares_its_own_share_and_sees_all(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = prepare(sources, tmp_path / "alone", lambda *_: None)
    shares: list[list[str]] = []
    made: list[Path] = []
    for rank in range(2):
        monkeypatch.setattr(preparing, "place", lambda rank=rank: (rank, 2))
        before = set((tmp_path / "shared").glob("*.json"))
        made = prepare(sources, tmp_path / "shared", lambda *_: None)
        new = set((tmp_path / "shared").glob("*.json")) - before
        shares.append([json.loads(path.read_text())["source"] for path in new])
    assert sorted(map(len, shares)) == [2, 3]
    assert sorted(shares[0] + shares[1]) == ["carphone.MP4", "cut.mp4", "empty.jpg", "same.png", "same.png"]
    assert [file.name for file in made] == [file.name for file in alone]


def test_other_heights_are_other_files_of_the_same_source(tmp_path: Path) -> None:
    low = prepare([CLIPS], tmp_path, heights=(128,))
    assert {np.load(file, mmap_mode="r").shape[2] * 2 for file in low} == {128}
    usual = prepare([CLIPS], tmp_path)
    assert not set(usual) & set(low)
    assert {np.load(file, mmap_mode="r").shape[2] * 2 for file in usual} <= {*HEIGHTS, 144}


def test_a_file_below_two_folders_is_found_out(sources: list[Path], tmp_path: Path) -> None:
    one, two = sources
    assert overlap([one], [two]) is None
    assert overlap([one], [two, one / "deep"]) == one / "deep" / "deeper" / "carphone.MP4"
