"""One labelled clip as training reads clips: some frames, square, packed 4:2:0."""

from __future__ import annotations

import numpy as np

from nvcodec.errors import UnsupportedInput
from nvcodec.media import MediaReader, Picture, VideoFormat
from nvcodec.media.packing import pack
from nvcodec.media.square import Framing, framing_of, squared, stored_scale

from .clips import LabelledClip


def read_clip(clip: LabelledClip, frames: int, size: int) -> np.ndarray:
    """`frames` successive pictures of a clip, from the middle of its time range: `[frames, 6, size/2, size/2]` uint8.

    Upright, scaled so that the shorter side of what is shown is `size`, an even number, and cut to the square in the
    middle; packed as `nvcodec.media.packing` says, in limited range. Of a clip that is too short the last picture is
    repeated, and a still is nothing else. Raises UnsupportedInput for what cannot be read.
    """
    if frames < 1 or size < 2 or size % 2:
        raise ValueError(f"no clip has {frames} frames of {size} pixels a side")
    start_s = clip.start_s or 0.0
    duration_s = None if clip.end_s is None else clip.end_s - start_s
    with MediaReader(clip.path, start_s=start_s, duration_s=duration_s, audio=False, threads=1) as media:
        video, count = media.video, media.frame_count
        spare = max(0, (count or frames) - frames) // 2
        framing = framing_of(video, size)
        if not spare and stored_scale(framing, video) == f"{video.width}x{video.height}":
            return _square(media, framing, frames)
    if spare and video.frame_rate:
        # Half a frame early, so that rounding loses none.
        later_s = start_s + (spare - 0.5) / float(video.frame_rate)
        try:
            return _read(clip, later_s, frames, framing, video)
        except UnsupportedInput:
            pass  # it has fewer pictures than it says: from its beginning, then
    return _read(clip, start_s, frames, framing, video)


def _read(clip: LabelledClip, start_s: float, frames: int, framing: Framing, video: VideoFormat) -> np.ndarray:
    left_s = None if clip.end_s is None else clip.end_s - start_s
    options = {"duration_s": left_s, "scale": stored_scale(framing, video), "audio": False, "threads": 1}
    with MediaReader(clip.path, start_s=start_s, **options) as media:
        return _square(media, framing, frames)


def _square(media: MediaReader, framing: Framing, frames: int) -> np.ndarray:
    """The first pictures of a part that is of the right scale, the last one repeated where there are too few."""
    found = []
    for item in media.items():
        if isinstance(item, Picture):
            square = squared(item, media.video, framing)
            found.append(pack(square.y, square.u, square.v))
        if len(found) == frames:
            break
    return np.stack(found + found[-1:] * (frames - len(found)))
