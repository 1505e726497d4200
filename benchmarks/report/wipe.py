"""Two decoded frames in one place and a slider between them, as HTML."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol

from .contents import name_of
from .frames import Match, Shown
from .table import TIMES, rate_text

PAGE_BYTES_MAX = 48_000_000  # of all frames of a page, as PNG: more would be slow to open and to send
ENLARGED = 4  # small pictures are shown at most so many times as large
SOURCE = "source"


class FrameSource(Protocol):
    """Where the page takes its frames from."""

    def __call__(self, clip: str, coder: str, setting: float, /) -> bytes | None:
        """A PNG of one frame of a decoded file, always the same one; `coder` SOURCE: of the original."""
        ...


@dataclass(frozen=True)
class Still:
    """A frame with what is to be said of it."""

    name: str
    rate: str
    png: bytes


class FrameBudget:
    """Frames of a source until the page is full."""

    def __init__(self, frames: FrameSource, limit: int = PAGE_BYTES_MAX) -> None:
        self._frames, self._left = frames, limit
        self.refused = 0

    def take(self, clip: str, coder: str, setting: float) -> bytes | None:
        """The frame, or None where there is none or no room."""
        png = self._frames(clip, coder, setting)
        if png is None:
            return None
        if len(png) > self._left:
            self.refused += 1
            return None
        self._left -= len(png)
        return png


def stills_of(match: Match, budget: FrameBudget) -> list[Still]:
    """Ours first, then the rivals, then the original: those that there are."""
    clip, stills = match.clip.name, []
    for shown in (match.ours, *match.rivals):
        png = budget.take(clip, shown.coder.key, shown.file.setting)
        if png is not None:
            stills.append(Still(name_of(shown.coder), _rate(shown, match.ours), png))
    png = budget.take(clip, SOURCE, 0.0)
    return stills if png is None else [*stills, Still("original", "uncoded", png)]


def wipe_html(match: Match, stills: Sequence[Still]) -> str:
    """The figure; `stills` are two or more, those at first seen on the left and on the right in front."""
    clip = match.clip
    title = f"{clip.name} at {rate_text(match.ours.file.bits_per_pixel)} bits per pixel"
    shown = [
        f'<div class="still" data-rate="{escape(still.rate)}">'
        f'<img src="data:image/png;base64,{b64encode(still.png).decode()}" width="{clip.width}" height="{clip.height}" '
        f'alt="{escape(f"A frame of {clip.name}, {still.name}, {still.rate}")}">'
        f'<p class="cap">{escape(still.name)}, {escape(still.rate)}</p></div>'
        for still in stills
    ]
    choices = [f'<option value="{n}">{escape(still.name)}</option>' for n, still in enumerate(stills)]
    selects = [
        f'<label class="{side}"><span>{side}</span><select data-side="{side}">'
        f"{''.join(c.replace('<option', '<option selected', 1) if n == at else c for n, c in enumerate(choices))}"
        f'</select><span class="rate">{escape(stills[at].rate)}</span></label>'
        for at, side in enumerate(("left", "right"))
    ]
    return (
        f'<figure class="wipe" style="--widest:{ENLARGED * clip.width}px"><figcaption>{escape(title)}</figcaption>'
        f'<div class="stage" style="aspect-ratio:{clip.width}/{clip.height}">'
        f'{"".join(shown)}<div class="seam" aria-hidden="true"></div></div>'
        f'<div class="under">{selects[0]}<input type="range" min="0" max="100" value="50" step="1" '
        f'aria-label="{escape(f"Wipe between left and right, {title}")}">{selects[1]}</div></figure>'
    )


def _rate(shown: Shown, ours: Shown) -> str:
    rate = shown.file.bits_per_pixel
    text = f"{rate_text(rate)} bpp"
    return text if shown == ours else f"{text}, {rate / ours.file.bits_per_pixel:.2f} {TIMES} that of nvcodec"
