"""Who may import whom: the walls between the rooms, read from the source, wherever an import stands."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "bitstream": "nvcodec.bitstream",
    "nvcodec": "nvcodec",
    "cli": "nvcodec.cli",
    "benchmarks": "nvcodec.benchmarks",
}
# All that the prior takes from rooms that see frames: no pixel may ever feed a probability.
CONSTANTS = ("tokenizer.motion.MOTION_DIMS", "tokenizer.motion.MOTION_LEVEL_MAX", "tokenizer.quantize.LEVEL_MAX")
OUTER = ("nvcodec.cli", "nvcodec.benchmarks")


def imports_of(source: str, package: str) -> set[str]:
    """Full names of all that `source`, a module of `package`, imports; "a.b" of `from a import b` too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: -(node.level - 1) or None] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def modules(folder: str) -> Iterator[tuple[Path, set[str]]]:
    """Every Python file below `folder` of the checkout, with what it imports."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for path in files:
        inner = path.relative_to(ROOT / folder).parent.parts
        yield path, imports_of(path.read_text(encoding="utf-8"), ".".join([FOLDERS[folder], *inner]))


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def crossings(folder: str, *forbidden: str) -> list[str]:
    """ "file imports name" for everything below `folder` that imports something forbidden."""
    return [
        f"{path.relative_to(ROOT).as_posix()} imports {name}"
        for path, names in modules(folder)
        for name in sorted(names)
        if any(within(name, package) for package in forbidden)
    ]


def test_imports_are_found_in_every_form() -> None:
    source = """
import av, numpy.linalg
from .. import errors
from .planes import code_levels
if TYPE_CHECKING:
    from nvcodec import cli
def late():
    from nvcodec.weights import Model
"""
    assert imports_of(source, "nvcodec.prior") == {
        "av",
        "numpy.linalg",
        "nvcodec.errors",
        "nvcodec.prior.planes.code_levels",
        "nvcodec.cli",
        "nvcodec.weights.Model",
    }


def test_the_bitstream_stands_on_numpy_constriction_and_a_checksum_alone() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "constriction", "google_crc32c"}
    # Reed and Solomon's code for parity; optional for its licence's sake, so one module has it, inside of functions.
    optional = {"reed_solomon.py imports zfec"}
    strangers = {
        f"{path.name} imports {name}"
        for path, names in modules("bitstream")
        for name in names
        if name.partition(".")[0] not in allowed and not within(name, "nvcodec.bitstream")
    }
    assert strangers == optional


def test_the_library_never_imports_the_command_line_or_the_benchmarks() -> None:
    # __main__ is no part of the library: it is what `python -m nvcodec` runs.
    assert crossings("nvcodec", *OUTER) == ["nvcodec/__main__.py imports nvcodec.cli.main.run"]


def test_benchmarks_never_import_the_command_line() -> None:
    assert crossings("benchmarks", "nvcodec.cli") == []


@pytest.mark.parametrize(
    ("room", "doors"),
    [
        ("media", ()),
        ("tokenizer", ()),
        ("prior", ("tokenizer.conditioning", *CONSTANTS)),
        ("datasets", ("media",)),
        ("weights", ("tokenizer", "prior")),
        ("codec", ("bitstream", "media", "tokenizer", "prior", "weights")),
        # The prior only to write tokens as a file: what generates reads no probability of the codec's.
        ("generate", ("bitstream", "media", "tokenizer", "prior.choosing.LevelChooser", "weights", "codec")),
        ("understand", ("datasets", "tokenizer", "weights")),
        (
            "train",
            ("bitstream", "media", "datasets", "tokenizer", "prior", "weights", "codec", "generate", "understand"),
        ),
    ],
)
def test_a_room_of_the_library_knows_only_the_rooms_before_it(room: str, doors: tuple[str, ...]) -> None:
    everybodys = ("errors", "files", "interruption", "live", "partial", "sole_writer", "__version__")
    open_to_all = [f"nvcodec.{name}" for name in everybodys]
    allowed = [*open_to_all, *(f"nvcodec.{name}" for name in (room, *doors))]
    inside = [(path, names) for path, names in modules("nvcodec") if path.parent.name == room]
    assert inside
    walls = [
        f"{path.name} imports {name}"
        for path, names in inside
        for name in sorted(names)
        if within(name, "nvcodec") and not any(within(name, package) for package in allowed)
    ]
    assert walls == []


@pytest.mark.parametrize(
    ("room", "foreign"),
    [
        ("media", "torch"),
        ("datasets", "torch"),
        ("tokenizer", "av"),
        ("prior", "av"),
        ("codec", "av"),
        ("generate", "av"),
        ("understand", "av"),
    ],
)
def test_networks_know_nothing_of_ffmpeg_and_media_nothing_of_torch(room: str, foreign: str) -> None:
    assert [line for line in crossings("nvcodec", foreign) if line.startswith(f"nvcodec/{room}/")] == []


def test_the_bitstream_loads_neither_torch_nor_any_other_room() -> None:
    code = (
        "import sys, nvcodec.bitstream as b; b.BitDecoder;"
        "print(*(n for n in sys.modules if n.partition('.')[0] in ('torch', 'av', 'zfec', 'nvcodec')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = result.stdout.split()
    assert "nvcodec.bitstream.ans" in loaded
    assert [name for name in loaded if name != "nvcodec" and not within(name, "nvcodec.bitstream")] == []
