"""Tiny videos and stills whose pictures say which they are, in the formats that the sets have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

RATE = 10
CODECS = {".mp4": "libx264", ".avi": "mpeg4", ".webm": "libvpx-vp9", ".mkv": "ffv1"}


def grey_of(number: int) -> int:
    """Luma of a video's frame."""
    return 20 + 6 * (number % 36)


def write_video(path: Path, frames: int = 6, width: int = 64, height: int = 48) -> None:
    """Frame n is all of luma `grey_of(n)`, but for a white band at either end of its longer side."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODECS[path.suffix], rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"  # type: ignore[attr-defined]
        stream.codec_context.thread_count, stream.codec_context.bit_rate = 1, 4_000_000
        for number in range(frames):
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = grey_of(number)
            band = abs(width - height) // 4
            ends = planes[:height] if width > height else planes[:height].T
            if band:
                ends[:, :band], ends[:, -band:] = 235, 235
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuv420p")))  # type: ignore[attr-defined]
        container.mux(stream.encode(None))  # type: ignore[attr-defined]


def write_still(path: Path, grey: int = 100, width: int = 64, height: int = 48) -> None:
    """A JPEG (full range, whatever its suffix) of one grey."""
    from skimage.io import imsave

    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".jpg")
    imsave(whole, np.full((height, width, 3), grey, np.uint8), check_contrast=False)
    whole.replace(path)


def touch(*paths: Path) -> None:
    """Files of which a test wants no more than that they are there."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
