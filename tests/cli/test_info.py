"""`nvcodec info` and `nvcodec verify` on the golden files: what they are, and whether they are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from .support import FULL, PLAIN, run, run_well

PLAIN_ID = "000102030405060708090a0b0c0d0e0f"


def test_info_as_json_says_all_that_the_file_says(tmp_path: Path) -> None:
    facts = run_well("info", FULL, "--json", cwd=tmp_path).json
    gops = facts.pop("gops")
    assert [(gop["start_s"], gop["frames"], gop["quality"]) for gop in gops] == [
        (0.0, 9, 52),
        (0.301, 5, 53),
        (5.0, 1, 54),
    ]
    assert all(gop["plane_counts"] == [5, 3, 15] for gop in gops)
    assert sum(gop["bits"] for gop in gops) == 8 * facts["video_bytes"]
    tracks = facts.pop("tracks")
    assert [(track["kind"], track["codec"], track["language"], track["title"]) for track in tracks] == [
        ("audio", "aac", "deu", "Ton"),
        ("subtitle", "subrip", "", ""),
    ]
    sound = sum(track["bytes"] for track in tracks)
    assert facts.pop("bits_per_pixel") == pytest.approx(
        8 * (FULL.stat().st_size - sound) / (15 * 1439 * 1080), rel=1e-12
    )
    assert facts == {
        "bytes": FULL.stat().st_size,
        "video_bytes": 91,
        "frames": 15,
        "duration_s": 5.04,
        "width": 1439,
        "height": 1080,
        "rotation": -90,
        "sample_aspect_ratio": "4/3",
        "frame_rate": "30000/1001",
        "time_base": "1/1000",
        "chroma": "422",
        "bit_depth": 10,
        "interlaced": True,
        "colour": {
            "primaries": 9,
            "transfer": 16,
            "matrix": 9,
            "full_range": True,
            "chroma_location": 3,
        },
        "tokens": True,
        "model": {"name": None, "hash": "0f0e0d0c0b0a09080706050403020100", "profile": 1},
        "tags": {"title": "Lichtspiel ☀", "comment": ""},
        "bits_by_plane": None,
    }


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        (
            PLAIN,
            [
                "176x144, 4:2:0, 8 bits",
                "0.567 s, 17 frames (30 a second)",
                "not said, limited range",
                "significance, sign and refinement planes",
                f"not installed, hash {PLAIN_ID}, arithmetic profile 1",
            ],
        ),
        (
            FULL,
            [
                "1439x1080, 4:2:2, 10 bits, pixels 4:3, shown turned by -90°, interlaced",
                "5.040 s, 15 frames (29.97 a second)",
                "BT.2020 / PQ, full range",
                "tokens: 18 sign planes",
                'audio, aac, 48000 Hz, stereo, deu, "Ton", 31 bytes',
                "subtitle, subrip, 11 bytes",
                "Lichtspiel ☀",
            ],
        ),
    ],
)
def test_info_says_it_in_words(file: Path, lines: list[str], tmp_path: Path) -> None:
    text = run_well("info", file, cwd=tmp_path).text
    said = {line.strip() for line in text.splitlines()}
    assert [line for line in lines if not any(one.endswith(line) for one in said)] == []


def test_info_reads_a_pipe(tmp_path: Path) -> None:
    by_name = run_well("info", FULL, "--json", cwd=tmp_path)
    with FULL.open("rb") as file:
        assert run_well("info", "-", "--json", cwd=tmp_path, stdin=file).out == by_name.out


@pytest.mark.parametrize(("file", "gops", "frames", "packets"), [(PLAIN, 1, 17, 0), (FULL, 3, 15, 7)])
def test_verify_counts_what_is_whole(
    file: Path, gops: int, frames: int, packets: int, tmp_path: Path
) -> None:
    report = run_well("verify", file, "--json", cwd=tmp_path).json
    chunks = report.pop("chunks")
    assert chunks >= gops + 2
    assert report == {
        "whole": True,
        "bytes": file.stat().st_size,
        "gops": gops,
        "frames": frames,
        "packets": packets,
        "sha256": "",
        "damage": [],
        "repairable": False,
        "needs_package": False,
    }
    assert f"whole; {file.stat().st_size} bytes" in run_well("verify", file, cwd=tmp_path).text
    assert run_well("verify", file, "--quiet", cwd=tmp_path).out == b""


@pytest.mark.parametrize("piped", [False, True])
def test_verify_names_the_first_damaged_chunk_and_counts_the_others(piped: bool, tmp_path: Path) -> None:
    data = bytearray(FULL.read_bytes())
    places = [i for i in range(len(data)) if data[i : i + 5] == b"\xf5MGCG"]
    assert len(places) == 3
    for place in places[1:]:
        data[place + 20] ^= 1
    path = tmp_path / "damaged.mgv"
    path.write_bytes(data)
    result = run("verify", "-" if piped else path, cwd=tmp_path, stdin=bytes(data))
    assert result.code == 1 and f"chunk 4 at byte {places[1]}" in result.error
    assert result.error.endswith("and 1 damaged place after it")


def test_verify_as_json_lists_all_damage_and_still_fails(tmp_path: Path) -> None:
    data = bytearray(PLAIN.read_bytes())
    place = data.index(b"\xf5MGCG")
    data[place + 20] ^= 1
    result = run("verify", "-", "--json", cwd=tmp_path, stdin=bytes(data))
    assert result.code == 1 and result.json["whole"] is False
    assert [(d["chunk"], d["offset"]) for d in result.json["damage"]] == [(1, place)]
    assert len(result.err.splitlines()) == 1


HASHED = FULL.with_name("hashed-1.0.mgv")


@pytest.mark.parametrize("piped", [False, True])
def test_verify_deep_decodes_the_planes_and_says_that_the_whole_is_right(piped: bool, tmp_path: Path) -> None:
    source, data = ("-" if piped else HASHED), HASHED.read_bytes()
    text = run_well("verify", "--deep", source, cwd=tmp_path, stdin=data).text
    assert "the planes are those that were encoded; SHA-256 of the whole right" in text
    report = run_well("verify", "--deep", source, "--json", cwd=tmp_path, stdin=data).json
    assert report["whole"] and report["losses"] == [] and len(report["sha256"]) == 64


def test_verify_deep_names_the_first_damaged_chunk_with_its_times(tmp_path: Path) -> None:
    data = bytearray(HASHED.read_bytes())
    place = data.index(b"\xf5MGCG")
    data[place + 40] ^= 1
    result = run("verify", "--deep", "-", cwd=tmp_path, stdin=bytes(data))
    assert result.code == 1 and f"chunk 1 at byte {place}: it is damaged" in result.error
    assert "lost from 0.000 s to " in result.error
