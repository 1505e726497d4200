"""The way there and back, through files and pipes, as it is typed."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from .support import BUNNY, CARPHONE, COMMAND, contents, environment, run, run_well

FEW = ("--duration", "0.3", "--scale", "1/2")  # seven or eight frames of 160x90


def pictures_of(source: Path | bytes) -> list[np.ndarray]:
    """Luma [h, w] uint8 of all frames."""
    file = io.BytesIO(source if isinstance(source, bytes) else source.read_bytes())
    with av.open(file, "r") as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def psnr(one: list[np.ndarray], two: list[np.ndarray]) -> float:
    """Luma, over all frames together, in dB."""
    assert len(one) == len(two) > 0
    error = np.mean([np.mean((a.astype(float) - b) ** 2) for a, b in zip(one, two, strict=True)])
    return 10 * float(np.log10(255**2 / error))


def test_a_clip_comes_back_looking_like_itself(tmp_path: Path) -> None:
    run_well("encode", CARPHONE, "out.mgv", "-q", "70", cwd=tmp_path)
    run_well("decode", "out.mgv", "out.mp4", cwd=tmp_path)
    original, decoded = pictures_of(CARPHONE), pictures_of(tmp_path / "out.mp4")
    assert decoded[0].shape == original[0].shape and len(decoded) == 30
    grey = psnr(original, [np.full_like(picture, 128) for picture in original])
    assert psnr(original, decoded) > grey + 10


def test_higher_quality_costs_more_and_looks_better(tmp_path: Path) -> None:
    sizes, likeness = [], []
    for quality in ("10", "50", "90"):
        run_well("encode", CARPHONE, "out.mgv", "-f", "-q", quality, "--duration", "0.3", cwd=tmp_path)
        run_well("decode", "out.mgv", "out.mp4", "-f", "--lossless", cwd=tmp_path)
        decoded = pictures_of(tmp_path / "out.mp4")
        sizes.append((tmp_path / "out.mgv").stat().st_size)
        likeness.append(psnr(pictures_of(CARPHONE)[: len(decoded)], decoded))
    assert sizes == sorted(sizes) and likeness == sorted(likeness) and len(set(sizes)) == 3


def test_outputs_nobody_named_lie_beside_the_input(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "clip.one.mp4").write_bytes(BUNNY.read_bytes())
    run_well("encode", "../clip.one.mp4", *FEW, cwd=elsewhere)
    run_well("decode", "../clip.one.mgv", cwd=elsewhere)
    run_well("decode", "../clip.one.mgv", "--lossless", cwd=elsewhere)
    assert {path.name for path in tmp_path.iterdir()} == {
        "elsewhere",
        "clip.one.mp4",
        "clip.one.mgv",
        "clip.one.decoded.mp4",
        "clip.one.decoded.mkv",
    }
    assert contents(elsewhere) == {}


def test_force_replaces_what_is_there(coded: Path, tmp_path: Path) -> None:
    for arguments in (["encode", BUNNY, "out.mgv", *FEW], ["decode", coded, "out.mp4"]):
        path = tmp_path / str(arguments[2])
        path.write_bytes(b"old")
        run_well(*arguments, "-f", cwd=tmp_path)
        assert path.read_bytes() != b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"out.mgv", "out.mp4"}


@pytest.mark.parametrize(
    ("target", "codec"),
    [("o.mp4", "h264"), ("o.mkv", "h264"), ("o.webm", "vp9"), ("o.y4m", "rawvideo"), ("o.png", "png")],
)
def test_a_suffix_chooses_the_kind_of_output(target: str, codec: str, coded: Path, tmp_path: Path) -> None:
    run_well("decode", coded, target, cwd=tmp_path)
    assert list(contents(tmp_path)) == [target]
    with av.open(str(tmp_path / target)) as container:
        assert container.streams.video[0].codec_context.name in (codec, f"libdav1d {codec}", f"lib{codec}")
        frames = sum(1 for _ in container.decode(video=0))
    assert frames == (1 if target == "o.png" else 15)


def test_a_pattern_gives_numbered_pictures(coded: Path, tmp_path: Path) -> None:
    run_well("decode", coded, "frame-%03d.png", cwd=tmp_path)
    assert sorted(contents(tmp_path)) == [f"frame-{number:03}.png" for number in range(1, 16)]
    assert pictures_of(tmp_path / "frame-015.png")[0].shape == (90, 160)


def test_a_still_picture_is_a_video_of_one_frame(coded: Path, tmp_path: Path) -> None:
    run_well("decode", coded, "still.png", cwd=tmp_path)
    run_well("encode", "still.png", cwd=tmp_path)
    assert run_well("info", "still.mgv", "--json", cwd=tmp_path).json["frames"] == 1
    run_well("decode", "still.mgv", "again.png", cwd=tmp_path)
    one, two = pictures_of(tmp_path / "still.png"), pictures_of(tmp_path / "again.png")
    assert one[0].shape == two[0].shape and psnr(one, two) > 20


def test_pipes_on_both_sides_carry_what_files_do(coded: Path, tmp_path: Path) -> None:
    run_well("decode", coded, "in.y4m", cwd=tmp_path)
    run_well("encode", "in.y4m", "file.mgv", "--gop", "9", cwd=tmp_path)
    with (tmp_path / "in.y4m").open("rb") as file:
        piped = run_well("encode", "-", "-", "--gop", "9", cwd=tmp_path, stdin=file)
    assert piped.out == (tmp_path / "file.mgv").read_bytes()
    assert "→ -: 160x90, 15 frames" in piped.err
    run_well("decode", "file.mgv", "file.mkv", "--lossless", cwd=tmp_path)
    decoded = run_well("decode", "-", "-", "--lossless", cwd=tmp_path, stdin=piped.out)
    for one, two in zip(pictures_of(tmp_path / "file.mkv"), pictures_of(decoded.out), strict=True):
        np.testing.assert_array_equal(one, two)


def test_two_commands_joined_by_a_pipe_keep_picture_and_sound(tmp_path: Path) -> None:
    environ: dict[str, Any] = {"cwd": tmp_path, "env": environment()}
    with subprocess.Popen(
        [*COMMAND, "encode", str(BUNNY), "-", *FEW, "--quiet"], stdout=subprocess.PIPE, **environ
    ) as encoder:
        decoder = subprocess.run(
            [*COMMAND, "decode", "-", "out.mkv", "--quiet"], stdin=encoder.stdout, check=False, **environ
        )
    assert (encoder.returncode, decoder.returncode) == (0, 0)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert len(container.streams.video) == 1 and len(container.streams.audio) == 1
        assert container.metadata["title"] == "Big Buck Bunny"


def test_json_results_are_all_there_is_on_standard_output(tmp_path: Path) -> None:
    encoded = run_well("encode", BUNNY, "out.mgv", *FEW, "--json", cwd=tmp_path)
    assert encoded.err == ""
    report = encoded.json
    assert (report["input"], report["output"]) == (str(BUNNY), "out.mgv")
    assert (report["width"], report["height"]) == (160, 90)
    size = (tmp_path / "out.mgv").stat().st_size
    assert report["bytes"] == size
    assert report["bits_per_pixel"] == pytest.approx(
        8 * (size - report["track_bytes"]) / (report["frames"] * 160 * 90), rel=1e-3
    )
    decoded = run_well("decode", "out.mgv", "out.mp4", "--json", cwd=tmp_path)
    assert decoded.err == "" and decoded.json["frames"] == report["frames"]
    facts = run_well("info", "out.mgv", "--json", cwd=tmp_path).json
    assert (facts["bytes"], facts["frames"]) == (size, report["frames"])
    assert facts["video_bytes"] == report["video_bytes"]


def test_quiet_says_nothing(coded: Path, tmp_path: Path) -> None:
    for arguments in (["encode", BUNNY, "out.mgv", *FEW], ["decode", coded, "out.mp4"], ["verify", coded]):
        result = run_well(*arguments, "--quiet", cwd=tmp_path)
        assert (result.out, result.err) == (b"", "")


def test_sound_can_be_left_out_on_either_side(coded: Path, tmp_path: Path) -> None:
    assert len(run_well("info", coded, "--json", cwd=tmp_path).json["tracks"]) == 1
    run_well("encode", BUNNY, "out.mgv", *FEW, "--no-audio", cwd=tmp_path)
    assert run_well("info", "out.mgv", "--json", cwd=tmp_path).json["tracks"] == []
    run_well("decode", coded, "out.mkv", "--no-audio", cwd=tmp_path)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert len(container.streams.audio) == 0


def test_tokens_are_said_to_be_tokens_and_decode(tmp_path: Path) -> None:
    run_well("encode", BUNNY, "out.mgv", *FEW, "--tokens", cwd=tmp_path)
    assert run_well("info", "out.mgv", "--json", cwd=tmp_path).json["tokens"] is True
    run_well("decode", "out.mgv", "out.mp4", cwd=tmp_path)
    assert pictures_of(tmp_path / "out.mp4")[0].shape == (90, 160)


def test_a_part_of_the_video_is_taken(tmp_path: Path) -> None:
    run_well("encode", BUNNY, "out.mgv", "--start", "0:00.4", "--duration", "0.2", cwd=tmp_path)
    assert run_well("info", "out.mgv", "--json", cwd=tmp_path).json["frames"] == 5


def test_info_draws_where_the_bits_went(coded: Path, tmp_path: Path) -> None:
    text = run_well("info", coded, "--heatmap", "bits.png", cwd=tmp_path).text
    assert pictures_of(tmp_path / "bits.png")[0].shape == (96, 160)  # 90 lines are padded to 96
    assert "significance" in text and "sign" in text and "not installed" not in text


def test_info_counts_the_bits_of_every_plane(coded: Path, tmp_path: Path) -> None:
    facts = run_well("info", coded, "--planes", "--json", cwd=tmp_path).json
    counted = sum(facts["bits_by_plane"].values())
    assert counted == pytest.approx(8 * facts["video_bytes"], rel=0.02)  # ANS ends on words of 32 bits a GOP
    assert facts["model"]["name"] == "tiny"


def test_verify_decodes_the_planes_when_asked(coded: Path, tmp_path: Path) -> None:
    assert "whole" in run_well("verify", coded, "--planes", cwd=tmp_path).text


def test_models_names_the_hash_that_files_carry(coded: Path, tmp_path: Path) -> None:
    models = {model["name"]: model for model in run_well("models", "--json", cwd=tmp_path).json}
    carried = run_well("info", coded, "--json", cwd=tmp_path).json["model"]["hash"]
    assert models["tiny"]["sha256"].startswith(carried)
    assert models["tiny"]["bytes"] == Path(models["tiny"]["path"]).stat().st_size
    text = run_well("models", cwd=tmp_path).text
    assert models["tiny"]["sha256"] in text and "million parameters" in text


def test_the_demo_leaves_three_files_and_says_what_it_measured(tmp_path: Path) -> None:
    result = run_well("demo", cwd=tmp_path)
    files = contents(tmp_path)
    assert set(files) == {"demo.mgv", "demo.decoded.mp4", "demo.png"}
    assert pictures_of(tmp_path / "demo.png")[0].shape == (360, 1280)
    for what in ("bits per pixel", "PSNR", "encoding", "decoding", "frames/s", "demo.mgv, demo.decoded.mp4"):
        assert what in result.text
    again = run("demo", cwd=tmp_path)
    assert again.error == "demo.mgv exists already (-f replaces it)" and contents(tmp_path) == files
