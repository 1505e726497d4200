"""The page as a reader has it: in Chromium, by mouse and by keyboard, light and dark, wide and narrow.

Skipped where no Chromium is found: neither one of the system nor the one `playwright install chromium` brings.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from nvcodec.benchmarks.report import write_report
from PIL import Image

from .samples import full

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (the extra `test` has it)")

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COLOURS = {"ours-long": (200, 40, 40), "source": (40, 40, 200)}
RIVAL = (40, 160, 40)


def one_colour(clip: str, coder: str, setting: float) -> bytes:
    """A frame that tells whose it is."""
    file = io.BytesIO()
    Image.new("RGB", (128, 96), COLOURS.get(coder, RIVAL)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(full(), one_colour, path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    with playwright.sync_playwright() as tools:
        program = found or tools.chromium.executable_path
        if not Path(program).is_file():
            pytest.skip(f"no Chromium here: none of {', '.join(PROGRAMS)}, and not Playwright's own")
        opened = tools.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()


class Visit:
    """A page with all it asked for and complained of."""

    def __init__(self, page: Page, report: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(report.as_uri())


@pytest.fixture
def visit(browser: Browser, report: Path) -> Iterator[Visit]:
    page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="light")
    visit = Visit(page, report)
    yield visit
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith("data:")] == [report.as_uri()]
    page.close()


def picture(place: Locator) -> np.ndarray:
    """What is to be seen there, [H, W, 3]."""
    return np.asarray(Image.open(io.BytesIO(place.screenshot())).convert("RGB")).astype(int)


def share_of(colour: tuple[int, int, int], shown: np.ndarray) -> float:
    """The share of the middle row that has the colour."""
    row = shown[len(shown) // 2]
    return float((np.abs(row - colour).max(axis=1) < 12).mean())


def test_plots_are_drawn_with_a_line_for_every_coder(visit: Visit) -> None:
    plots = visit.page.locator("svg.plot:visible")
    assert plots.count() == 2  # a clip each, of the metric and series chosen
    for number in range(2):
        plot = plots.nth(number)
        box = plot.bounding_box()
        assert box is not None and box["width"] > 300 and box["height"] > 200
        assert plot.locator("path.line").count() == 6
        assert len(np.unique(picture(plot).reshape(-1, 3), axis=0)) > 20


def test_choosing_a_metric_and_a_series_shows_their_plots_and_tables(visit: Visit) -> None:
    page = visit.page
    assert page.locator(".rd figcaption:visible").all_inner_texts() == ["alpha, PSNR Y, dB", "beta, PSNR Y, dB"]
    page.get_by_label("Metric").select_option("lpips")
    page.get_by_label("Series").select_option("random-access")
    captions = page.locator(".rd figcaption:visible").all_inner_texts()
    assert captions == ["alpha, LPIPS less is better", "beta, LPIPS less is better"]
    assert page.locator("#ranges h3:visible").all_inner_texts() == ["LPIPS, random access"]


def test_the_wipe_follows_the_mouse(visit: Visit) -> None:
    stage = visit.page.locator(".stage").first
    stage.scroll_into_view_if_needed()
    assert share_of(COLOURS["ours-long"], picture(stage)) == pytest.approx(0.5, abs=0.02)
    box = stage.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 3
    visit.page.mouse.move(box["x"] + box["width"] / 2, y)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 0.8 * box["width"], y, steps=5)
    dragged = picture(stage)
    assert share_of(COLOURS["ours-long"], dragged) == pytest.approx(0.8, abs=0.02)
    assert share_of(RIVAL, dragged) == pytest.approx(0.2, abs=0.02)
    visit.page.mouse.up()
    visit.page.mouse.move(box["x"] + 0.1 * box["width"], y)
    assert share_of(COLOURS["ours-long"], picture(stage)) == pytest.approx(0.8, abs=0.02), "let go is let go"


def test_the_wipe_follows_the_keyboard(visit: Visit) -> None:
    page = visit.page
    stage, slider = page.locator(".stage").first, page.locator(".wipe input").first
    slider.focus()
    page.keyboard.press("Home")
    assert share_of(RIVAL, picture(stage)) > 0.97
    page.keyboard.press("End")
    assert share_of(COLOURS["ours-long"], picture(stage)) > 0.97
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert slider.input_value() == "90"
    assert share_of(COLOURS["ours-long"], picture(stage)) == pytest.approx(0.9, abs=0.02)


def test_either_side_can_show_any_coder_or_the_original_with_its_rate(visit: Visit) -> None:
    wipe = visit.page.locator(".wipe").first
    left, right = wipe.locator("select").all()
    rates = wipe.locator(".rate")
    assert rates.nth(0).inner_text() == "0.0100 bpp"
    assert rates.nth(1).inner_text() == "0.00850 bpp, 0.85 \N{MULTIPLICATION SIGN} that of nvcodec"
    left.select_option(label="original")
    right.select_option(label="nvcodec")
    assert rates.all_inner_texts() == ["uncoded", "0.0100 bpp"]
    shown = picture(wipe.locator(".stage"))
    assert share_of(COLOURS["source"], shown) == pytest.approx(0.5, abs=0.02)
    assert share_of(COLOURS["ours-long"], shown) == pytest.approx(0.5, abs=0.02)


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(visit: Visit) -> None:
    page = visit.page
    controls = page.locator("select:visible, input:visible, summary:visible").count()
    for role in ("combobox", "slider"):
        for control in page.get_by_role(role).all():
            assert control.evaluate("e => e.getAttribute('aria-label') || e.labels[0].innerText").strip()
    reached = 0
    for _ in range(3 * controls):
        page.keyboard.press("Tab")
        reached += page.evaluate("['SELECT', 'INPUT', 'SUMMARY'].includes(document.activeElement.tagName)")
        if page.evaluate("document.activeElement === document.body"):
            break
    assert reached >= controls


def test_a_phone_sees_all_of_it_without_scrolling_sideways(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 360, "height": 740})
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
    box = visit.page.locator("svg.plot:visible").first.bounding_box()
    assert box is not None and 280 < box["width"] <= 360


def luminance(colour: str) -> float:
    """Relative luminance of "rgb(r, g, b)" (WCAG 2.2)."""
    parts = np.array([float(part) for part in colour[4:-1].split(",")]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_curves_stand_out_in_light_and_dark(visit: Visit, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]

    def colour(selector: str, which: str) -> float:
        style = f"e => getComputedStyle(e).{which}"
        return luminance(visit.page.locator(selector).first.evaluate(style))

    paper = colour("body", "backgroundColor")
    assert (paper > 0.5) == (scheme == "light")

    def contrast(selector: str) -> float:
        one, two = sorted((colour(selector, "color"), paper))
        return (two + 0.05) / (one + 0.05)

    for text in ("body", ".note", ".origin", "td.more", "td.fewer"):
        assert contrast(text) >= 4.5, text  # WCAG 2.2, 1.4.3
    for family in ("nvcodec", "hevc", "vvc", "av1", "h264"):
        assert contrast(f".curve.{family}") >= 3, family  # 1.4.11


def test_without_scripts_everything_is_there(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("svg.plot:visible").count() == 2 * 3 * 2
    assert page.locator(".still img:visible").count() == page.locator(".still img").count() > 0
    assert page.locator("nav:visible").count() == 0
    context.close()


def test_what_the_page_forbids_is_a_request(visit: Visit) -> None:
    """The list of requests shows even one that the page's own policy stops: it would show any."""
    visit.page.evaluate("new Image().src = 'https://example.invalid/spy.png'")
    visit.page.wait_for_timeout(100)
    assert any("Content Security Policy" in complaint for complaint in visit.complaints)
    visit.complaints.clear()
    visit.requests.remove("https://example.invalid/spy.png")
