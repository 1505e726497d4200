"""The command `nvcodec`: its sub-commands, and where it begins and ends.

Nothing heavy is imported here or by the command files: `--help` and shell completion must answer at once.
"""

from __future__ import annotations

import io
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

import nvcodec
from nvcodec.interruption import interruption_in

from .bench import bench
from .classify import classify
from .concat import concat
from .cut import cut
from .data import data_group
from .decode import decode
from .demo import demo
from .encode import encode
from .export import export
from .failures import report, reported
from .fill import fill
from .generate import generate
from .info import info
from .models import models_group
from .predict import predict
from .repair import repair
from .thin import thin
from .tokens import tokens
from .train import train
from .verify import verify

EXAMPLES = {
    encode: "nvcodec encode in.mp4 out.mgv -q 40",
    decode: "nvcodec decode out.mgv out.mp4",
    info: "nvcodec info out.mgv --heatmap bits.png",
    verify: "nvcodec verify out.mgv",
    cut: "nvcodec cut out.mgv part.mgv --start 1:30 --duration 20",
    concat: "nvcodec concat one.mgv two.mgv both.mgv",
    thin: "nvcodec thin out.mgv small.mgv --bitrate 200k",
    repair: "nvcodec repair broken.mgv whole.mgv",
    tokens: "nvcodec tokens clip.mp4 clip.npz",
    generate: "nvcodec generate --class 3-turn -n 4 --seed 1 turning.mp4",
    predict: "nvcodec predict clip.mp4 longer.mp4 --seconds 1",
    fill: "nvcodec fill clip.mp4 filled.mp4 --box 16,16,32,32",
    classify: "nvcodec classify clip.mp4 --probe probe.safetensors",
    demo: "nvcodec demo",
    train: "nvcodec train joint small.toml --data clips --set steps=2000",
    export: "nvcodec export runs/small small.safetensors",
    bench: "nvcodec bench in.mp4 --against hevc,vvc --frames 60 --out results",
}

app = typer.Typer(
    help="A neural video codec: real video in, a .mgv file out, and back.",
    epilog="Example: nvcodec encode in.mp4 out.mgv && nvcodec decode out.mgv out.mp4",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help answers in half the time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command, _example in EXAMPLES.items():
    app.command(epilog=f"Example: {_example}")(reported(_command))
app.add_typer(data_group(), name="data", epilog="Example: nvcodec data moving clips/moving")
app.add_typer(models_group(), name="models", epilog="Example: nvcodec models add mine.safetensors")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"nvcodec {nvcodec.__version__}", flush=True)
        raise typer.Exit


@app.callback()
def _group(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options that stand before the command."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise interruption_in(frame, KeyboardInterrupt())


def _terminate(number: int, frame: FrameType | None) -> None:
    raise interruption_in(frame, SystemExit(128 + number))  # unwinds, so that no half-written output stays behind


def run() -> None:
    """The installed command, and `python -m nvcodec`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background job of a shell ignores it
        signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name it can't show is no reason to fail
    try:
        app(prog_name="nvcodec")
    except OSError as error:  # help or the version, which no command stands around, could not be written
        sys.exit(report(error))
