"""Pictures of clips: a row for each, some of its frames from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nvcodec.benchmarks.labelled import RealClips
from torch import Tensor

from nvcodec.files import atomic_output
from nvcodec.generate.pictures import film_of, sheet
from nvcodec.media.images import png_bytes

ROWS, COLUMNS = 10, 9


@dataclass(frozen=True)
class Samples:
    """Clips `[n, 6, T, H/2, W/2]` to look at, and what the picture of them is called."""

    name: str
    frames: Tensor


def places_shown(real: RealClips) -> list[int]:
    """Places of up to ROWS clips, each of another class, evenly from all classes."""
    classes, labels = len(real.judge.classes), real.labels.tolist()
    step = classes // ROWS + 1  # one more than a tenth: neighbours are of another digit and of another motion
    wanted = dict.fromkeys(number * step % classes for number in range(ROWS))
    return [labels.index(label) for label in wanted if label in labels]


def write_samples(samples: Sequence[Samples], folder: Path) -> None:
    """`samples-NAME.png` of each, in the place of earlier ones."""
    for each in samples:
        film = sheet([film_of(clip) for clip in each.frames], COLUMNS)
        with atomic_output(folder / f"samples-{each.name}.png", force=True) as file:
            file.write(png_bytes(film.pictures[0], film.video))
