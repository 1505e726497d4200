"""What was drawn, as files: a video, a picture of pictures, a `.mgv` file by way of the codec, or the tokens."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import BinaryIO

import numpy as np
from torch import Tensor

from nvcodec.codec import EncodeOptions, encode
from nvcodec.errors import NvcodecError
from nvcodec.files import atomic_output, check_output
from nvcodec.media import MediaWriter
from nvcodec.media.formats import MAX_SIDE
from nvcodec.media.plain import NUMBER

from .pictures import Film, sheet, tiled

SHEET_COLUMNS = 17  # pictures of a clip that a PNG shows


@dataclass(frozen=True)
class ResultOptions:
    """How films are written: `quality` is that of `.mgv`, `replace` lets files go that are there already."""

    lossless: bool = False
    quality: int = 50
    replace: bool = False
    threads: int = 0


def check_films(target: str | Path, count: int, size: int, options: ResultOptions, columns: int = 0) -> None:
    """NvcodecError and its kin if `write_films` could not write so many films of `size` pixels: asked before any is
    drawn."""
    target = Path(target)
    if NUMBER.search(target.name):
        for number in range(1, count + 1):
            check_output(numbered(target, number), options.replace)
    elif size * max(_rows_and_columns(target, count, columns)) > MAX_SIDE:
        pattern = f"{target.stem}-%03d{target.suffix}"
        raise NvcodecError(f"{count} clips are too many for one picture; {pattern} makes a file of each")


def write_films(films: Sequence[Film], target: str | Path, options: ResultOptions, columns: int = 0) -> tuple[str, ...]:
    """Write square films of one size and length as `target`; returns warnings.

    A video or `.mgv` file shows all side by side in `columns` (0: about a square), a PNG has a row for each. With a
    number in the name, as in "out-%03d.mp4", each becomes a file, counted from 1. NvcodecError and its kin for what
    cannot be written.
    """
    target = Path(target)
    check_films(target, len(films), films[0].video.width, options, columns)
    if NUMBER.search(target.name):
        named = ((film, numbered(target, number)) for number, film in enumerate(films, start=1))
        return tuple(line for film, name in named for line in write_film(film, name, options))
    _, wide = _rows_and_columns(target, len(films), columns)
    shown = sheet(films, wide) if _is_sheet(target) else tiled(films, wide)
    return write_film(shown, target, options)


def write_film(film: Film, target: str | Path, options: ResultOptions) -> tuple[str, ...]:
    """Write one film as `MediaWriter` takes `target`, or as `.mgv`; one PNG shows several of its pictures in a row."""
    target = Path(target)
    if target.suffix.lower() == ".mgv":
        with atomic_output(target, options.replace) as file:
            return _write_coded(film, file, options)
    check_output(target, options.replace)
    if _is_sheet(target) and not NUMBER.search(target.name) and len(film.pictures) > 1:
        film = sheet([film], SHEET_COLUMNS)
    settings = {"lossless": options.lossless, "threads": options.threads, "replace": options.replace}
    with MediaWriter(target, film.video, **settings) as out:
        for picture in film.pictures:
            out.write(picture)
    return tuple(out.warnings)


def _write_coded(film: Film, file: BinaryIO, options: ResultOptions) -> tuple[str, ...]:
    """The codec reads files: it is given one without loss."""
    with tempfile.TemporaryDirectory(prefix="nvcodec-") as folder:
        whole = Path(folder) / "film.mp4"  # unlike Matroska, it keeps times exactly
        write_film(film, whole, ResultOptions(lossless=True, threads=options.threads))
        return encode(whole, file, EncodeOptions(quality=options.quality, threads=options.threads)).warnings


def write_tokens(
    tokens: Tensor, classes: Sequence[str | None], file: BinaryIO, *, model: str, tokenizer: str, seed: int
) -> None:
    """Write `tokens` [n, T', h, w] as .npz, which holds no objects, so that nothing is ever unpickled.

    | array | |
    | --- | --- |
    | tokens | [n, T', h, w] uint32 |
    | classes | [n] text: the class that each was drawn of, "" where of none |
    | seed | [] int64 |
    | model, tokenizer | [32] uint8: SHA-256 of the weights |
    """
    np.savez_compressed(
        file,
        tokens=tokens.numpy().astype(np.uint32),
        classes=np.array([name or "" for name in classes], dtype=np.str_),
        seed=np.int64(seed),
        model=np.frombuffer(bytes.fromhex(model), np.uint8),
        tokenizer=np.frombuffer(bytes.fromhex(tokenizer), np.uint8),
    )


def numbered(target: Path, number: int) -> Path:
    """The name with `number` in the place that is kept for it."""
    return target.with_name(NUMBER.sub(lambda match: match[0] % number, target.name))


def _rows_and_columns(target: Path, count: int, columns: int) -> tuple[int, int]:
    """How many pictures so many films become, from top to bottom and from left to right."""
    if _is_sheet(target):
        return count, SHEET_COLUMNS
    wide = columns or isqrt(count - 1) + 1
    return -(-count // wide), wide


def _is_sheet(target: Path) -> bool:
    return target.suffix.lower() == ".png"
