"""`nvcodec classify`: what is in a video, by a probe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .messages import one_line, print_json, print_summary
from .options import Debug, Device, DeviceName, Json
from .streams import is_pipe

Clip = Annotated[
    Path, typer.Argument(metavar="CLIP", help="Anything FFmpeg reads; its middle is seen.", show_default=False)
]
ProbeName = Annotated[
    str,
    typer.Option(
        "--probe", metavar="NAME|FILE", help="What nvcodec train probe has made and nvcodec export written.",
        show_default=False,
    ),
]
Top = Annotated[int, typer.Option("--top", metavar="N", min=1, help="Show the N likeliest classes.")]


def classify(
    clip: Clip,
    probe: ProbeName,
    top: Top = 5,
    device: DeviceName = Device.CPU,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Name the class of a video or still: the likeliest ones and their probabilities.

    The probe sees as many frames as it has learnt to, from the middle of the clip, and of them the square in the
    middle.
    """
    if is_pipe(clip):
        raise typer.BadParameter("a clip is read twice, first for its length; give it as a file")
    from nvcodec.understand import load_probe

    loaded = load_probe(probe, device.value)
    (probabilities,) = loaded.classify(loaded.read(clip))
    values, places = probabilities.topk(min(top, len(loaded.classes)))
    found = [(loaded.classes[place], value) for place, value in zip(places.tolist(), values.tolist(), strict=True)]
    if as_json:
        rows = [{"class": name, "probability": round(value, 6)} for name, value in found]
        print_json({"clip": str(clip), "probe": {"name": loaded.name, "sha256": loaded.sha256}, "classes": rows})
        return
    width = max(len(one_line(name)) for name, _ in found)
    print_summary("\n".join(f"{one_line(name).ljust(width)}  {100 * value:5.1f} %" for name, value in found))
