"""Rates, sizes and regions as people write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nvcodec.codec.roi import Roi

FACTORS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3}

Bitrate = Annotated[
    str | None,
    typer.Option(
        "--bitrate",
        metavar="RATE",
        help="Instead of -q: bits a second of the pictures, such as 200k or 1.5M.",
        show_default=False,
    ),
]
TargetSize = Annotated[
    str | None,
    typer.Option(
        "--target-size",
        metavar="SIZE",
        help="Instead of -q: the largest the whole file may be, such as 3MB. Not for pipes.",
        show_default=False,
    ),
]
TargetVmaf = Annotated[
    float | None,
    typer.Option(
        "--target-vmaf",
        metavar="1..100",
        min=1,
        max=100,
        help="Instead of -q: mean VMAF that every group of frames reaches. Needs nvcodec[bench].",
        show_default=False,
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        "--roi",
        metavar="MASK|X,Y,W,H[:GAIN]",
        help="Where errors count GAIN (8) times: a box in coded pixels, or a picture white there.",
        show_default=False,
    ),
]


def parse_amount(text: str | None, option: str, wrong: str = "no amount") -> int | None:
    """A whole number from "200000", "200k", "1.5M" or, of bytes, "3MB"; thousands are decimal.

    >>> parse_amount("1.5M", "--bitrate")
    1500000

    Raises typer.BadParameter, which names `option`, for anything else: it is `wrong`.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmg]?)b?", text.strip().lower(), re.ASCII)
    amount = round(float(found[1]) * FACTORS[found[2]]) if found else 0
    if not 1 <= amount < 1 << 62:
        raise typer.BadParameter(f"{text!r} is {wrong}; 200000, 200k and 1.5M are", param_hint=option)
    return amount


def parse_roi(text: str | None) -> Roi | None:
    """The region; NvcodecError for what is none."""
    if text is None:
        return None
    from nvcodec.codec.roi import Roi

    return Roi.parse(text)


def refuse_two_rates(
    quality: int | None, bitrate: int | None, target_size: int | None, target_vmaf: float | None
) -> None:
    """Raises typer.BadParameter when more than one says how good the pictures are to be."""
    if sum(each is not None for each in (quality, bitrate, target_size, target_vmaf)) > 1:
        raise typer.BadParameter("of -q, --bitrate, --target-size and --target-vmaf one is enough")
