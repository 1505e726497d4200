"""`nvcodec train probe` and `nvcodec train features`: a network learns the classes of a labelled set."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nvcodec.errors import UnsupportedInput
from nvcodec.files import atomic_output

from .messages import count_text, print_summary, print_warnings
from .progress import counting_line
from .training import check_run_folder, with_settings

if TYPE_CHECKING:
    from nvcodec.datasets import LabelledSet

TEST_SPLIT = "test"


def train_probe(
    stage: str,
    data: Path,
    reads: str,
    tokenizer: str,
    folder: Path,
    cache: Path | None,
    resume: bool,
    settings: list[str] | None,
    quiet: bool,
) -> None:
    """Train in `folder` on the set in `data`, which becomes pixels, or tokens of `tokenizer`, once, in `cache`.

    At the end its accuracy on the test split, where the set has one, is kept in the run's folder.
    """
    from nvcodec.datasets import open_labelled
    from nvcodec.train.lm_data import token_set
    from nvcodec.train.pixel_data import pixel_set
    from nvcodec.train.probe import TEST, ClipSet, ProbeRun
    from nvcodec.train.probe_config import TOKENS, check_probe, usual_config
    from nvcodec.train.processes import join_processes, leave_processes, own_device
    from nvcodec.understand.probe import load_tokenizer, reading_of
    from nvcodec.weights import tokenizer_of

    wanted = with_settings(usual_config(stage, reads), settings)
    check_probe(wanted)
    check_run_folder(folder, resume)
    splits = {split: _split(open_labelled, data, split) for split in ("train", "validation", TEST_SPLIT)}
    first = int(os.environ.get("RANK", "0")) == 0
    broken: list[str] = []

    def leave_out(source: Path, error: str) -> None:
        broken.append(f"left out {source}: {error}")

    def read(split: str) -> ClipSet | None:
        labelled = splits[split]
        if labelled is None:
            return None
        with counting_line(f"reading {split}", quiet or not first, unit="clips") as watch:
            clip = wanted.frames, wanted.size
            if loaded is None:
                return pixel_set(labelled, *clip, kept, leave_out, watch)
            return token_set(labelled, tokenizer_of(loaded), loaded.sha256, *clip, kept, leave_out, watch)

    join_processes()
    try:
        loaded = load_tokenizer(tokenizer, str(own_device())) if reads == TOKENS else None
        reading = {} if loaded is None else reading_of(loaded)
        kept = cache or folder / "data"
        clips, held_out, test = (read(split) for split in splits)
        assert clips is not None  # a set that has none to learn from is refused above
        print_warnings(broken, quiet or not first)
        training = ProbeRun(wanted, folder, clips, held_out, **reading)
        bar = counting_line("training", quiet or not first, total=wanted.steps, done=training.step, unit="steps")
        with bar as watch:
            training.train(watch)
        found = training.accuracy(test) if test is not None else None
    finally:
        leave_processes()
    if not first:
        return
    said = f"{folder}: {count_text(training.step, 'step')} of {count_text(len(clips), 'clip')}"
    if found is not None:
        with atomic_output(folder / TEST, force=True) as file:
            file.write(json.dumps({"step": training.step} | found.row()).encode())
        said += f"; of {count_text(found.clips, 'test clip')} {100 * found.accuracy:.1f} % are judged right"
    if not quiet:
        print_summary(said)


def _split(opened: Callable[[Path, str], LabelledSet], data: Path, split: str) -> LabelledSet | None:
    """The clips of a split; None where a set has none, as it may for all but training."""
    try:
        return opened(data, split)
    except UnsupportedInput:
        if split == "train":
            raise
        return None
