"""What goes in comes out: pictures nearly, everything else exactly."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nvcodec.codec import EncodeReport
from nvcodec.media import Colour, Picture, VideoFormat

from .support import BUNNY, CARPHONE, Media, coded, contents, decoded, luma_psnr, read, write

Coded = tuple[bytes, EncodeReport]


def test_the_pictures_come_back_and_look_the_same(bunny: Coded, original: Media, tmp_path: Path) -> None:
    result = decoded(bunny[0], tmp_path / "out.mkv")
    assert luma_psnr(result.pictures, original.pictures) > 30


def test_a_higher_quality_costs_more_and_shows_more(original: Media, tmp_path: Path) -> None:
    sizes, psnrs = [], []
    for quality in (20, 50, 80):
        data, report = coded(BUNNY, duration_s=0.6, scale="1/2", quality=quality)
        sizes.append(report.video_bytes)
        psnrs.append(luma_psnr(decoded(data, tmp_path / f"{quality}.mkv").pictures, original.pictures))
    assert sizes == sorted(set(sizes))
    assert psnrs == sorted(set(psnrs))


def test_sound_comes_back_bit_for_bit_and_at_its_time(bunny: Coded, original: Media, tmp_path: Path) -> None:
    result = decoded(bunny[0], tmp_path / "out.mp4")
    assert len(original.packets) > 20
    assert [packet.data for packet in result.packets] == [packet.data for packet in original.packets]
    base, before = result.tracks[0].time_base, original.tracks[0].time_base
    assert [packet.pts and packet.pts * base for packet in result.packets] == [
        packet.pts and packet.pts * before for packet in original.packets
    ]


def test_tags_tracks_and_format_come_back(bunny: Coded, original: Media, tmp_path: Path) -> None:
    result = decoded(bunny[0], tmp_path / "out.mp4")
    assert original.tags.items() <= result.tags.items()
    assert [(t.codec, t.language, t.parameters["layout"]) for t in result.tracks] == [("aac", "eng", "5.1")]
    assert result.video.frame_rate == original.video.frame_rate
    assert result.times == original.times


def test_sound_can_be_left_out_on_either_side(bunny: Coded, tmp_path: Path) -> None:
    import io

    from nvcodec.codec import DecodeOptions, decode

    data, _ = coded(BUNNY, duration_s=0.1, scale="1/4", audio=False)
    assert contents(data)[0].tracks == ()
    decode(io.BytesIO(bunny[0]), tmp_path / "silent.mp4", DecodeOptions(audio=False))
    assert read(tmp_path / "silent.mp4").tracks == ()


def test_colour_shape_and_rotation_come_back(original: Media, tmp_path: Path) -> None:
    video = VideoFormat(
        width=160,
        height=90,
        time_base=Fraction(1, 25),
        frame_rate=Fraction(25),
        sample_aspect_ratio=Fraction(4, 3),
        rotation=90,
        colour=Colour(primaries=9, transfer=16, matrix=9, full_range=True, chroma_location=1),
    )
    pictures = [Picture(n, p.y, p.u, p.v) for n, p in enumerate(original.pictures[:2])]
    before = read(write(tmp_path / "in.mp4", video, pictures)).video
    assert (before.rotation, before.colour.transfer, before.colour.full_range) == (90, 16, True)
    after = decoded(coded(tmp_path / "in.mp4")[0], tmp_path / "out.mp4").video
    assert (after.colour, after.rotation, after.sample_aspect_ratio) == (
        before.colour,
        before.rotation,
        before.sample_aspect_ratio,
    )


def test_uneven_times_come_back_exactly(original: Media, tmp_path: Path) -> None:
    times = (0, 400, 401, 1000, 1003, 2500, 2511, 7000)
    video = VideoFormat(160, 90, Fraction(1, 1000), Fraction(25))
    pictures = [Picture(t, p.y, p.u, p.v) for t, p in zip(times, original.pictures, strict=False)]
    before = read(write(tmp_path / "in.mp4", video, pictures))
    assert before.times == [Fraction(t, 1000) for t in times]
    data, _ = coded(tmp_path / "in.mp4", gop=5)
    header, gops, _ = contents(data)
    assert [pts * header.time_base for gop in gops for pts in gop.pts] == before.times
    assert decoded(data, tmp_path / "out.mp4").times == before.times


def test_the_last_frame_keeps_its_duration(bunny: Coded, original: Media) -> None:
    assert original.pictures[-1].duration > 0
    assert contents(bunny[0])[1][-1].duration == original.pictures[-1].duration


@pytest.mark.parametrize("size", ["1x1", "2x1", "7x5", "8x8", "33x17", "130x9"])
def test_any_size_comes_back_as_it_was(size: str, tmp_path: Path) -> None:
    data, report = coded(CARPHONE, duration_s=0.2, scale=size, quality=80)
    wanted = read(CARPHONE, duration_s=0.2, scale=size)
    result = decoded(data, tmp_path / "out.mkv")
    assert f"{report.width}x{report.height}" == size
    assert (result.video.width, result.video.height) == (wanted.video.width, wanted.video.height)
    assert luma_psnr(result.pictures, wanted.pictures) > 25


def deeper(plane: np.ndarray, video: VideoFormat) -> np.ndarray:
    return plane.astype(video.dtype) << (video.bit_depth - 8)


@pytest.mark.parametrize(
    ("chroma", "bit_depth"), [("400", 8), ("422", 8), ("444", 8), ("420", 10), ("444", 12), ("420", 16)]
)
def test_chroma_formats_and_bit_depths_come_back(
    chroma: str, bit_depth: int, original: Media, tmp_path: Path
) -> None:
    video = VideoFormat(160, 90, Fraction(1, 25), Fraction(25), chroma=chroma, bit_depth=bit_depth)
    pictures = [
        Picture(n, deeper(p.y, video), deeper(p.u, video), deeper(p.v, video))
        for n, p in enumerate(original.pictures[:3])
    ]
    before = read(write(tmp_path / "in.mkv", video, pictures))
    assert (before.video.chroma, before.video.bit_depth) == (chroma, bit_depth)
    after = decoded(coded(tmp_path / "in.mkv", quality=80)[0], tmp_path / "out.mkv")
    assert (after.video.chroma, after.video.bit_depth) == (chroma, bit_depth)
    assert luma_psnr(after.pictures, before.pictures, bit_depth) > 30


def test_a_still_picture_is_a_video_of_one_frame(original: Media, tmp_path: Path) -> None:
    still = write(tmp_path / "in.png", original.video, original.pictures[:1])
    data, report = coded(still, quality=80)
    assert (report.frames, report.gops) == (1, 1)
    assert contents(data)[0].frame_rate is None
    result = decoded(data, tmp_path / "out.png")
    assert luma_psnr(result.pictures, read(still).pictures) > 28


def test_tokens_come_back_as_the_encoder_had_them(tmp_path: Path) -> None:
    import torch

    from nvcodec.codec.decode import levels_of
    from nvcodec.tokenizer.motion import MOTION_DIMS
    from nvcodec.weights import load

    data, report = coded(CARPHONE, duration_s=0.3, tokens=True)
    header, gops, _ = contents(data)
    model = load("tiny")
    levels = levels_of(model, header, 0, gops[0])
    tokens = levels[..., MOTION_DIMS : MOTION_DIMS + model.token_dims]
    assert header.tokens and gops[0].quality == 0 and gops[0].plane_counts == b""
    assert set(tokens.unique().tolist()) == {-1, 1}
    assert torch.count_nonzero(levels) == torch.count_nonzero(tokens)
    assert len(decoded(data, tmp_path / "out.mkv").pictures) == report.frames == 9


def test_the_same_input_gives_the_same_file(carphone: bytes) -> None:
    assert coded(CARPHONE, duration_s=0.32, scale="1/2", gop=5)[0] == carphone


def test_the_part_that_is_asked_for_is_coded(tmp_path: Path) -> None:
    data, report = coded(BUNNY, start_s=0.4, duration_s=0.2, scale="1/4", quality=80)
    wanted = read(BUNNY, start_s=0.4, duration_s=0.2, scale="1/4")
    assert report.frames == len(wanted.pictures) == 5
    result = decoded(data, tmp_path / "out.mkv")
    assert luma_psnr(result.pictures, wanted.pictures) > 25
