from __future__ import annotations

import re
import subprocess
import sys
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from nvcodec.benchmarks.axes import axis_of, metrics_of
from nvcodec.benchmarks.report import markdown_report, terminal_tables, write_report
from nvcodec.benchmarks.report.contents import failures_table, speed_table
from nvcodec.benchmarks.report.frames import matches
from nvcodec.benchmarks.report.page import report_html
from nvcodec.benchmarks.report.plot import rate_ticks
from nvcodec.benchmarks.report.rate_chart import rate_chart
from nvcodec.benchmarks.report.scale import value_ticks
from nvcodec.benchmarks.report.table import Table, markdown, rate_text, signed
from nvcodec.benchmarks.report.wipe import SOURCE, FrameBudget
from nvcodec.benchmarks.results import Clip, read_results

from nvcodec.errors import OutputError

from .samples import OURS_LONG, coder, full, log_quality, pair, png, points, results

ROOT = Path(__file__).parents[2]


def frame(clip: str, coder_key: str, setting: float) -> bytes | None:
    return png(zlib.crc32(f"{clip} {coder_key} {setting}".encode()))


def no_frame(clip: str, coder_key: str, setting: float) -> bytes | None:
    return None


class Page(HTMLParser):
    """What a page is made of, and that every element that opens closes."""

    VOID = ("meta", "link", "img", "input", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(report_html(full(), frame))


def test_the_page_points_at_nothing_outside_itself(page: Page) -> None:
    pointing = ("src", "href", "srcset", "data", "action", "poster", "xlink:href")
    targets = [value for _, attributes in page.elements for key, value in attributes.items() if key in pointing]
    assert targets and all(target is not None and target.startswith("data:") for target in targets)
    assert "url(" not in page.text and "@import" not in page.text and "http" not in page.text
    (policy,) = (meta["content"] for meta in page.of("meta") if "http-equiv" in meta)
    assert policy is not None and policy.startswith("default-src 'none'; img-src data:;")


def test_the_page_has_a_plot_for_every_clip_metric_and_series(page: Page) -> None:
    plots = [svg for svg in page.of("svg") if svg.get("class") == "plot"]
    assert len(plots) == 2 * 3 * 2
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in plots)


def test_the_page_has_commands_versions_date_machine_and_failures(page: Page) -> None:
    for text in (
        "-made-up x265 slow-psnr-long -q {quality}",
        "0.0.0-made-up",
        "3 February 2001",
        "a made-up machine, 2 cores",
        "the encoder said <no>\nsecond line",
        "x264 slow <&>",
    ):
        assert text in page.text


def test_pictures_are_described_for_those_who_do_not_see_them(page: Page) -> None:
    images = page.of("img")
    assert images and all(image["alt"] for image in images)
    assert all(slider["aria-label"] for slider in page.of("input"))


def test_a_page_without_frames_or_rivals_says_so() -> None:
    alone = results(["clip"], [OURS_LONG], points("clip", "ours-long", log_quality(40)))
    page = Page(report_html(alone, no_frame))
    assert "nvcodec on 1 clip" in page.text
    assert "No frames to compare." in page.text and "Nothing to compare with." in page.text
    assert "Every file was coded and decoded." in page.text
    assert page.of("img") == []


def test_a_page_of_nothing_but_failures_still_tells_the_reasons() -> None:
    broken = [
        replace(m, bytes=0, bits_per_pixel=0.0, metrics={}, encode=None, decode=None, error=f"reason {n}")
        for n, m in enumerate([*points("clip", "ours-long", log_quality(1)), *points("clip", "rival", log_quality(1))])
    ]
    page = Page(report_html(pair(broken[:5], broken[5:]), frame))
    assert all(f"reason {n}" in page.text for n in range(10))


def test_the_page_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(full(), frame, path)
    before = path.read_text(encoding="utf-8")
    assert before.startswith("<!doctype html>") and before.endswith("</html>\n")

    def breaks(clip: str, coder_key: str, setting: float) -> bytes | None:
        raise RuntimeError("no frame")

    with pytest.raises(RuntimeError):
        write_report(full(), breaks, path)
    assert path.read_text(encoding="utf-8") == before and list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError):
        write_report(full(), frame, tmp_path / "missing" / "report.html")


def test_of_every_rival_the_file_of_nearest_rate_is_shown() -> None:
    for match in matches(full()):
        rate = match.ours.file.bits_per_pixel
        assert match.ours.coder.family == "nvcodec"
        assert {shown.coder.tuned for shown in match.rivals} == {"eyes"}
        assert {shown.coder.series for shown in match.rivals} == {match.ours.coder.series}
        assert len(match.rivals) == 5
        for shown in match.rivals:
            others = [
                m.bits_per_pixel
                for m in full().measurements
                if (m.clip, m.coder, m.error) == (match.clip.name, shown.coder.key, None)
            ]
            factor = max(shown.file.bits_per_pixel / rate, rate / shown.file.bits_per_pixel)
            assert all(factor <= max(other / rate, rate / other) for other in others)


def test_frames_that_do_not_fit_the_page_are_counted_and_left_out() -> None:
    budget = FrameBudget(lambda clip, coder_key, setting: b"x" * 10, limit=25)
    assert [budget.take("clip", "coder", 1.0) is not None for _ in range(4)] == [True, True, False, False]
    assert budget.refused == 2


def test_the_original_is_among_the_frames() -> None:
    asked: list[tuple[str, str, float]] = []

    def notes(clip: str, coder_key: str, setting: float) -> bytes | None:
        asked.append((clip, coder_key, setting))
        return png(1)

    report_html(full(), notes)
    assert {clip for clip, coder_key, _ in asked if coder_key == SOURCE} == {"alpha", "beta"}
    files = {(m.clip, m.coder, m.setting) for m in full().measurements if m.error is None}
    assert {ask for ask in asked if ask[1] != SOURCE} <= files


def test_speed_is_frames_over_seconds_of_all_files_and_memory_the_worst() -> None:
    slow = points("clip", "ours-long", log_quality(40), fps=10)
    fast = [replace(m, setting=99.0 + m.setting) for m in points("clip", "ours-long", log_quality(40), fps=30)]
    assert fast[0].encode is not None
    fast[0] = replace(fast[0], encode=replace(fast[0].encode, peak_bytes=345_000_000))
    rival = points("clip", "rival", log_quality(40))
    ours, _ = speed_table(pair([*slow, *fast], rival)).rows
    assert ours == ("nvcodec", "one I-frame", "PSNR", "15.0", "345", "30.0", "100", "2")


def test_failures_are_listed_with_their_reasons() -> None:
    (row,) = failures_table(full()).rows
    assert row == ("beta", "vvenc medium", "random access", "50", "the encoder said <no>\nsecond line")


def test_the_terminal_gets_bits_speed_and_failures() -> None:
    titles = [table.title for table in terminal_tables(full())]
    assert titles == [
        "Bits against every rival, one I-frame",
        "Bits against every rival, random access",
        "Speed and memory",
        "What failed",
    ]
    first = terminal_tables(full())[0]
    assert first.columns == ("at the same", "PSNR Y", "VMAF", "LPIPS")
    assert [row[0] for row in first.rows][:2] == ["x264 slow <&>, for PSNR", "x265 slow, for PSNR"]


def test_every_row_of_a_table_has_all_its_columns() -> None:
    for table in terminal_tables(full()):
        assert len(table.align) == len(table.columns)
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_losing_is_written_as_plainly_as_winning() -> None:
    rival = points("clip", "rival", log_quality(40))
    half, double = (
        [replace(m, coder="ours-long", bits_per_pixel=m.bits_per_pixel * factor) for m in rival] for factor in (0.5, 2)
    )
    wins, loses = (terminal_tables(pair(ours, rival))[0].rows[0][1] for ours in (half, double))
    assert (wins, loses) == ("−50.0 %", "+100.0 %")  # noqa: RUF001


def test_cheap_files_are_compared_by_themselves_where_that_is_asked_for() -> None:
    rates = [0.01, 0.02, 0.03, 0.04, 0.06, 0.12, 0.24, 0.48]

    def rival_worse_below_then_better(rate: float) -> float:
        return log_quality(40)(rate) + (-1 if rate < 0.05 else 1)

    ours = points("clip", "ours-long", log_quality(40), rates)
    theirs = points("clip", "rival", rival_worse_below_then_better, rates)
    text = markdown_report(pair(ours, theirs), up_to=0.05)
    sections = dict(section.split("\n", 1) for section in text.split("### ")[1:])
    title = "Bits against every rival, one I-frame"
    cheap = sections[f"{title}, files of up to 0.05 bits per pixel"]
    assert "| rival, for PSNR | −29.3 % |" in cheap  # noqa: RUF001  # a dB is half a doubling
    assert "| rival, for PSNR | +" in sections[title]
    assert markdown_report(pair(ours, theirs)).count("Bits against every rival") == 1


def test_a_chart_of_rates_has_every_file_where_it_belongs() -> None:
    ours, theirs = points("clip", "ours-long", log_quality(40)), points("clip", "rival", log_quality(36))
    drawn = rate_chart(pair(ours, theirs), "psnr_y")
    found = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    assert len(found) == len(ours) + len(theirs)
    upper, lower = found[: len(ours)], found[len(ours) :]  # y grows downwards
    assert [x for x, _ in upper] == sorted(x for x, _ in upper) == [x for x, _ in lower]
    assert {round(below - above, 1) for (_, above), (_, below) in zip(upper, lower, strict=True)} <= {
        round(lower[0][1] - upper[0][1] + slip, 1) for slip in (-0.1, 0, 0.1)
    }
    assert lower[0][1] > upper[0][1] > upper[-1][1]
    assert ">PSNR Y, dB</text>" in drawn


def test_no_overlap_is_said_in_the_tables() -> None:
    ours, theirs = points("clip", "ours-long", log_quality(20)), points("clip", "rival", log_quality(60))
    text = markdown_report(pair(ours, theirs))
    assert "| rival, for PSNR | no overlap |" in text
    assert "no overlap in quality: nvcodec lies wholly below the rival" in text


def test_results_survive_their_file_and_print_as_markdown(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(full().to_json(), encoding="utf-8")
    assert read_results(path) == full()

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "nvcodec.benchmarks.report", *arguments]
        return subprocess.run(line, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=False)

    chart = tmp_path / "chart.svg"
    done = command(str(path), "--detail", "vmaf", "--points", "--up-to", "0.1", "--chart", str(chart))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == markdown_report(full(), ["vmaf"], points=True, up_to=0.1)
    drawn = chart.read_text(encoding="utf-8")
    assert drawn == rate_chart(full().up_to(0.1), "vmaf") != rate_chart(full(), "vmaf")
    assert all(f">{name}</text>" in drawn for name in ("VMAF", "alpha: nvcodec", "beta: x265 slow", "bits per pixel"))
    assert "### VMAF, one I-frame" in done.stdout and "### alpha, 128×96, 100 frames" in done.stdout  # noqa: RUF001
    for arguments in ((str(path), "--detail", "beauty"), (str(tmp_path / "none.json"),)):
        failed = command(*arguments)
        assert failed.returncode == 1 and len(failed.stderr.splitlines()) == 1
        assert failed.stderr.startswith("python -m nvcodec.benchmarks.report: ")


def test_every_line_of_a_markdown_table_has_the_same_columns() -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", markdown_report(full(), points=True), re.MULTILINE)
    assert len(blocks) > 5
    for block in blocks:
        assert len({line.count("|") - line.count("\\|") for line in block.splitlines()}) == 1


def test_notes_are_said_once_in_markdown() -> None:
    assert markdown_report(full(), ["psnr_y", "vmaf"]).count("nothing is extrapolated") == 1


def test_markdown_keeps_bars_and_line_breaks_within_their_cell() -> None:
    table = Table("T", ("a", "b"), "lr", (("x | y\nz", "1"),))
    assert markdown(table) == "### T\n\n| a | b |\n| --- | ---: |\n| x \\| y z | 1 |\n"


@pytest.mark.parametrize(
    ("value", "text"), [(1.25, "+1.2"), (-0.04, "0.0"), (0.0, "0.0"), (-12.36, "\N{MINUS SIGN}12.4")]
)
def test_signs_are_shown_but_not_of_nothing(value: float, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.003214, "0.00321"), (0.0321, "0.0321"), (0.3214, "0.3214"), (0.00001, "0.0000100"), (0, "0.0000")],
)
def test_rates_have_three_figures_and_four_decimals_at_least(rate: float, text: str) -> None:
    assert rate_text(rate) == text


def test_ticks_are_round_and_within_the_axis() -> None:
    assert rate_ticks(0.004, 0.3) == [0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
    assert rate_ticks(0.0001, 2) == [0.0001, 0.001, 0.01, 0.1, 1.0]
    assert value_ticks(24.2, 38.1) == [26, 28, 30, 32, 34, 36, 38]
    assert value_ticks(-0.3, 0.9) == [-0.2, 0.0, 0.2, 0.4, 0.6, 0.8]


def test_a_single_point_makes_a_plot() -> None:
    one = points("clip", "ours-long", log_quality(40), rates=(0.01,))
    page = Page(report_html(pair(one, points("clip", "rival", log_quality(40), rates=(0.01,))), no_frame))
    assert [svg for svg in page.of("svg") if svg.get("class") == "plot"]
    assert "nan" not in page.text.lower()


def test_metrics_stand_in_their_usual_order_and_strangers_last() -> None:
    files = [
        replace(m, metrics={"zeta": 1.0, "vmaf": 1.0, "ssim": 1.0, "psnr_y": 1.0})
        for m in points("clip", "ours-long", log_quality(40))
    ]
    assert metrics_of(pair(files, [])) == ("psnr_y", "ssim", "vmaf", "zeta")
    assert axis_of("zeta").label == "zeta" and not axis_of("lpips").higher_is_better


def test_an_odd_date_is_shown_as_it_is() -> None:
    assert "Measured yesterday on" in markdown_report(replace(full(), date="yesterday"))


def test_scaled_rivals_are_named_so() -> None:
    small = replace(coder("rival", "hevc", label="x265 slow"), scale=0.5)
    files: list[Any] = [*points("clip", "ours-long", log_quality(40)), *points("clip", "rival", log_quality(40))]
    table = terminal_tables(results(["clip"], [OURS_LONG, small], files))[0]
    assert table.rows[0][0] == "x265 slow at 0.5 \N{MULTIPLICATION SIGN} size, for PSNR"


def test_names_of_clips_cannot_break_the_page() -> None:
    bad = '"><script>alert(1)</script>'
    files = [*points(bad, "ours-long", log_quality(40)), *points(bad, "rival", log_quality(41))]
    odd = replace(pair(files[:5], files[5:]), clips=(Clip(bad, "ab" * 32, 128, 96, 100, 25.0),))
    page = Page(report_html(odd, frame))
    assert len(page.of("script")) == 1
