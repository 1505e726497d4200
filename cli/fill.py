"""`nvcodec fill`: a part of a clip drawn anew by a language model of tokens."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated

import typer

from .drawing import (
    MASKED_LM,
    Choice,
    ClassName,
    Clip,
    CodedQuality,
    Context,
    Guidance,
    GuidanceSchedule,
    ModelNameOrFile,
    Seed,
    Steps,
    Temperature,
    check_files,
    drawing_line,
    sampling_of,
    tell_drawn,
)
from .messages import count_text
from .options import Debug, Device, DeviceName, Duration, Force, Json, Lossless, Quiet, Start, Threads, parse_part
from .predict import Target

Box = Annotated[
    str | None,
    typer.Option("--box", metavar="X,Y,W,H", help="What to draw anew, in pixels of the clip.", show_default=False),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        metavar="PICTURE",
        help="What to draw anew: where a picture of the clip's shape is white.",
        show_default=False,
    ),
]
Outside = Annotated[bool, typer.Option("--outside", help="Keep the box or the white, and draw all around it anew.")]
Between = Annotated[
    bool, typer.Option("--between", help="Of the first frames, as many as the model draws, redraw all but both ends.")
]


def fill(
    source: Clip,
    target: Target,
    box: Box = None,
    mask: Mask = None,
    outside: Outside = False,
    between: Between = False,
    context: Context = 5,
    class_name: ClassName = None,
    start: Start = "0",
    duration: Duration = None,
    steps: Steps = None,
    guidance: Guidance = None,
    schedule: GuidanceSchedule = None,
    temperature: Temperature = None,
    choice: Choice = None,
    seed: Seed = 0,
    model: ModelNameOrFile = MASKED_LM,
    quality: CodedQuality = 50,
    lossless: Lossless = False,
    force: Force = False,
    device: DeviceName = Device.CPU,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw a part of a clip anew, in every frame, and leave the rest as it is, at the model's size.

    The clip is scaled until it covers the model's square, and cut around the middle. What is drawn are whole squares of
    8 by 8 of its pixels. The same seed, options, model and machine make the same file.
    """
    if sum((box is not None, mask is not None, between)) != 1:
        raise typer.BadParameter("say what to draw anew by one of --box, --mask and --between")
    if outside and between:
        raise typer.BadParameter("--outside goes with --box or --mask")
    start_s, duration_s = parse_part(start, duration)
    area = None if box is None else _box(box)
    check_files(source, target, force, as_json)
    from nvcodec.codec.threads import torch_threads
    from nvcodec.generate import (
        ResultOptions,
        check_masked,
        fill_between,
        known_by_box,
        known_by_mask,
        load_lm,
        read_film,
        write_film,
    )
    from nvcodec.generate import fill as fill_frames

    began = time.perf_counter()
    with torch_threads(threads):
        lm = load_lm(model, device.value)
        check_masked(lm)
        if class_name is not None:
            lm.label(class_name)
        config = sampling_of(
            lm,
            class_name is not None,
            steps=steps,
            choice=choice,
            temperature=temperature,
            guidance=guidance,
            schedule=schedule,
            top_k=None,
            top_p=None,
        )
        most = lm.description.frames if between else None
        film, framing = read_film(source, lm.description.size, start_s=start_s, duration_s=duration_s, most=most)
        with drawing_line(quiet) as watch:
            if between:
                filled = fill_between(lm, film.frames(), config, seed, name=class_name, watch=watch)
            else:
                if area is not None:
                    known = known_by_box(lm.grid, framing, area, outside=outside)
                else:
                    assert mask is not None
                    known = known_by_mask(lm.grid, mask, outside=outside)
                filled = fill_frames(
                    lm, film.frames(), known, config, seed, context=context, name=class_name, watch=watch
                )
        options = ResultOptions(lossless, quality, force, threads)
        warnings = write_film(film.with_frames(filled), target, options)
    facts = {
        "input": str(source),
        "output": str(target),
        "seed": seed,
        "frames": len(film.pictures),
        "warnings": list(warnings),
    }
    text = f"{source} → {target}: {count_text(len(film.pictures), 'frame')}"
    tell_drawn(facts, text, lm, config, began=began, as_json=as_json, quiet=quiet)


def _box(text: str) -> tuple[int, int, int, int]:
    """A box "X,Y,W,H". Raises typer.BadParameter for anything else."""
    found = re.fullmatch(r"(\d{1,6}),(\d{1,6}),([1-9]\d{0,5}),([1-9]\d{0,5})", text.strip(), re.ASCII)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no box X,Y,W,H in pixels, such as 16,16,32,32", param_hint="--box")
    x, y, width, height = map(int, found.groups())
    return x, y, width, height
