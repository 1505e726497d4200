"""`nvcodec data`: labelled clips to learn from; `moving` makes a set of them, `list` says what is in one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from nvcodec.errors import UnsupportedInput

from .failures import reported
from .messages import one_line, print_json, print_summary
from .options import Debug, Force, Json, Quiet
from .progress import counting_line

EXAMPLES = {
    "moving": "nvcodec data moving clips/moving --train 10000",
    "list": "nvcodec data list clips/moving",
}

Target = Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.", show_default=False)]
Backgrounds = Annotated[
    list[Path] | None,
    typer.Option(
        "--backgrounds",
        metavar="DIR",
        help="Photographs besides those that scikit-learn and scikit-image ship; may be repeated.",
        show_default=False,
    ),
]
Size = Annotated[int, typer.Option("--size", metavar="N", help="Pixels a side, a multiple of 8.")]
Frames = Annotated[int, typer.Option("--frames", metavar="N", help="Frames a clip: 1 + 4k.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed draws the same clips.")]


def _clips_of(split: str) -> typer.models.OptionInfo:
    return typer.Option(f"--{split}", metavar="N", min=0, help=f"Clips for {split}.")


def moving(
    target: Target,
    backgrounds: Backgrounds = None,
    train: Annotated[int, _clips_of("train")] = 10000,
    validation: Annotated[int, _clips_of("validation")] = 1000,
    test: Annotated[int, _clips_of("test")] = 2000,
    size: Size = 64,
    frames: Frames = 17,
    seed: Seed = 1,
    force: Force = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a labelled set: handwritten digits that move, turn or grow before photographs, in 60 classes.

    Classes are "0-right" to "9-grow". No digit and no photograph is in two splits. Needs scikit-learn, for its digits:
    pip install 'nvcodec[data]'.
    """
    from nvcodec.datasets.moving import CLASSES, MovingConfig, check_set_folder, make_moving_set

    config = MovingConfig(train, validation, test, size, frames, seed)
    check_set_folder(target, force)
    with counting_line("drawing clips", quiet, total=train + validation + test) as watch:
        make_moving_set(target, config, backgrounds or [], force=force, watch=watch)
    if not quiet:
        print_summary(f"{target}: {len(CLASSES)} classes, {train} + {validation} + {test} clips")


def list_set(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A labelled set.", show_default=False)],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the classes of a labelled set and its clips for each split.

    Known are folders of classes (DIR/SPLIT/CLASS/clip.mp4, or DIR/CLASS/clip.mp4), and UCF-101, Kinetics,
    Something-Something v2 and ImageNet as their owners store them.
    """
    from nvcodec.datasets.labelled import SPLITS, layout_of, open_labelled

    layout = layout_of(folder)
    found, without = {}, {}
    for split in SPLITS:
        try:
            found[split] = open_labelled(folder, split)
        except UnsupportedInput as error:
            without[split] = str(error)
    if not found:
        raise UnsupportedInput(next(iter(without.values())))
    classes = next(iter(found.values())).classes
    counts = {split: Counter(clip.label for clip in each.clips) for split, each in found.items()}
    if as_json:
        splits = {split: {"clips": len(each.clips), "missing": each.missing} for split, each in found.items()}
        rows = [
            {"name": name, **{split: count[label] for split, count in counts.items()}}
            for label, name in enumerate(classes)
        ]
        print_json({"layout": layout, "splits": splits, "classes": rows})
        return
    width = max(len(one_line(name)) for name in classes)
    lines = [f"{folder}: {layout}, {len(classes)} {'class' if len(classes) == 1 else 'classes'}"]
    lines.append(" ".join(["class".ljust(width), *(split.rjust(10) for split in found)]))
    for label, name in enumerate(classes):
        lines.append(" ".join([one_line(name).ljust(width), *(f"{count[label]:10}" for count in counts.values())]))
    lines.append(" ".join(["all".ljust(width), *(f"{len(each.clips):10}" for each in found.values())]))
    lines += [f"{each.missing} listed clips for {split} are not there" for split, each in found.items() if each.missing]
    print_summary("\n".join([*lines, *(one_line(error) for error in without.values())]))


def data_group() -> typer.Typer:
    """`nvcodec data` with its two commands."""
    group = typer.Typer(
        help="Labelled clips: make a set of moving digits, or list what is in a set.",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    for name, command in {"moving": moving, "list": list_set}.items():
        group.command(name, epilog=f"Example: {EXAMPLES[name]}")(reported(command))
    return group
