"""What has been measured is kept whole, and found again by all that it depends on."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from nvcodec.benchmarks.cache import FOLDER_VARIABLE, Cache, Coded, default_folder, key_of
from nvcodec.benchmarks.results import Cost

CODED = Coded(7, Cost(1.5, 10, 2), Cost(0.5, 20, 2))


def stored(folder: Path, key: str) -> Cache:
    (folder / "coded").write_bytes(b"1234567")
    cache = Cache(folder / "cache")
    cache.store(key, CODED, folder / "coded", b"png")
    return cache


def test_what_is_stored_is_found_by_another_run(tmp_path: Path) -> None:
    key = key_of({"a": 1})
    stored(tmp_path, key)
    again = Cache(tmp_path / "cache")
    assert again.coded(key) == CODED
    assert again.stream(key).read_bytes() == b"1234567" and again.png(key).read_bytes() == b"png"
    assert again.coded(key_of({"a": 2})) is None


def test_keys_depend_on_every_fact_and_not_on_their_order() -> None:
    assert key_of({"a": 1, "b": [2, 3]}) == key_of({"b": [2, 3], "a": 1})
    assert len({key_of({"a": 1}), key_of({"a": 2}), key_of({"b": 1}), key_of({"a": 1, "b": None})}) == 4


@pytest.mark.parametrize("suffix", ["json", "stream", "png"])
def test_an_entry_that_lacks_a_file_is_none(suffix: str, tmp_path: Path) -> None:
    key = key_of({"a": 1})
    cache = stored(tmp_path, key)
    cache.stream(key).with_suffix(f".{suffix}").unlink()
    assert cache.coded(key) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"bytes": 7, "encode": {"no": 1}, "decode": {}}'])
def test_figures_that_cannot_be_read_are_none(text: str, tmp_path: Path) -> None:
    key = key_of({"a": 1})
    cache = stored(tmp_path, key)
    cache.stream(key).with_suffix(".json").write_text(text)
    assert cache.coded(key) is None


def test_metrics_are_kept_by_the_version_of_their_meter(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.store_metrics("k", "psnr 1", {"psnr_y": 30.0, "psnr_u": math.inf})
    cache.store_metrics("k", "vmaf 1", {"vmaf": 50.0})
    assert cache.metrics("k", "psnr 1", ["psnr_y", "psnr_u"]) == {"psnr_y": 30.0, "psnr_u": math.inf}
    assert cache.metrics("k", "vmaf 1", ["vmaf"]) == {"vmaf": 50.0}
    assert cache.metrics("k", "vmaf 2", ["vmaf"]) is None
    assert cache.metrics("other", "vmaf 1", ["vmaf"]) is None


def test_nothing_but_whole_files_lies_in_the_cache(tmp_path: Path) -> None:
    key = key_of({"a": 1})
    cache = stored(tmp_path, key)
    cache.store_metrics(key, "psnr 1", {"psnr_y": 30.0})
    names = sorted(path.name for path in cache.folder.rglob("*") if path.is_file())
    assert names == [f"{key}.{suffix}" for suffix in ("json", "metrics.json", "png", "stream")]
    assert json.loads(cache.stream(key).with_suffix(".json").read_text())["bytes"] == 7


def test_the_folder_is_the_user_s_to_choose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "nvcodec" / "bench"
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"
