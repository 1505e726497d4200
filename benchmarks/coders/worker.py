"""`python -m nvcodec.benchmarks.coders.worker encode|decode IN OUT …`: nvcodec's library, in a process by itself.

Prints JSON: {"seconds": …}, the time that the library took.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from nvcodec.bitstream import BitstreamError

import nvcodec
from nvcodec.errors import NvcodecError


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("encode", "decode"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--quality", type=int)
    parser.add_argument("--gop", type=int)
    parser.add_argument("--model", default="tiny")
    arguments = parser.parse_args()
    try:
        report = encode(arguments) if arguments.step == "encode" else decode(arguments)
    except (NvcodecError, BitstreamError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"seconds": report.seconds}))
    return 0


def encode(arguments: argparse.Namespace) -> nvcodec.EncodeReport:
    """A y4m file to .mgv."""
    options = nvcodec.EncodeOptions(
        quality=arguments.quality,
        gop=arguments.gop,
        model=arguments.model,
        threads=arguments.threads,
        audio=False,
    )
    with open(arguments.target, "wb") as file:
        return nvcodec.encode(arguments.source, file, options)


def decode(arguments: argparse.Namespace) -> nvcodec.DecodeReport:
    """An .mgv file to y4m."""
    with open(arguments.source, "rb") as file:
        return nvcodec.decode(file, arguments.target, nvcodec.DecodeOptions(threads=arguments.threads, strict=True))


if __name__ == "__main__":
    sys.exit(main())
