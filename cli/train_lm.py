"""`nvcodec train lm`: the language model learns the tokens of a labelled set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .messages import count_text, print_summary, print_warnings
from .progress import counting_line
from .training import check_run_folder, with_settings

if TYPE_CHECKING:
    from nvcodec.tokenizer import CompactTokenizer
    from nvcodec.train.lm_data import TokenSet


def train_lm(
    config: Path,
    data: Path,
    tokenizer: str,
    folder: Path,
    cache: Path | None,
    resume: bool,
    settings: list[str] | None,
    start: Path | None,
    quiet: bool,
) -> None:
    """Train the language model in `folder`, from what the run `start` has learnt if that is given.

    The set in `data` becomes tokens of `tokenizer` once, in `cache`.
    """
    from nvcodec.datasets import open_labelled
    from nvcodec.train.lm_config import LmTrainConfig, check_lm
    from nvcodec.train.lm_data import token_set
    from nvcodec.train.lm_run import LmRun
    from nvcodec.train.processes import join_processes, leave_processes, own_device
    from nvcodec.train.settings import settings_over
    from nvcodec.weights import load_network, tokenizer_of

    wanted = with_settings(settings_over(LmTrainConfig(), config), settings)
    check_lm(wanted)
    check_run_folder(folder, resume)
    splits = {split: open_labelled(data, split) for split in ("train", "validation")}
    first = int(os.environ.get("RANK", "0")) == 0
    broken: list[str] = []

    def tokens_of(split: str, network: CompactTokenizer, sha256: str) -> TokenSet:
        with counting_line(f"encoding {split}", quiet or not first, unit="clips") as watch:
            size = wanted.frames, wanted.size
            return token_set(splits[split], network, sha256, *size, cache or folder / "data", leave_out, watch)

    def leave_out(source: Path, error: str) -> None:
        broken.append(f"left out {source}: {error}")

    join_processes()
    try:
        loaded = load_network(tokenizer)
        network = tokenizer_of(loaded).to(own_device())
        clips, held_out = (tokens_of(split, network, loaded.sha256) for split in splits)
        print_warnings(broken, quiet or not first)
        bits = (network.config.vocabulary - 1).bit_length()
        training = LmRun(wanted, folder, clips, held_out, loaded.sha256, bits, start)
        bar = counting_line("training", quiet or not first, total=wanted.steps, done=training.step, unit="steps")
        with bar as watch:
            training.train(watch)
    finally:
        leave_processes()
    if first and not quiet:
        print_summary(f"{folder}: {count_text(training.step, 'step')} of {count_text(len(clips.labels), 'clip')}")
