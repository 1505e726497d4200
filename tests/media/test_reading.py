"""Whatever FFmpeg reads comes out as 4:2:0 pictures with its times, shape and colour."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from nvcodec.errors import UnsupportedInput
from nvcodec.media import Colour, MediaReader, Packet, Picture

from .support import psnr, read, write

MakeClip = Callable[..., Path]


class NotSeekable(io.RawIOBase):
    """A pipe in one process: reading alone."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


def test_pictures_are_those_ffmpeg_decodes(carphone: Path) -> None:
    got = read(carphone)
    with av.open(str(carphone)) as container:
        expected = list(container.decode(video=0))
    assert len(got.pictures) == len(expected) == got.frame_count == 30
    for picture, frame in zip(got.pictures, expected, strict=True):
        assert picture.pts == frame.pts
        planes = np.concatenate([plane.ravel() for plane in (picture.y, picture.u, picture.v)])
        assert np.array_equal(planes, frame.to_ndarray().ravel())


def test_a_clip_is_described(bunny: Path, carphone: Path) -> None:
    media = read(bunny)
    assert (media.video.width, media.video.height, media.video.frame_rate) == (320, 180, 25)
    assert media.tags == {"title": "Big Buck Bunny", "artist": "Blender Foundation"}
    (sound,) = media.tracks
    assert (sound.kind, sound.codec, sound.language, sound.default) == ("audio", "aac", "eng", True)
    assert sound.parameters == {"sample_rate": 48000, "channels": 6, "layout": "5.1"}
    assert read(carphone).video.sample_aspect_ratio == Fraction(128, 117)
    assert media.warnings == []


@pytest.mark.parametrize(
    ("pixels", "chroma", "depth"),
    [
        ("yuv420p", "420", 8),
        ("yuv422p", "422", 8),
        ("yuv444p", "444", 8),
        ("gray", "400", 8),
        ("yuv420p10le", "420", 10),
        ("yuv422p10le", "422", 10),
        ("yuv444p12le", "444", 12),
        ("yuv420p9le", "420", 10),
        ("yuv420p14le", "420", 16),
        ("yuv420p16le", "420", 16),
        ("gray16le", "400", 16),
        ("bgr0", "420", 8),
        ("gbrp10le", "420", 10),
        ("rgb48le", "420", 16),
    ],
)
def test_every_pixel_format_becomes_420(
    make_clip: MakeClip, carphone: Path, pixels: str, chroma: str, depth: int
) -> None:
    media = read(make_clip(pixels=pixels))
    assert (media.video.chroma, media.video.bit_depth) == (chroma, depth)
    for picture, original in zip(media.pictures, read(carphone).pictures[:6], strict=True):
        assert picture.y.dtype == picture.u.dtype == (np.uint8 if depth == 8 else np.uint16)
        assert (picture.y.shape, picture.u.shape, picture.v.shape) == ((144, 176), (72, 88), (72, 88))
        peak = 1 << (depth - 8)
        if chroma == "400":
            assert media.video.colour.full_range
            assert np.abs(picture.y / peak - (original.y - 16.0).clip(0) * 255 / 219).mean() < 1
        elif media.video.colour.matrix == 2:
            # Not converted from red, green and blue: the same values, scaled.
            assert np.abs(picture.y / peak - original.y).max() <= 1
        if chroma == "400":
            assert (picture.u == 1 << (depth - 1)).all() and (picture.v == 1 << (depth - 1)).all()
        elif media.video.colour.matrix == 2:
            assert np.abs(picture.u / peak - original.u).mean() < 1


def test_rgb_becomes_limited_bt709(tmp_path: Path) -> None:
    colours = np.zeros((48, 64, 3), np.uint8)
    colours[:, :32] = (255, 0, 0)
    colours[:, 32:] = (255, 255, 255)
    av.VideoFrame.from_ndarray(colours, "rgb24").save(tmp_path / "red.png")
    media = read(tmp_path / "red.png")
    assert media.video.colour == Colour(
        primaries=1, transfer=media.video.colour.transfer, matrix=1, full_range=False
    )
    # ITU-R BT.709: red is Y' 0.2126, C'b -0.2126 / 1.8556, C'r 0.5; limited range 16 + 219 Y', 128 + 224 C'.
    (picture,) = media.pictures
    assert (picture.y[0, 0], picture.u[0, 0], picture.v[0, 0]) == (63, 102, 240)
    assert (picture.y[0, -1], picture.u[0, -1], picture.v[0, -1]) == (235, 128, 128)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (33, 17), (175, 143)])
def test_odd_sizes(make_clip: MakeClip, size: tuple[int, int]) -> None:
    media = read(make_clip(size=size, options={"level": "1"}))
    assert (media.video.width, media.video.height) == size
    assert media.pictures[0].y.shape == (size[1], size[0])
    assert media.pictures[0].v.shape == ((size[1] + 1) // 2, (size[0] + 1) // 2)
    assert media.video.chroma_size == ((size[0] + 1) // 2, (size[1] + 1) // 2)


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
@pytest.mark.parametrize("mirrored", [False, True])
def test_rotation_flags_show_the_picture_as_ffmpeg_does(
    make_clip: MakeClip, rotation: int, mirrored: bool
) -> None:
    import imageio_ffmpeg

    clip = make_clip("clip.mp4", "libx264", rotation=rotation, mirrored=mirrored)
    media = read(clip)
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        clip,
        "-vframes",
        "1",
        "-f",
        "rawvideo",
        "-",
    ]
    shown = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.uint8)
    turned = np.rot90(media.pictures[0].y, media.video.rotation // 90)
    assert np.array_equal(shown[: turned.size].reshape(turned.shape), turned)
    if not mirrored:
        assert media.video.rotation == rotation


def test_colour_is_carried(make_clip: MakeClip) -> None:
    clip = make_clip(
        "clip.mp4", "libx264", "yuv420p10le", color_primaries=9, color_trc=16, colorspace=9, color_range=2
    )
    assert read(clip).video.colour == Colour(primaries=9, transfer=16, matrix=9, full_range=True)


@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv422p10le"])
def test_every_matrix_passes_and_changes_no_value(
    tmp_path: Path, make_clip: MakeClip, matrix: int, pixels: str
) -> None:
    plain = read(make_clip(pixels=pixels))
    media = read(make_clip(pixels=pixels, colorspace=matrix))
    assert media.video.colour.matrix == matrix
    assert psnr(media.pictures, plain.pictures) == float("inf")
    for name in ("out.mkv", "out.png"):
        write(media, tmp_path / name, lossless=True)
    again = read(tmp_path / "out.mkv")
    assert again.video.colour == media.video.colour
    assert np.array_equal(again.pictures[0].y, media.pictures[0].y)


def test_jpeg_keeps_its_full_range(tmp_path: Path, frames: list[av.VideoFrame]) -> None:
    bright = frames[0].reformat(format="yuvj420p", dst_color_range=2)
    bright.save(tmp_path / "still.jpg", qscale=2)
    media = read(tmp_path / "still.jpg")
    assert media.video.colour.full_range and media.video.frame_rate is None and media.frame_count == 1
    assert media.pictures[0].y.min() < 16
    assert np.abs(media.pictures[0].y.astype(int) - bright.to_ndarray()[:144].astype(int)).mean() < 3


def test_variable_frame_rate_keeps_exact_times(make_clip: MakeClip) -> None:
    times = [0, 1001, 5005, 5006, 40040, 90091]
    clip = make_clip("clip.mp4", "libx264", times=times, time_base=Fraction(1, 30000))
    assert read(clip).times == [Fraction(time, 30000) for time in times]


def test_missing_times_are_filled_at_the_frame_rate(make_clip: MakeClip) -> None:
    raw = make_clip("clip.h264", "libx264", container_format="h264", options={"bf": "0"})
    media = read(raw)
    assert len(media.pictures) == 6
    steps = np.diff([float(time) for time in media.times])
    assert np.allclose(steps, 1 / 25)


def test_interlaced_video_warns(make_clip: MakeClip) -> None:
    clip = make_clip("clip.mp4", "libx264", options={"x264-params": "tff=1"}, flags=1 << 18 | 1 << 29)
    media = read(clip)
    assert media.video.interlaced and any("interlaced" in warning for warning in media.warnings)


def test_transparency_warns_only_where_there_is_some(tmp_path: Path) -> None:
    for name, opacity, expected in (("opaque.png", 255, False), ("glass.png", 100, True)):
        pixels = np.full((16, 16, 4), opacity, np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, "rgba")
        with av.open(str(tmp_path / name), "w", format="image2", options={"update": "1"}) as container:
            stream = container.add_stream("png")
            stream.width, stream.height, stream.pix_fmt = 16, 16, "rgba"
            container.mux(stream.encode(frame))
        media = read(tmp_path / name)
        assert media.video.alpha == expected
        assert any("transparency" in warning for warning in media.warnings) == expected


@pytest.mark.parametrize("seekable", [False, True])
def test_a_still_is_a_video_of_one_picture(
    tmp_path: Path, frames: list[av.VideoFrame], seekable: bool
) -> None:
    frames[0].save(tmp_path / "still.png")
    data = (tmp_path / "still.png").read_bytes()
    media = read(io.BytesIO(data) if seekable else NotSeekable(data))
    assert len(media.pictures) == 1 and media.video.frame_rate is None and media.times == [0]


@pytest.mark.parametrize("name", ["clip.mkv", "clip.y4m"])
def test_pipes_are_read(make_clip: MakeClip, carphone: Path, name: str) -> None:
    codec = "ffv1" if name.endswith("mkv") else "rawvideo"
    data = make_clip(name, codec, container_format=None if codec == "ffv1" else "yuv4mpegpipe").read_bytes()
    media = read(NotSeekable(data))
    assert psnr(media.pictures, read(carphone).pictures[:6]) == float("inf")


def test_standard_input_is_read(make_clip: MakeClip) -> None:
    program = (
        "from nvcodec.media import MediaReader, Picture\n"
        "with MediaReader('-') as media:\n"
        "    print(sum(isinstance(item, Picture) for item in media.items()))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        output, _ = process.communicate(make_clip().read_bytes())
    assert output.strip() == b"6"


def test_a_pipe_is_read_while_it_is_written(make_clip: MakeClip) -> None:
    data = make_clip("clip.y4m", "rawvideo", container_format="yuv4mpegpipe").read_bytes()
    source, sink = os.pipe()
    first_seen = threading.Event()

    def feed() -> None:
        with os.fdopen(sink, "wb") as file:
            file.write(data[: len(data) * 5 // 6])
            file.flush()
            first_seen.wait(30)
            file.write(data[len(data) * 5 // 6 :])

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(source, "rb") as file, MediaReader(file) as media:
        pictures = 0
        for _ in media.items():
            assert pictures > 0 or not first_seen.is_set()
            first_seen.set()
            pictures += 1
    feeder.join()
    assert pictures == 6


def test_a_part_begins_at_zero_and_its_sound_stays_beside_it(bunny: Path) -> None:
    whole, part = read(bunny), read(bunny, start_s=0.5, duration_s=0.4)
    first = next(index for index, time in enumerate(whole.times) if time >= 0.5)
    chosen = whole.pictures[first : first + 10]
    origin = whole.times[first]
    assert part.times == [time - origin for time in whole.times[first : first + 10]]
    assert psnr(part.pictures, chosen) == float("inf")
    sound = dict(zip(whole.data(), whole.sound_times(), strict=True))
    assert len(part.packets) == 19  # 0.4 s of 1024 samples each at 48 kHz, rounded up
    for data, time in zip(part.data(), part.sound_times(), strict=True):
        assert abs(time - (sound[data] - origin)) <= part.tracks[0].time_base / 2
        assert 0 <= time < Fraction(2, 5)
    assert part.frame_count == 10


def test_a_part_of_a_pipe_is_that_of_the_file(make_clip: MakeClip) -> None:
    clip = make_clip()
    from_file = read(clip, start_s=0.08, duration_s=0.08)
    from_pipe = read(NotSeekable(clip.read_bytes()), start_s=0.08, duration_s=0.08)
    assert from_file.times == from_pipe.times == [0, Fraction(1, 25)]
    assert psnr(from_file.pictures, from_pipe.pictures) == float("inf")


def test_a_start_behind_the_end_is_an_error(carphone: Path) -> None:
    with pytest.raises(UnsupportedInput, match="ends before"):
        read(carphone, start_s=100)


def test_scale_changes_the_size_and_keeps_the_shape_shown(carphone: Path) -> None:
    half = read(carphone, scale="1/2", duration_s=0.1)
    assert (half.video.width, half.video.height) == (88, 72)
    assert half.video.sample_aspect_ratio == Fraction(128, 117)
    assert half.pictures[0].y.shape == (72, 88)
    square = read(carphone, scale="144x144", duration_s=0.1)
    assert square.video.sample_aspect_ratio == Fraction(128, 117) * Fraction(176, 144)


def test_without_audio_there_is_no_sound(bunny: Path) -> None:
    media = read(bunny, audio=False)
    assert media.tracks == () and media.packets == [] and len(media.pictures) == 38


def test_packets_and_pictures_come_in_one_pass_in_bounded_order(bunny: Path) -> None:
    media = read(bunny)
    reached = Fraction(0)
    for item in media.items:
        if isinstance(item, Packet):
            assert item.pts is not None
            assert abs(item.pts * media.tracks[0].time_base - reached) < 1
        else:
            reached = item.pts * media.video.time_base


def test_a_file_without_video_is_named_as_such(tmp_path: Path, bunny: Path) -> None:
    path = tmp_path / "sound.m4a"
    with av.open(str(bunny)) as source, av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    with pytest.raises(UnsupportedInput, match=r"sound\.m4a has no video \(FFmpeg finds audio in it\)"):
        read(path)


def test_a_cover_picture_is_no_video(tmp_path: Path, bunny: Path, frames: list[av.VideoFrame]) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(bunny)) as source, av.open(str(path), "w") as container:
        sound = container.add_stream_from_template(source.streams.audio[0])
        cover: Any = container.add_stream("mjpeg")
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 176, 144, "yuvj420p", 1 << 10
        container.mux(cover.encode(frames[0].reformat(format="yuvj420p")))
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = sound
                container.mux(packet)
    with pytest.raises(UnsupportedInput, match="has no video"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"these are words\n" * 400, "not a video or picture that FFmpeg can")],
)
def test_unreadable_files_are_one_clear_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "words.mp4"
    path.write_bytes(content)
    with pytest.raises(UnsupportedInput, match=message):
        read(path)


def test_a_missing_file_and_a_directory_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedInput, match="no such file"):
        read(tmp_path / "nothing.mp4")
    with pytest.raises(UnsupportedInput, match="is a directory"):
        read(tmp_path)


def test_a_name_with_a_colon_is_a_file(tmp_path: Path, carphone: Path) -> None:
    path = tmp_path / "http:clip.mp4"
    path.write_bytes(carphone.read_bytes())
    assert len(read(path, duration_s=0.1).pictures) == 3


def test_a_relative_name_with_a_colon_is_a_file(
    tmp_path: Path, carphone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("talk: part 1.mp4").write_bytes(carphone.read_bytes())
    assert len(read("talk: part 1.mp4", duration_s=0.1).pictures) == 3


def test_damage_in_the_middle_costs_pictures_and_says_so(make_clip: MakeClip) -> None:
    clip = make_clip(options={"level": "3", "slices": "4", "slicecrc": "1"})
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    clip.write_bytes(data)
    media = read(clip)
    assert 3 <= len(media.pictures) <= 6


def test_a_truncated_file_gives_what_it_has(make_clip: MakeClip) -> None:
    clip = make_clip()
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert 1 <= len(read(clip).pictures) < 6


def test_times_strictly_increase_whatever_the_file_says(make_clip: MakeClip) -> None:
    from nvcodec.media.timeline import PictureClock

    clock = PictureClock(Fraction(1, 1000), Fraction(30))
    placed = [clock.place(pts) for pts in (0, 33, 33, 20, None, 500, None)]
    assert all(a < b for a, b in pairwise(placed))
    assert placed[0:2] == [0, 33] and placed[5] == 500 and clock.repaired == 4


def test_reading_needs_no_torch_and_no_av_to_import() -> None:
    program = "import sys, nvcodec.media; print('av' in sys.modules, 'torch' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["False", "False"]


def test_a_reader_lets_go_of_its_file(carphone: Path) -> None:
    with MediaReader(carphone) as media:
        first = next(item for item in media.items() if isinstance(item, Picture))
    assert first.y.mean() > 0  # the planes outlive the reader
