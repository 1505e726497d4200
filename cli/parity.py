"""The option `--parity`, in percent."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

import typer

WHOLE = 10000  # what the bitstream counts parity in

Parity = Annotated[
    str | None,
    typer.Option(
        "--parity",
        metavar="PERCENT",
        help="Add so much to the file, such as 5%, from which lost bytes are brought back.",
        show_default=False,
    ),
]


def parse_parity(text: str | None) -> int | None:
    """Ten-thousandths, at least 1, from "5%" or "5"; with it comes the certainty that parity can be computed here.

    Raises typer.BadParameter for what is no such share, BitstreamError where the package is missing.

    >>> parse_parity("2.5%")
    250
    """
    if text is None:
        return None
    try:
        percent = Fraction(text.removesuffix("%")) if "/" not in text else Fraction(0)
    except ValueError:
        percent = Fraction(0)
    if not 0 < percent <= 100:
        raise typer.BadParameter(f"{text!r} is not a share above 0 % and up to 100 %", param_hint="--parity")
    from nvcodec.bitstream.reed_solomon import require_package

    require_package()  # at once, not after the model is loaded
    return max(1, round(percent * WHOLE / 100))
