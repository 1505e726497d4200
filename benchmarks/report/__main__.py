"""`python -m nvcodec.benchmarks.report results.json [options]`: a run's tables as Markdown.

Example: `python -m nvcodec.benchmarks.report bench/results.json --detail psnr_y vmaf > tables.md`
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nvcodec.benchmarks.axes import metrics_of
from nvcodec.benchmarks.report.contents import markdown_report
from nvcodec.benchmarks.report.rate_chart import rate_chart
from nvcodec.benchmarks.results import read_results

from nvcodec.files import atomic_output


def main() -> None:
    """Parse the command line, print."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.benchmarks.report", description=__doc__)
    parser.add_argument("results", type=Path, metavar="results.json")
    parser.add_argument(
        "--detail", nargs="*", metavar="METRIC", help="metrics to tell clip by clip; left out: the first there is"
    )
    parser.add_argument(
        "--up-to", type=float, metavar="BPP", help="deltas of the files of at most so many bits per pixel, too"
    )
    parser.add_argument(
        "--chart", type=Path, metavar="FILE.svg", help="draw the first of these metrics, up to --up-to"
    )
    parser.add_argument("--points", action="store_true", help="every coded file too")
    arguments = parser.parse_args()
    try:
        results = read_results(arguments.results)
        text = markdown_report(results, arguments.detail, points=arguments.points, up_to=arguments.up_to)
        if arguments.chart is not None:
            metric = arguments.detail[0] if arguments.detail else metrics_of(results)[0]
            drawn = results if arguments.up_to is None else results.up_to(arguments.up_to)
            with atomic_output(arguments.chart, force=True) as file:
                file.write(rate_chart(drawn, metric).encode())
    except (OSError, ValueError) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(text, end="")


if __name__ == "__main__":
    main()
