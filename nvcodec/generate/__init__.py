"""Tokens in and out, and the language model over them: the same tokens that `nvcodec encode --tokens` codes.

`clip.py` is a video as tokens, `archive.py` keeps one as .npz, `tokens.py` makes one of a video or a .mgv file and
the way back.
"""

from __future__ import annotations

from .archive import read_archive, write_archive
from .clip import GopTimes, TokenClip
from .tokens import clip_of_coded, clip_of_video, write_coded, write_video

__all__ = [
    "GopTimes",
    "TokenClip",
    "clip_of_coded",
    "clip_of_video",
    "read_archive",
    "write_archive",
    "write_coded",
    "write_video",
]
