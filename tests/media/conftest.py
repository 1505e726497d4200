"""Clips for the media tests: two real ones, and others made of them while the tests run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from .support import CLIPS


@pytest.fixture(scope="session")
def carphone() -> Path:
    return CLIPS / "carphone.mp4"


@pytest.fixture(scope="session")
def bunny() -> Path:
    return CLIPS / "bunny.mp4"


@pytest.fixture(scope="session")
def frames(carphone: Path) -> list[av.VideoFrame]:
    """The first six frames of carphone as FFmpeg decodes them."""
    with av.open(str(carphone)) as container:
        return [frame for frame, _ in zip(container.decode(video=0), range(6), strict=False)]


@pytest.fixture
def make_clip(tmp_path: Path, frames: list[av.VideoFrame]) -> Callable[..., Path]:
    """Writes carphone's frames with PyAV alone, as the test asks, and returns the file."""

    def make(
        name: str = "clip.mkv",
        codec: str = "ffv1",
        pixels: str = "yuv420p",
        *,
        size: tuple[int, int] = (176, 144),
        times: Sequence[int] | None = None,
        time_base: Fraction = Fraction(1, 25),
        options: dict[str, str] | None = None,
        rotation: int = 0,
        mirrored: bool = False,
        stream_tags: dict[str, str] | None = None,
        container_format: str | None = None,
        **attributes: Any,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", format=container_format) as container:
            stream: Any = container.add_stream(codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = *size, pixels
            stream.codec_context.time_base = time_base
            for attribute, value in attributes.items():
                setattr(stream, attribute, value)
            if rotation or mirrored:
                stream.set_display_rotation(rotation, hflip=mirrored)
            stream.metadata.update(stream_tags or {})
            for number, frame in enumerate(frames[: len(times) if times else None]):
                ready = frame.reformat(*size, pixels)
                ready.pts, ready.time_base = (times[number] if times else number), time_base
                container.mux(stream.encode(ready))
            container.mux(stream.encode(None))
        return path

    return make
