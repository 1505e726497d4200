"""Parts of files, by decoding and by cutting; files put together."""

from __future__ import annotations

from pathlib import Path

from .support import contents, run, run_well


def test_a_part_is_decoded_from_the_time_asked_for(coded: Path, tmp_path: Path) -> None:
    options = ("--start", "0.4", "--duration", "0.12", "--json")
    result = run_well("decode", coded, "part.mkv", *options, cwd=tmp_path).json
    assert (result["frames"], result["gops"]) == (3, 1)
    assert result["bytes_read"] < coded.stat().st_size
    late = run("decode", coded, "late.mkv", "--start", "1:00", cwd=tmp_path)
    assert late.code == 1 and "the file ends at 0.600 s, before the start asked for" in late.error


def test_a_cut_says_where_it_fell(coded: Path, tmp_path: Path) -> None:
    said = run_well("cut", coded, "part.mgv", "--start", "0.4", "--duration", "0.1", cwd=tmp_path).text
    assert "part.mgv: from 0.360 s to 0.600 s, 1 GOP, 6 frames" in said
    run_well("verify", "part.mgv", cwd=tmp_path)
    help_text = " ".join(run_well("cut", "--help", cwd=tmp_path).text.split())
    assert "the part begins at or before --start, at the beginning of a group" in help_text


def test_what_was_cut_apart_is_put_together_again(coded: Path, tmp_path: Path) -> None:
    run_well("cut", coded, "a.mgv", "--duration", "0.3", cwd=tmp_path)
    run_well("cut", coded, "b.mgv", "--start", "0.36", cwd=tmp_path)
    result = run_well("concat", "a.mgv", "b.mgv", "both.mgv", "--json", cwd=tmp_path).json
    assert (result["gops"], result["frames"], result["end_s"]) == (2, 15, 0.6)
    run_well("verify", "--planes", "both.mgv", cwd=tmp_path)


def test_parts_go_through_pipes(coded: Path, tmp_path: Path) -> None:
    piped = run_well("cut", "-", "-", "--start", "0.36", cwd=tmp_path, stdin=coded.read_bytes())
    run_well("cut", coded, "part.mgv", "--start", "0.36", cwd=tmp_path)
    assert piped.out == (tmp_path / "part.mgv").read_bytes()


def test_files_that_do_not_go_together_and_damaged_ones_leave_nothing(coded: Path, tmp_path: Path) -> None:
    from .support import PLAIN

    result = run("concat", coded, PLAIN, "both.mgv", cwd=tmp_path)
    assert result.code == 1 and result.error.startswith(f"{PLAIN}: it does not go with {coded}: ")
    (tmp_path / "broken.mgv").write_bytes(coded.read_bytes()[:-10])
    result = run("concat", coded, "broken.mgv", "both.mgv", cwd=tmp_path)
    assert result.code == 1 and result.error.startswith("broken.mgv: ")
    assert list(contents(tmp_path)) == ["broken.mgv"]


def test_no_output_is_ever_an_input(coded: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mgv").write_bytes(coded.read_bytes())
    before = contents(tmp_path)
    for arguments in (
        ["cut", "a.mgv", "a.mgv", "--start", "0.3", "-f"],
        ["concat", coded, "a.mgv", "a.mgv", "-f"],
        ["repair", "a.mgv", "a.mgv", "-f"],
    ):
        assert run(*arguments, cwd=tmp_path).error == "a.mgv is the input itself"
    assert contents(tmp_path) == before
