"""`nvcodec export`: a training run becomes weights that code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nvcodec.errors import NvcodecError
from nvcodec.files import check_output

from .messages import print_json, print_summary, size_text
from .options import Debug, Force, Json

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.", show_default=False)]
Target = Annotated[
    Path, typer.Argument(metavar="OUT.safetensors", help="The card goes beside it, as OUT.json.", show_default=False)
]
Note = Annotated[str | None, typer.Option("--note", help="A line for the card.", show_default=False)]
Figures = Annotated[
    Path | None, typer.Option("--figures", metavar="JSON", help="Measured figures for the card.", show_default=False)
]


def export(
    run: RunFolder,
    target: Target,
    note: Note = None,
    figures: Figures = None,
    force: Force = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a run's averaged weights, its prior as integers, and the card that says what made them."""
    from nvcodec.weights.catalogue import CARD_SUFFIX, SUFFIX

    if target.suffix != SUFFIX:
        raise typer.BadParameter(f"{target} does not end in {SUFFIX}")
    for output in (target, target.with_suffix(CARD_SUFFIX)):
        check_output(output, force)
    from nvcodec.train.checkpoint import CHECKPOINT
    from nvcodec.train.export import export_run

    if not (run / CHECKPOINT).is_file():
        raise NvcodecError(f"{run} is no training run: it has no {CHECKPOINT}")
    card: dict[str, Any] = {"note": note} if note else {}
    if figures is not None:
        try:
            card["figures"] = json.loads(figures.read_text(encoding="utf-8"))
        except OSError as error:
            raise NvcodecError(f"{figures} cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise NvcodecError(f"{figures} is not JSON: {error}") from error
    model = export_run(run, target.stem, target.parent, card)
    if as_json:
        print_json({"path": str(model.path), "sha256": model.sha256, "bytes": model.bytes, "card": model.card})
    else:
        print_summary(f"{run} → {model.path}: {size_text(model.bytes)}\n  sha256 {model.sha256}")
