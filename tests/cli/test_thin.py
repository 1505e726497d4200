"""`nvcodec thin`, as its users run it."""

from __future__ import annotations

from pathlib import Path

from .support import contents, run, run_well


def test_a_thinned_file_is_smaller_and_read_by_every_command(coded: Path, tmp_path: Path) -> None:
    report = run_well("thin", coded, "small.mgv", "--planes", "1", "--json", cwd=tmp_path).json
    small = tmp_path / "small.mgv"
    assert (report["frames"], report["gops"], report["drops"]) == (15, 2, [18, 18])
    assert report["bytes"] == small.stat().st_size < report["bytes_before"] == coded.stat().st_size
    run_well("verify", "--planes", "small.mgv", cwd=tmp_path)
    run_well("info", "small.mgv", "--json", cwd=tmp_path)
    assert run_well("decode", "small.mgv", "small.mkv", "--json", cwd=tmp_path).json["frames"] == 15


def test_pipes_carry_what_files_hold(coded: Path, tmp_path: Path) -> None:
    piped = run_well("thin", "-", "-", "--planes", "1", cwd=tmp_path, stdin=coded.read_bytes())
    run_well("thin", coded, "small.mgv", "--planes", "1", cwd=tmp_path)
    assert piped.out == (tmp_path / "small.mgv").read_bytes()


def test_what_fails_leaves_nothing_and_replaces_nothing(coded: Path, tmp_path: Path) -> None:
    (tmp_path / "there.mgv").write_bytes(b"mine")
    before = contents(tmp_path)
    assert "planes can be dropped" in run("thin", coded, "out.mgv", "--planes", "9", cwd=tmp_path).error
    assert "cannot be made so small" in run("thin", coded, "out.mgv", "--bitrate", "1", cwd=tmp_path).error
    assert "-f replaces it" in run("thin", coded, "there.mgv", "--planes", "1", cwd=tmp_path).error
    for options, said in (([], "say how much"), (["--bitrate", "fast"], "is not a bit rate")):
        result = run("thin", coded, "out.mgv", *options, cwd=tmp_path)
        assert result.code == 2 and said in result.err
    assert contents(tmp_path) == before
