"""What `encode` and `decode` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from nvcodec.bitstream import RECOVERY, Limits

from .effort import EFFORT_DEFAULT
from .roi import Roi


@dataclass(frozen=True)
class EncodeOptions:
    """How a video is coded.

    `bitrate`, in bits of coded pictures a second, `target_size`, in bytes of the file, and `target_vmaf`, the mean
    of a GOP, are found by search; then `quality` says nothing. `roi`: where errors count most.

    `quality` 1…100, the higher the better. `gop`: frames of a group that decodes by itself, 1 + 4k; None
    takes 97, or fewer where pictures are so large that their levels would not fit the memory (`gop_size.py`).
    `tokens` codes the token's sign planes alone. `threads` 0: as PyTorch and FFmpeg choose. `start_s`,
    `duration_s` in seconds, `scale` and `audio` as in `MediaReader`. `parity`: as in `ContainerWriter`.
    `effort` 0…9: time spent on saving bits (`effort.py`); a decoder sees no difference.
    """

    quality: int = 50
    gop: int | None = None
    tokens: bool = False
    model: str = "tiny"
    device: str = "cpu"
    threads: int = 0
    start_s: float = 0.0
    duration_s: float | None = None
    scale: str | None = None
    audio: bool = True
    bitrate: int | None = None
    target_size: int | None = None
    target_vmaf: float | None = None
    roi: Roi | None = None
    parity: int | None = None
    effort: int = EFFORT_DEFAULT


@dataclass(frozen=True)
class DecodeOptions:
    """How a video is decoded. `lossless` keeps every decoded bit.

    `start_s` and `duration_s`, in seconds from the first picture, choose a part: from the picture shown at the start
    to the last one that is shown before the end. With `strict` the first damage is an error; else what is lost is
    concealed and said in the report. `limits` is what the file is believed; what claims more is damaged. `container`
    and `replace` as in `MediaWriter`. The others as in `EncodeOptions`.
    """

    lossless: bool = False
    strict: bool = False
    limits: Limits = RECOVERY
    container: str | None = None
    replace: bool = True
    start_s: float = 0.0
    duration_s: float | None = None
    device: str = "cpu"
    threads: int = 0
    audio: bool = True
