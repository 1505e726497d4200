"""Whole runs on a clip of a few small frames, with nvcodec and real rivals: what is measured, kept and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nvcodec.benchmarks import plan as plans
from nvcodec.benchmarks.cache import Cache
from nvcodec.benchmarks.coders.ffmpeg import FfmpegMissing, find_ffmpeg
from nvcodec.benchmarks.coders.ours import code_version
from nvcodec.benchmarks.plan import Plan, PlanError
from nvcodec.benchmarks.report.wipe import SOURCE
from nvcodec.benchmarks.results import Results, read_results
from nvcodec.benchmarks.run import Progress, Run, run
from nvcodec.benchmarks.spreadsheet import to_csv

from .pairs import BUNNY
from .wrapper import Wrapper, wrapped

PLAN = Plan(
    clips=(BUNNY,),
    against=("h264", "x265-slow"),
    series=("long", "random-access", "low-delay"),
    qualities={"nvcodec": (30,), "h264": (43, 35), "x265-slow": (42,)},
    metrics=("psnr_y", "ssim"),
    frames=5,
    scale="96x64",
    threads=1,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests here share: nvcodec itself needs a while to start."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(folder: Path) -> Run:
    return run(PLAN, Cache(folder))


@pytest.fixture
def use_ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Wrapper]:
    """Gives a function that puts a program between us and FFmpeg, as `wrapped` has it."""
    real = find_ffmpeg().path

    def use(*faults: str) -> Wrapper:
        wrapper = wrapped(tmp_path / f"ffmpeg-{len(list(tmp_path.iterdir()))}", real, faults)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(wrapper.path))
        return wrapper

    return use


def settings(results: Results, error: bool = False) -> list[tuple[str, float]]:
    return [(m.coder, m.setting) for m in results.measurements if (m.error is not None) == error]


def test_every_coder_is_measured_at_every_setting_in_the_plan_s_order(first: Run) -> None:
    assert settings(first.results) == [
        ("nvcodec-long", 30),
        ("nvcodec-low-delay", 30),
        ("x265-slow-psnr-long", 42),
        ("x265-slow-psnr-low-delay", 42),
        ("x264-veryslow-psnr-long", 43),
        ("x264-veryslow-psnr-long", 35),
        ("x264-veryslow-psnr-low-delay", 43),
        ("x264-veryslow-psnr-low-delay", 35),
    ]
    clip = first.results.clips[0]
    assert (clip.name, clip.width, clip.height, clip.frames, clip.frame_rate) == ("bunny", 96, 64, 5, 25)
    for m in first.results.measurements:
        assert set(m.metrics) == {"psnr_y", "ssim"}
        assert 18 < m.metrics["psnr_y"] < 45 and 0.3 < m.metrics["ssim"] < 1
        assert m.bits_per_pixel == 8 * m.bytes / clip.pixels and m.bytes > 50
        for cost in (m.encode, m.decode):
            assert cost is not None and cost.seconds > 0 and cost.peak_bytes > 10 << 20 and cost.threads == 1


def test_tunings_are_those_that_the_metrics_ask_for(first: Run) -> None:
    assert {coder.tuned for coder in first.results.coders} == {"psnr"}
    ways = plans.ways_of(PLAN, first.results.clips, find_ffmpeg(), None, 1, {"psnr", "eyes"})  # type: ignore
    keys = [way.coder.key for way in ways]
    assert {"x265-slow-psnr-long", "x265-slow-eyes-long"} <= set(keys) and len(set(keys)) == len(keys)


def test_a_clip_of_one_group_has_no_random_access_series_and_a_note_says_so(first: Run) -> None:
    assert {coder.series for coder in first.results.coders} == {"long", "low-delay"}
    assert "random-access left out for bunny: one group of 97 frames holds all of it" in first.notes


def test_low_delay_is_nvcodec_as_it_is(first: Run) -> None:
    long, low_delay = first.results.measurements[:2]
    assert replace(low_delay, coder=long.coder) == long


def test_versions_and_arguments_say_what_was_run(first: Run) -> None:
    assert first.results.versions["nvcodec"] == code_version()
    assert first.results.versions["FFmpeg"] == find_ffmpeg().version
    by_key = {coder.key: coder for coder in first.results.coders}
    assert "--quality {quality} --gop 1021" in " ".join(by_key["nvcodec-long"].arguments)
    assert "-c:v libx265 -preset slow -crf {quality} -tune psnr" in " ".join(by_key["x265-slow-psnr-long"].arguments)
    assert "1 at a time with 1 thread" in first.results.machine


def test_a_frame_of_every_file_and_of_the_original_can_be_seen(first: Run) -> None:
    pngs = [first.frames("bunny", m.coder, m.setting) for m in first.results.measurements]
    pngs.append(first.frames("bunny", SOURCE, 0))
    assert all(png is not None and png.startswith(b"\x89PNG") for png in pngs)
    assert len(set(pngs)) == len(pngs) - 1  # both series of nvcodec are the same file
    assert first.frames("bunny", "x265-slow-psnr-long", 41) is None and first.frames("no", SOURCE, 0) is None


def test_results_are_the_same_after_json(first: Run, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(first.results.to_json())
    assert read_results(tmp_path / "results.json") == first.results


def test_infinite_values_are_json_too(first: Run, tmp_path: Path) -> None:
    best = replace(first.results.measurements[0], metrics={"psnr_y": float("inf")})
    results = replace(first.results, measurements=(best,))
    (tmp_path / "results.json").write_text(results.to_json())
    assert "Infinity" not in results.to_json()
    assert read_results(tmp_path / "results.json") == results


def test_the_sheet_has_a_line_for_every_file(first: Run) -> None:
    head, *lines = to_csv(first.results).splitlines()
    assert head.startswith("clip,width,height,frames,coder,") and head.endswith(",threads,error")
    assert len(lines) == len(first.results.measurements)
    assert all(line.count(",") == head.count(",") for line in lines)
    m = first.results.measurements[2]
    assert f"{m.bytes},{m.bits_per_pixel},{m.metrics['psnr_y']}" in lines[2]


def test_a_second_run_codes_nothing(first: Run, folder: Path, use_ffmpeg: Any) -> None:
    wrapper = use_ffmpeg()
    again = run(PLAN, Cache(folder))
    assert wrapper.coded == []
    assert again.results.measurements == first.results.measurements
    assert again.frames("bunny", "x264-veryslow-psnr-long", 35) == first.frames("bunny", "x264-veryslow-psnr-long", 35)


def test_another_metric_is_measured_without_coding_again(first: Run, folder: Path, use_ffmpeg: Any) -> None:
    wrapper = use_ffmpeg()
    more = run(replace(PLAN, metrics=("psnr_y", "xpsnr"), against=("h264",), series=("long",)), Cache(folder))
    calls = wrapper.coded
    assert calls and all("-i" in call and "libx264" not in call for call in calls)  # decoded alone
    assert [set(m.metrics) for m in more.results.measurements] == [{"psnr_y", "xpsnr"}] * 3
    assert [m.bytes for m in more.results.measurements[1:]] == [m.bytes for m in first.results.measurements[4:6]]


@pytest.mark.parametrize(
    "change",
    [
        {"frames": 4},
        {"scale": "64x64"},
        {"qualities": {"nvcodec": (30,), "h264": (44,)}},
        {"threads": 2},
    ],
    ids=str,
)
def test_what_makes_another_file_is_coded_anew(
    change: dict[str, Any], first: Run, folder: Path, use_ffmpeg: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert first.results.measurements
    wrapper = use_ffmpeg()
    monkeypatch.setattr("nvcodec.benchmarks.coders.ours.Ours.encode", refused)  # nvcodec is no part of this test
    run(replace(PLAN, against=("h264",), series=("long",), **change), Cache(folder))
    assert any("libx264" in call for call in wrapper.coded)


def refused(*_: object) -> None:
    raise PlanError("not here")


def test_a_failing_encoder_marks_its_cell_and_the_rest_goes_on(folder: Path, use_ffmpeg: Any, first: Run) -> None:
    use_ffmpeg("-crf 39")
    qualities = {**PLAN.qualities, "h264": (43, 39, 35)}
    done = run(replace(PLAN, qualities=qualities, series=("long",)), Cache(folder))
    assert settings(done.results, error=True) == [("x264-veryslow-psnr-long", 39)]
    assert ("x264-veryslow-psnr-long", 35) in settings(done.results)
    (failed,) = (m for m in done.results.measurements if m.error is not None)
    assert "this test wants no such file" in str(failed.error) and failed.metrics == {} and failed.encode is None
    assert to_csv(done.results).count("this test wants no such file") == 1
    use_ffmpeg()  # and, mended, it is tried again
    mended = run(replace(PLAN, qualities=qualities, series=("long",)), Cache(folder))
    assert settings(mended.results, error=True) == [] and first.results.measurements


def test_a_run_that_was_broken_off_goes_on_where_it_was(
    tmp_path: Path, use_ffmpeg: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nvcodec.benchmarks.coders.ours.Ours.encode", refused)
    small = replace(PLAN, qualities={"nvcodec": (30,), "h264": (43, 39, 35, 31)}, against=("h264",), series=("long",))
    cache = Cache(tmp_path / "cache")
    seen: list[Progress] = []

    def impatient(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == 3:
            raise KeyboardInterrupt

    broken = use_ffmpeg()
    with pytest.raises(KeyboardInterrupt):
        run(small, cache, impatient)
    encoded = [call for call in broken.coded if "libx264" in call]
    assert 2 <= len(encoded) <= 3  # the third may have begun
    rest = use_ffmpeg()
    done = run(small, cache)
    again = [call for call in rest.coded if "libx264" in call]
    assert len(settings(done.results)) == 4 and settings(done.results, error=True) == [("nvcodec-long", 30)]
    settings_of = [[call[call.index("-crf") + 1] for call in calls] for calls in (encoded, again)]
    assert not set(settings_of[0][:2]) & set(settings_of[1]) and "31" in settings_of[1]


def test_progress_ends_at_the_total_even_where_settings_are_left_out(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("nvcodec.benchmarks.coders.ours.Ours.encode", refused)
    seen: list[Progress] = []
    plan = replace(PLAN, against=("h264",), series=("long",), qualities={"nvcodec": (30,)}, jobs=2)
    done = run(plan, Cache(tmp_path), seen.append)
    assert [state.done for state in seen] == sorted(state.done for state in seen)
    assert seen[-1].done == seen[-1].total == 10
    rates = [m.bits_per_pixel for m in done.results.measurements if m.error is None]
    assert rates[-1] > plans.BITS_PER_PIXEL_MAX > rates[-2] and len(rates) < 9  # no more than one is beyond


def test_every_rival_s_lowest_rate_comes_first() -> None:
    from nvcodec.benchmarks.coders.table import ENCODERS

    assert {e.qualities[0] for e in ENCODERS if e.family in ("h264", "hevc")} == {51}
    assert {e.qualities[0] for e in ENCODERS if e.family == "vvc"} == {63}
    assert {e.qualities[0] for e in ENCODERS if e.family == "av1"} == {70}
    assert all(list(e.qualities) == sorted(e.qualities, reverse=True) for e in ENCODERS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"against": ("mpeg2",)}, "--against: there is no 'mpeg2'; there are av1, h264, hevc, "),
        ({"series": ("sideways",)}, "--series: there is no 'sideways'; there are long, low-delay, random-access"),
        ({"qualities": {"mpeg2": (1,)}}, "--quality: there is no 'mpeg2'"),
        ({"qualities": {"nvcodec": (0,)}}, "0 is none of nvcodec's"),
        ({"qualities": {"nvcodec": (20.5,)}}, "20.5 is none of nvcodec's"),
        ({"clips": ()}, "there is no clip"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        replace(PLAN, **change)


def test_a_missing_encoder_is_told_before_anything_is_coded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from .test_coders import fake

    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", fake(tmp_path / "package" / "ffmpeg", "libx264"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FfmpegMissing, match="lacks the encoder libx265"):
        run(replace(PLAN, against=("hevc", "h264")), Cache(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()
