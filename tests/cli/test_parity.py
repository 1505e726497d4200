"""`--parity` on the command line: a damaged file decodes as if it were whole and is repaired to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from nvcodec.bitstream.chunk import PARITY, SYNC

from .support import CARPHONE, contents, run, run_well, without

pytest.importorskip("zfec", reason="parity is an optional extra")

OPTIONS = ("--duration", "0.3", "--gop", "5", "--scale", "1/4", "--quiet")
INSTALL = "pip install 'nvcodec[parity]'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of `plain.mgv`, `whole.mgv`, which has parity, and `damaged.mgv`, which is that with two bytes wrong."""
    folder = tmp_path_factory.mktemp("parity")
    run_well("encode", CARPHONE, "plain.mgv", *OPTIONS, cwd=folder)
    run_well("encode", CARPHONE, "whole.mgv", "--parity", "5%", *OPTIONS, cwd=folder)
    damaged = bytearray((folder / "whole.mgv").read_bytes())
    damaged[20] ^= 1  # of the header, without which nothing can be read
    damaged[len(damaged) // 2] ^= 1
    (folder / "damaged.mgv").write_bytes(damaged)
    return folder


@pytest.fixture
def without_package(tmp_path: Path) -> dict[str, str]:
    """An environment whose commands cannot import zfec."""
    return without("zfec", tmp_path)


@pytest.mark.parametrize("text", ["0", "-1%", "101%", "much", "1/2", "nan"])
def test_a_share_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    result = run("encode", CARPHONE, "out.mgv", "--parity", text, cwd=tmp_path)
    assert result.code == 2 and "--parity" in result.err


def test_damage_is_repairable_is_decoded_without_loss_and_repaired_to_the_byte(folder: Path, tmp_path: Path) -> None:
    for deep in ((), ("--deep",)):
        checked = run("verify", folder / "damaged.mgv", *deep, cwd=tmp_path)
        assert checked.code == 1 and "repairable" in checked.error
    for name in ("whole", "damaged"):
        result = run_well("decode", folder / f"{name}.mgv", f"{name}.y4m", cwd=tmp_path)
        assert ("brought back by parity" in result.err) == (name == "damaged")
    assert (tmp_path / "damaged.y4m").read_bytes() == (tmp_path / "whole.y4m").read_bytes()
    run_well("repair", folder / "damaged.mgv", "repaired.mgv", cwd=tmp_path)
    assert (tmp_path / "repaired.mgv").read_bytes() == (folder / "whole.mgv").read_bytes()


@pytest.mark.parametrize(
    "command",
    [("cut", "{}", "--start", "0.1", "--duration", "0.1"), ("thin", "{}", "--planes", "1"), ("concat", "{}", "{}")],
    ids=lambda command: command[0],
)
def test_what_is_made_from_a_file_with_parity_has_none_and_is_what_it_is_without(
    command: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    for name in ("plain", "whole"):
        verb, *arguments = (argument.format(folder / f"{name}.mgv") for argument in command)
        inputs = [argument for argument in arguments if argument.endswith(".mgv")]
        run_well(verb, *inputs, f"{name}.mgv", *arguments[len(inputs) :], "--quiet", cwd=tmp_path)
    made = contents(tmp_path)
    assert made["whole.mgv"] == made["plain.mgv"] and SYNC + PARITY not in made["whole.mgv"]


def test_without_the_package_parity_is_refused_with_the_way_out_and_nothing_is_written(
    tmp_path: Path, without_package: dict[str, str]
) -> None:
    for target in ("out.mgv", "-"):
        result = run("encode", "no such input", target, "--parity", "5%", cwd=tmp_path, env=without_package)
        assert result.code == 1 and INSTALL in result.error
    assert [path.name for path in tmp_path.iterdir()] == ["hidden"]


def test_without_the_package_a_damaged_file_is_what_it_is_without_parity(
    folder: Path, tmp_path: Path, without_package: dict[str, str]
) -> None:
    whole = (folder / "whole.mgv").read_bytes()
    group = whole.index(SYNC + b"G")
    (tmp_path / "damaged.mgv").write_bytes(whole[: group + 40] + b"noise" + whole[group + 45 :])
    assert run("verify", folder / "whole.mgv", cwd=tmp_path, env=without_package).code == 0
    for deep in ((), ("--deep",)):
        checked = run("verify", "damaged.mgv", *deep, cwd=tmp_path, env=without_package)
        assert checked.code == 1 and INSTALL in checked.error and "repairable" not in checked.error
    decoded = run("decode", "damaged.mgv", "out.y4m", cwd=tmp_path, env=without_package)
    assert decoded.code == 3 and INSTALL in decoded.err
    made = run("repair", "damaged.mgv", "repaired.mgv", cwd=tmp_path, env=without_package)
    assert made.code == 0 and INSTALL in made.err and "no parity" in made.err
    assert SYNC + PARITY not in (tmp_path / "repaired.mgv").read_bytes()
    assert run("verify", "repaired.mgv", cwd=tmp_path, env=without_package).code == 0
