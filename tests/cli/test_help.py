"""What the command says of itself: help with examples, at once; its version; completion for shells."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import nvcodec

from .support import COMMAND, COMMANDS, environment, run, run_well

HEAVY = {"torch", "av", "numpy", "scipy", "skimage", "constriction", "safetensors", "rich"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example_of_that_command(command: str, tmp_path: Path) -> None:
    text = run_well(command, "--help", cwd=tmp_path).text
    assert text.startswith(f"Usage: nvcodec {command}")
    assert re.search(rf"^\s*Example: nvcodec {command}\b", text, re.MULTILINE)


def test_help_of_the_whole_names_every_command_and_shows_the_way_there_and_back(tmp_path: Path) -> None:
    text = run_well("-h", cwd=tmp_path).text
    listed = re.findall(r"^  ([a-z]+)  ", text[text.index("Commands:") :], re.MULTILINE)
    assert tuple(listed) == COMMANDS
    assert "Example: nvcodec encode in.mp4 out.mgv && nvcodec decode out.mgv out.mp4" in text


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "-h"] for name in COMMANDS)])
def test_help_and_version_answer_before_anything_heavy_is_loaded(
    arguments: list[str], tmp_path: Path
) -> None:
    python, *module = COMMAND
    result = subprocess.run(
        [python, "-X", "importtime", *module, *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "nvcodec.cli.main" in loaded
    assert {name for name in loaded if name.partition(".")[0] in HEAVY} == set()


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    assert run_well("--version", cwd=tmp_path).text == f"nvcodec {nvcodec.__version__}\n".replace(
        "\n", os.linesep
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["encode", "in.mp4", "--frobnicate"], "No such option: --frobnicate"),
        (["encode"], "Missing argument 'IN'"),
        (["encode", "in.mp4", "-q", "101"], "'-q' / '--quality'"),
        (["encode", "in.mp4", "-q", "0"], "'-q' / '--quality'"),
        (["encode", "in.mp4", "--gop", "none"], "'--gop'"),
        (["encode", "in.mp4", "--start", "soon"], "'soon' is not a time"),
        (["encode", "in.mp4", "--duration", "0"], "no picture is that short"),
        (["encode", "in.mp4", "--device", "abacus"], "'--device'"),
        (["encode", "-"], "say where to write what comes from the pipe"),
        (["encode", "in.mp4", "-", "--json"], "would both write to standard output"),
        (["decode", "-"], "say where to write what comes from the pipe"),
        (["decode", "in.mgv", "-", "--json"], "would both write to standard output"),
        (["decode", "in.mgv", "--start", "soon"], "'soon' is not a time"),
        (["decode", "in.mgv", "--duration", "0"], "no picture is that short"),
        (["info", "-", "--planes"], "a pipe can be read once"),
        (["cut", "in.mgv", "out.mgv"], "say what to take"),
        (["cut", "in.mgv"], "Missing argument 'OUT.mgv'"),
        (["cut", "in.mgv", "-", "--start", "1", "--json"], "would both write to standard output"),
        (["concat", "out.mgv"], "Missing argument"),
        (["concat", "-", "in.mgv", "out.mgv"], "no pipe"),
        (["repair", "in.mgv"], "Missing argument 'OUT.mgv'"),
    ],
)
def test_a_command_that_cannot_be_understood_says_why_and_exits_with_2(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert (result.code, result.out) == (2, b"")
    assert said in result.err and "Traceback" not in result.err
    assert "Usage: nvcodec" in result.err
    assert list(tmp_path.iterdir()) == []


def test_no_arguments_at_all_show_the_help(tmp_path: Path) -> None:
    result = run(cwd=tmp_path)
    assert result.code == 2 and "Commands:" in result.text + result.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_s_completion_is_shown(shell: str, tmp_path: Path) -> None:
    result = run(cwd=tmp_path, env={"_NVCODEC_COMPLETE": f"source_{shell}"})
    assert result.code == 0 and "_NVCODEC_COMPLETE" in result.text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("nvcodec ", set(COMMANDS)),
        ("nvcodec en", {"encode"}),
        ("nvcodec verify --", {"--deep", "--planes", "--json", "--quiet", "--debug", "--help"}),
        ("nvcodec encode --device m", {"mps"}),
    ],
)
def test_commands_options_and_choices_are_completed(words: str, expected: set[str], tmp_path: Path) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_NVCODEC_COMPLETE": "complete_bash"}
    assert set(run(cwd=tmp_path, env=asked).text.split()) == expected


def test_models_are_completed_by_name(tmp_path: Path) -> None:
    names = {model["name"] for model in run_well("models", "--json", cwd=tmp_path).json}
    asked = {
        "COMP_WORDS": "nvcodec encode --model ",
        "COMP_CWORD": "3",
        "_NVCODEC_COMPLETE": "complete_bash",
    }
    assert "tiny" in names
    assert set(run(cwd=tmp_path, env=asked).text.split()) == names
