"""`python -m nvcodec.benchmarks.curves RUN… --key bits --out curves.svg`: learning curves of training runs.

Example: `python -m nvcodec.benchmarks.curves runs/lm runs/lm-next --key loss --out docs/learning.svg`

A run is a folder as `nvcodec train` makes it. Its `log.jsonl` is drawn as means of neighbouring rows, dashed; what
`validation.jsonl` has of the same figure, or of --validation's, as a line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from nvcodec.benchmarks.report.chart import Line, chart_svg

from nvcodec.errors import NvcodecError
from nvcodec.files import atomic_output

POINTS = 60  # of a line, at most


def curves(runs: list[Path], key: str, validation: str, skip: int = 0) -> list[Line]:
    """Two lines a run: of `key` in its log, and of `validation` in what was measured, where it has it.

    The first `skip` steps are left out. NvcodecError for a run that has neither.
    """
    lines = []
    for number, run in enumerate(runs):
        found = [
            Line(f"{run.name}: {key} in training", thinned(points(run / "log.jsonl", key, skip)), number, dashed=True),
            Line(f"{run.name}: {validation} in validation", points(run / "validation.jsonl", validation, skip), number),
        ]
        if not any(line.points for line in found):
            raise NvcodecError(f"{run} has no log of {key!r}, and no measurements of {validation!r}")
        lines += [line for line in found if line.points]
    return lines


def points(path: Path, key: str, skip: int) -> tuple[tuple[float, float], ...]:
    """(step, value) of the rows that have `key`; none where there is no such file. NvcodecError for what is no log."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return tuple((float(row["step"]), float(row[key])) for row in rows if key in row and row["step"] > skip)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NvcodecError(f"{path} is no log of a run ({error})") from error


def thinned(found: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Means of as many neighbours each as leave POINTS or fewer."""
    size = -(-len(found) // POINTS) or 1
    groups = [found[begin : begin + size] for begin in range(0, len(found), size)]
    return tuple(
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups
    )


def main(say: Callable[[str], None] = print) -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.benchmarks.curves", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--key", default="loss", help="what of log.jsonl is drawn: loss, bits, accuracy …")
    parser.add_argument("--validation", metavar="KEY", help="what of validation.jsonl, if it is called otherwise")
    parser.add_argument("--skip", type=int, default=0, metavar="STEPS", help="leave out so many at the beginning")
    parser.add_argument("--title", default="Learning curves")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.svg")
    arguments = parser.parse_args()
    try:
        lines = curves(arguments.runs, arguments.key, arguments.validation or arguments.key, arguments.skip)
    except NvcodecError as error:
        parser.error(str(error))
    with atomic_output(arguments.out, force=True) as file:
        file.write(chart_svg(arguments.title, "step", arguments.key, lines).encode())
    say(f"{arguments.out}: {len(lines)} curves")


if __name__ == "__main__":
    main()
