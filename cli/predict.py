"""`nvcodec predict`: how a clip goes on, drawn from a language model of tokens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from nvcodec.errors import NvcodecError

from .drawing import (
    Choice,
    ClassName,
    Clip,
    CodedQuality,
    Context,
    Guidance,
    GuidanceSchedule,
    ModelByOptions,
    Seed,
    Steps,
    Temperature,
    TopK,
    TopP,
    check_files,
    drawing_line,
    sampling_of,
    tell_drawn,
    usual_model,
)
from .messages import count_text
from .options import (
    Debug,
    Device,
    DeviceName,
    Duration,
    Force,
    Json,
    Lossless,
    Quiet,
    Start,
    Threads,
    parse_part,
    parse_time,
)

Target = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        help="A video, .mgv, a .png (some frames in a row), frames-%05d.png, or - for a pipe.",
        show_default=False,
    ),
]
Seconds = Annotated[str, typer.Option("--seconds", metavar="T", help="How much to draw, at the clip's frame rate.")]
FutureOnly = Annotated[bool, typer.Option("--future-only", help="Write what is drawn without the clip before it.")]


def predict(
    source: Clip,
    target: Target,
    seconds: Seconds = "1",
    future_only: FutureOnly = False,
    context: Context = 5,
    class_name: ClassName = None,
    start: Start = "0",
    duration: Duration = None,
    steps: Steps = None,
    guidance: Guidance = None,
    schedule: GuidanceSchedule = None,
    temperature: Temperature = None,
    choice: Choice = None,
    top_k: TopK = None,
    top_p: TopP = None,
    seed: Seed = 0,
    model: ModelByOptions = None,
    quality: CodedQuality = 50,
    lossless: Lossless = False,
    force: Force = False,
    device: DeviceName = Device.CPU,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw how a clip goes on, and write the clip, at the model's size, with its future behind it.

    The clip is scaled until it covers the model's square, and cut around the middle. Its last frames are what the
    next ones are drawn from, and so on. The same seed, options, model and machine make the same file.
    """
    start_s, duration_s = parse_part(start, duration)
    wanted_s = parse_time(seconds, "--seconds")
    check_files(source, target, force, as_json)
    from nvcodec.codec.threads import torch_threads
    from nvcodec.generate import ResultOptions, check_context, load_lm, read_film, write_film
    from nvcodec.generate import predict as predict_frames

    began = time.perf_counter()
    with torch_threads(threads):
        lm = load_lm(model or usual_model(steps, choice), device.value)
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
            top_k=top_k,
            top_p=top_p,
        )
        check_context(lm, context)
        film, _ = read_film(source, lm.description.size, start_s=start_s, duration_s=duration_s)
        if len(film.pictures) < context:
            least = count_text(len(film.pictures), "picture")
            raise NvcodecError(f"{source} has {least}, and {context} are drawn from; --context 1 takes the last alone")
        count = max(1, round(wanted_s * film.rate))
        last = film.last(context).frames()
        with drawing_line(quiet) as watch:
            future = predict_frames(lm, last, count, config, seed, context=context, name=class_name, watch=watch)
        whole, alone = film.followed_by(future)
        options = ResultOptions(lossless, quality, force, threads)
        warnings = write_film(alone if future_only else whole, target, options)
    facts = {
        "input": str(source),
        "output": str(target),
        "seed": seed,
        "frames": len((alone if future_only else whole).pictures),
        "drawn_frames": count,
        "warnings": list(warnings),
    }
    text = f"{source} → {target}: {count_text(count, 'frame')} drawn after {len(film.pictures)}"
    tell_drawn(facts, text, lm, config, began=began, as_json=as_json, quiet=quiet)
