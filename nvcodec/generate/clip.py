"""A video as tokens: integers on a grid of time, rows and columns, and what is needed to show them again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nvcodec.bitstream import latent_frames
from nvcodec.codec.gop_size import grid_size
from nvcodec.errors import UnsupportedInput
from nvcodec.media import VideoFormat

TOKEN_BITS = 18
VOCABULARY = 1 << TOKEN_BITS


@dataclass(frozen=True)
class GopTimes:
    """Times of the pictures of a GOP, which decodes by itself, in units of the video's `time_base`.

    `pts` increases strictly; `duration` is the last picture's, 0 where it is not known.
    """

    pts: tuple[int, ...]
    duration: int

    @property
    def latents(self) -> int:
        """Latent frames of the GOP: its first picture alone, then four at a time."""
        return latent_frames(len(self.pts))


@dataclass(frozen=True, eq=False)
class TokenClip:
    """Tokens `[T', h, w]` uint32 in 0 … 2^18 − 1, and the video they stand for; sound has no tokens.

    Bit i of a token is 1 where dimension i of the latent is not negative (`nvcodec.tokenizer.lfq.pack`). h and w are
    rows and columns of 8 × 8 pixels, those at the edges filled up. The T' latent frames are those of all `gops`, one
    after the other. `model_sha256` is that of the weights whose tokens these are, in hexadecimal.

    UnsupportedInput when the parts do not go together.
    """

    tokens: np.ndarray
    video: VideoFormat
    gops: tuple[GopTimes, ...]
    model_sha256: str

    def __post_init__(self) -> None:
        if self.tokens.ndim != 3 or self.tokens.dtype != np.uint32:
            raise UnsupportedInput(f"tokens are [T', h, w] uint32, not {self.tokens.shape} {self.tokens.dtype}")
        wanted = (sum(gop.latents for gop in self.gops), *grid_size(self.video.width, self.video.height))
        if not self.gops or self.tokens.shape != wanted:
            raise UnsupportedInput(f"tokens are {self.tokens.shape} where times and size make them {wanted}")
        if int(self.tokens.max()) >= VOCABULARY:
            raise UnsupportedInput(f"token {int(self.tokens.max())} is not in 0…{VOCABULARY - 1}")

    @property
    def frames(self) -> int:
        """How many pictures there are."""
        return sum(len(gop.pts) for gop in self.gops)

    def by_gop(self) -> Iterator[tuple[GopTimes, np.ndarray]]:
        """The GOPs in turn, each with its tokens `[T', h, w]`."""
        begin = 0
        for gop in self.gops:
            yield gop, self.tokens[begin : begin + gop.latents]
            begin += gop.latents
