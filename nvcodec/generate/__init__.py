"""Tokens in and out, and the language model over them.

`clip.py` is a video as the tokens that `nvcodec encode --tokens` codes, `archive.py` keeps one as .npz, `tokens.py`
makes one of a video or a .mgv file and the way back.

The language model (`model.py`) has tokens of its own, of the tokenizer `compact`. `tasks.py` is what it is asked for,
`pictures.py` and `regions.py` what it is asked about, `results.py` writes what it drew:

>>> model = load_lm("lm-tiny")                                                        # doctest: +SKIP
>>> tokens = draw_clips(model, ["3-turn"] * 4, SamplingConfig(guidance=2.0), seed=1)  # [4, T', h, w]
>>> films = [film_of(frames) for frames in show_clips(model, tokens)]
>>> write_films(films, "four.mp4", ResultOptions())
>>> film, _ = read_film("clip.mp4", model.description.size)
>>> whole, future = film.followed_by(predict(model, film.frames(), count=25))
"""

from __future__ import annotations

from .archive import read_archive, write_archive
from .clip import GopTimes, TokenClip
from .model import LanguageModel, load_lm
from .pictures import Film, film_of, read_film
from .regions import known_by_box, known_by_mask
from .results import ResultOptions, check_films, write_film, write_films, write_tokens
from .sampling import SamplingConfig
from .tasks import check_context, check_masked, draw_clips, fill, fill_between, predict, show_clips
from .tokens import clip_of_coded, clip_of_video, write_coded, write_video

__all__ = [
    "Film",
    "GopTimes",
    "LanguageModel",
    "ResultOptions",
    "SamplingConfig",
    "TokenClip",
    "check_context",
    "check_films",
    "check_masked",
    "clip_of_coded",
    "clip_of_video",
    "draw_clips",
    "fill",
    "fill_between",
    "film_of",
    "known_by_box",
    "known_by_mask",
    "load_lm",
    "predict",
    "read_archive",
    "read_film",
    "show_clips",
    "write_archive",
    "write_coded",
    "write_film",
    "write_films",
    "write_tokens",
    "write_video",
]
