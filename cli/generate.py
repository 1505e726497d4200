"""`nvcodec generate`: clips that nobody filmed, drawn from a language model of tokens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nvcodec.errors import NvcodecError

from .drawing import (
    NEXT_LM,
    Choice,
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
from .messages import count_text, print_json, print_summary
from .options import Debug, Device, DeviceName, Force, Json, Lossless, Quiet, Threads
from .streams import is_pipe, open_output

if TYPE_CHECKING:
    from nvcodec.generate import Film, LanguageModel

Target = Annotated[
    Path | None,
    typer.Argument(
        metavar="OUT",
        help="A video, .mgv, a .png (a row for every clip), .npz (the tokens), or - for a pipe. Several clips become "
        "one picture, or with out-%03d.mp4 a file each.",
        show_default=False,
    ),
]
Classes = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="NAME", help="What is to be seen; may be repeated.", show_default=False),
]
Frames = Annotated[
    Path | None,
    typer.Option("--frames", metavar="CLIP", help="Go on from the first frames of a clip.", show_default=False),
]
Image = Annotated[
    Path | None, typer.Option("--image", metavar="PICTURE", help="Go on from a picture.", show_default=False)
]
Count = Annotated[int, typer.Option("-n", "--count", metavar="N", min=1, help="Clips, of every class.")]
ListClasses = Annotated[bool, typer.Option("--list", help="List the classes that the model knows, and end.")]
TOKENS = ".npz"


def generate(
    target: Target = None,
    classes: Classes = None,
    frames: Frames = None,
    image: Image = None,
    count: Count = 1,
    context: Context = 5,
    steps: Steps = None,
    guidance: Guidance = None,
    schedule: GuidanceSchedule = None,
    temperature: Temperature = None,
    choice: Choice = None,
    top_k: TopK = None,
    top_p: TopP = None,
    seed: Seed = 0,
    model: ModelByOptions = None,
    list_classes: ListClasses = False,
    quality: CodedQuality = 50,
    lossless: Lossless = False,
    force: Force = False,
    device: DeviceName = Device.CPU,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw clips of a class, of any class, or that go on from a clip or picture.

    A clip or picture is scaled until it covers the model's square, and cut around the middle. The same seed, options,
    model and machine make the same file.
    """
    if list_classes:
        _list(model or NEXT_LM, as_json)
        return
    if target is None:
        raise typer.BadParameter("say where to write, or --list what can be drawn")
    if frames is not None and image is not None:
        raise typer.BadParameter("--frames and --image both say how a clip begins: one is enough")
    source = frames or image
    check_files(source, target, force, as_json, TOKENS)
    as_tokens = target.suffix.lower() == TOKENS
    if as_tokens and "%" in target.name:
        raise typer.BadParameter(f"{target}: one .npz holds all clips, and no number is put into its name")
    from nvcodec.codec.threads import torch_threads
    from nvcodec.generate import (
        ResultOptions,
        check_films,
        draw_clips,
        film_of,
        load_lm,
        show_clips,
        write_films,
        write_tokens,
    )
    from nvcodec.generate.pictures import USUAL_RATE

    began = time.perf_counter()
    with torch_threads(threads):
        lm = load_lm(model or usual_model(steps, choice), device.value)
        names = [name for name in classes or [None] for _ in range(count)]
        for name in classes or ():
            lm.label(name)
        config = sampling_of(
            lm,
            bool(classes),
            steps=steps,
            choice=choice,
            temperature=temperature,
            guidance=guidance,
            schedule=schedule,
            top_k=top_k,
            top_p=top_p,
        )
        options, columns = ResultOptions(lossless, quality, force, threads), count if len(names) > count > 1 else 0
        if not as_tokens and not is_pipe(target):
            check_films(target, len(names), lm.description.size, options, columns)
        start = None if source is None else _start(source, lm, 1 if image is not None else context)
        with drawing_line(quiet) as watch:
            tokens = draw_clips(lm, names, config, seed, start=None if start is None else start.frames(), watch=watch)
        warnings: tuple[str, ...] = ()
        if as_tokens:
            with open_output(target, force) as file:
                write_tokens(tokens, names, file, model=lm.sha256, tokenizer=lm.description.tokenizer, seed=seed)
        else:
            rate = USUAL_RATE if start is None else start.rate
            films = [film_of(clip, rate) for clip in show_clips(lm, tokens)]
            warnings = write_films(films, target, options, columns)
    facts = {
        "output": str(target),
        "clips": len(names),
        "classes": list(classes or ()),
        "seed": seed,
        "frames": lm.description.frames,
        "shape": list(tokens.shape),
        "warnings": list(warnings),
    }
    of = f" of {', '.join(classes)}" if classes else ""
    text = f"{target}: {count_text(len(names), 'clip')}{of}, {count_text(lm.description.frames, 'frame')}"
    tell_drawn(facts, text, lm, config, began=began, as_json=as_json, quiet=quiet)


def _start(source: Path, model: LanguageModel, count: int) -> Film:
    """The first `count` pictures of a file, at the model's size."""
    from nvcodec.generate import read_film

    film, _ = read_film(source, model.description.size, most=count)
    if len(film.pictures) < count:
        raise NvcodecError(
            f"{source} has {count_text(len(film.pictures), 'picture')}; --context 1 goes on from the first"
        )
    return film


def _list(model: str, as_json: bool) -> None:
    from nvcodec.generate import load_lm

    names = load_lm(model).classes
    if as_json:
        print_json(list(names))
    else:
        print_summary("\n".join(names))
