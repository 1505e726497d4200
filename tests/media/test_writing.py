"""Pictures go out as they came in: times, shape, colour; and whole or not at all."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nvcodec.errors import OutputError
from nvcodec.media import Colour, MediaWriter, Picture, VideoFormat

from .support import Media, psnr, read, write

HDR = Colour(primaries=9, transfer=16, matrix=9, full_range=False)
ODD_AND_SMALL = [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (7, 3), (33, 17), (64, 63), (63, 64)]


def synthetic(
    carphone: Path, width: int, height: int, bit_depth: int = 8, count: int = 3, **changes: object
) -> Media:
    """Real pictures scaled to any size and moved to any depth."""
    media = read(carphone, scale=f"{width}x{height}", duration_s=count * 0.033)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    scale = bit_depth - 8

    def deepen(plane: np.ndarray) -> np.ndarray:
        deep = plane.astype(dtype) << scale
        return deep | (plane.astype(dtype) >> (8 - scale)) if 0 < scale < 8 else deep

    pictures = [replace(p, y=deepen(p.y), u=deepen(p.u), v=deepen(p.v)) for p in media.pictures]
    media.video = replace(media.video, bit_depth=bit_depth, sample_aspect_ratio=Fraction(1), **changes)  # type: ignore
    media.pictures, media.items = pictures, list(pictures)
    return media


def grey(media: Media) -> Media:
    """The same without colour."""
    middle = 1 << (media.video.bit_depth - 1)
    media.pictures = [
        replace(p, u=np.full_like(p.u, middle), v=np.full_like(p.v, middle)) for p in media.pictures
    ]
    media.items = list(media.pictures)
    return media


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
def test_default_is_visually_lossless(tmp_path: Path, bunny: Path, suffix: str) -> None:
    media = read(bunny)
    write(media, tmp_path / f"out.{suffix}")
    again = read(tmp_path / f"out.{suffix}")
    assert psnr(media.pictures, again.pictures) > 45


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("chroma", ["420", "400", "422", "444"])
def test_lossless_matroska_gives_every_bit_back(
    tmp_path: Path, carphone: Path, chroma: str, depth: int
) -> None:
    media = synthetic(carphone, 176, 144, depth, chroma=chroma)
    media = grey(media) if chroma == "400" else media
    write(media, tmp_path / "out.mkv", lossless=True)
    again = read(tmp_path / "out.mkv")
    assert (again.video.chroma, again.video.bit_depth) == (chroma, depth)
    for one, two in zip(media.pictures, again.pictures, strict=True):
        assert np.array_equal(one.y, two.y)
        if chroma in ("420", "400"):
            assert np.array_equal(one.u, two.u) and np.array_equal(one.v, two.v)
        else:  # chroma was up-sampled on the way out and down-sampled on the way in
            tolerance = 2 << (depth - 8)
            assert np.abs(one.u.astype(int) - two.u.astype(int)).mean() < tolerance


@pytest.mark.parametrize(
    ("suffix", "depth"), [("mp4", 8), ("mp4", 10), ("webm", 8), ("y4m", 8), ("y4m", 10), ("y4m", 16)]
)
def test_lossless_elsewhere_gives_every_bit_back(
    tmp_path: Path, carphone: Path, suffix: str, depth: int
) -> None:
    media = synthetic(carphone, 176, 144, depth)
    write(media, tmp_path / f"out.{suffix}", lossless=True)
    again = read(tmp_path / f"out.{suffix}")
    assert again.video.bit_depth == depth
    assert psnr(media.pictures, again.pictures) == float("inf")


@pytest.mark.parametrize(("suffix", "depth"), [("mp4", 12), ("webm", 10)])
def test_lossless_that_cannot_be_is_refused_with_the_way_out(
    tmp_path: Path, carphone: Path, suffix: str, depth: int
) -> None:
    media = synthetic(carphone, 32, 32, depth)
    with pytest.raises(OutputError, match=r"write a \.mkv file instead"):
        write(media, tmp_path / f"out.{suffix}", lossless=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("suffix", "depth", "kept"), [("mp4", 10, 10), ("mp4", 16, 10), ("mkv", 12, 12), ("webm", 10, 8)]
)
def test_deep_video_keeps_its_bits_or_says_so(
    tmp_path: Path, carphone: Path, suffix: str, depth: int, kept: int
) -> None:
    media = synthetic(carphone, 176, 144, depth)
    warnings = write(media, tmp_path / f"out.{suffix}")
    assert read(tmp_path / f"out.{suffix}").video.bit_depth == kept
    assert any(f"becomes {kept}-bit" in warning for warning in warnings) == (kept != depth)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "y4m", "png"])
@pytest.mark.parametrize("chroma", ["420", "422", "400"])
@pytest.mark.parametrize("size", ODD_AND_SMALL)
def test_any_size_comes_out_as_it_is(
    tmp_path: Path, carphone: Path, suffix: str, chroma: str, size: tuple[int, int]
) -> None:
    media = synthetic(carphone, *size, chroma=chroma)
    media = grey(media) if chroma == "400" else media
    for lossless in (False, True):
        write(media, tmp_path / f"out.{suffix}", lossless=lossless)
        again = read(tmp_path / f"out.{suffix}")
        assert (again.video.width, again.video.height) == size
        assert len(again.pictures) == (1 if suffix == "png" else len(media.pictures))
        if lossless and suffix != "png":
            assert all(np.array_equal(a.y, b.y) for a, b in zip(media.pictures, again.pictures, strict=True))


def test_8k(tmp_path: Path, carphone: Path) -> None:
    media = synthetic(carphone, 7680, 4320, count=1)
    write(media, tmp_path / "out.mp4")
    again = read(tmp_path / "out.mp4")
    assert again.pictures[0].y.shape == (4320, 7680)
    assert psnr(media.pictures, again.pictures) > 45


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("lossless", [False, True])
def test_colour_shape_and_rotation_are_put_back(
    tmp_path: Path, carphone: Path, suffix: str, lossless: bool
) -> None:
    for rotation, aspect, colour in (
        (90, Fraction(128, 117), HDR),
        (-90, Fraction(4, 3), replace(HDR, full_range=True)),
        (180, Fraction(16, 45), Colour(1, 13, 1)),
        (0, Fraction(1), Colour()),
    ):
        media = synthetic(carphone, 64, 48, rotation=rotation, colour=colour)
        media.video = replace(media.video, sample_aspect_ratio=aspect)
        write(media, tmp_path / f"out.{suffix}", lossless=lossless)
        video = read(tmp_path / f"out.{suffix}").video
        assert (video.rotation, video.sample_aspect_ratio, video.colour) == (rotation, aspect, colour)


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_uneven_times_are_kept_exactly(tmp_path: Path, carphone: Path, suffix: str) -> None:
    media = synthetic(carphone, 64, 48, count=6)
    ticks = [0, 1001, 5005, 5006, 40040, 90091]
    media.video = replace(media.video, time_base=Fraction(1, 90000))
    media.items = [replace(p, pts=t, duration=0) for p, t in zip(media.pictures, ticks, strict=True)]
    write(media, tmp_path / f"out.{suffix}")
    assert read(tmp_path / f"out.{suffix}").times == [Fraction(tick, 90000) for tick in ticks]


def test_matroska_keeps_times_to_the_millisecond(tmp_path: Path, carphone: Path) -> None:
    media = read(carphone)
    write(media, tmp_path / "out.mkv")
    again = read(tmp_path / "out.mkv")
    assert all(abs(a - b) <= Fraction(1, 2000) for a, b in zip(media.times, again.times, strict=True))


def test_y4m_says_when_times_are_uneven(tmp_path: Path, carphone: Path) -> None:
    media = read(carphone)
    assert write(media, tmp_path / "even.y4m") == []
    media.items = [replace(p, pts=p.pts * p.pts) for p in media.pictures]
    assert any("fixed frame rate" in warning for warning in write(media, tmp_path / "uneven.y4m"))


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_y4m_and_png_are_turned_upright(tmp_path: Path, carphone: Path, rotation: int) -> None:
    media = synthetic(carphone, 65, 48, rotation=rotation)
    for name in ("out.y4m", "out.png"):
        write(media, tmp_path / name)
    expected = np.rot90(media.pictures[0].y, rotation // 90)
    assert np.array_equal(read(tmp_path / "out.y4m").pictures[0].y, expected)
    shown = read(tmp_path / "out.png").pictures[0].y
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 12  # through red, green and blue, by another matrix


@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_png_shows_the_colours_that_the_matrix_means(tmp_path: Path, matrix: int) -> None:
    import av

    red = {1: (63, 102, 240), 6: (81, 90, 240), 9: (74, 97, 240)}[matrix]  # pure red by each H.273 matrix
    y, u, v = (
        np.full(shape, value, np.uint8) for shape, value in zip(((8, 8), (4, 4), (4, 4)), red, strict=True)
    )
    video = VideoFormat(8, 8, Fraction(1, 25), colour=Colour(matrix=matrix))
    with MediaWriter(tmp_path / "red.png", video) as out:
        out.write(Picture(0, y, u, v))
    with av.open(str(tmp_path / "red.png")) as container:
        pixels = next(container.decode(video=0)).to_ndarray()
    assert np.abs(pixels[4, 4].astype(int) - (255, 0, 0)).max() <= 3


def test_deep_png_has_sixteen_bits(tmp_path: Path, carphone: Path) -> None:
    media = synthetic(carphone, 64, 48, 12, chroma="400")
    write(grey(media), tmp_path / "out.png")
    assert read(tmp_path / "out.png").video.bit_depth == 16
    assert read(tmp_path / "out.png").video.chroma == "400"


def test_a_png_takes_the_first_picture_and_says_so(tmp_path: Path, carphone: Path) -> None:
    media = read(carphone)
    assert any("only the first of 30" in warning for warning in write(media, tmp_path / "out.png"))
    assert len(read(tmp_path / "out.png").pictures) == 1


def test_numbered_pictures_take_all(tmp_path: Path, carphone: Path) -> None:
    media = synthetic(carphone, 64, 48)
    write(media, tmp_path / "frames-%05d.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"frames-{n:05}.png" for n in (1, 2, 3)]
    assert len(read(tmp_path / "frames-%05d.png").pictures) == 3


@pytest.mark.parametrize("container", [None, "y4m"])
def test_pipes_take_matroska_or_y4m(carphone: Path, container: str | None) -> None:
    class Pipe(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    media, pipe = read(carphone), Pipe()
    write(media, pipe, container=container, lossless=True)
    again = read(io.BytesIO(pipe.data))
    assert not pipe.closed
    assert psnr(media.pictures, again.pictures) == float("inf")
    assert again.video.sample_aspect_ratio == Fraction(128, 117)


def test_standard_output_takes_a_stream(carphone: Path) -> None:
    program = (
        "import sys\nfrom nvcodec.media import MediaReader, MediaWriter\n"
        "with MediaReader(sys.argv[1]) as media, MediaWriter('-', media.video, lossless=True) as out:\n"
        "    for item in media.items():\n"
        "        out.write(item)"
    )
    output = subprocess.run([sys.executable, "-c", program, carphone], check=True, capture_output=True).stdout
    assert psnr(read(io.BytesIO(output)).pictures, read(carphone).pictures) == float("inf")


NAMES = ["out.mp4", "out.mkv", "out.webm", "out.y4m", "out.png", "frames-%03d.png"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_no_trace(
    tmp_path: Path, carphone: Path, name: str, error: type[BaseException]
) -> None:
    media = read(carphone)
    with pytest.raises(error), MediaWriter(tmp_path / name, media.video) as out:
        for picture in media.pictures[:20]:
            out.write(picture)
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES[:-1])
def test_nothing_has_the_name_before_all_is_written_and_an_old_file_stays(
    tmp_path: Path, carphone: Path, name: str
) -> None:
    media, old = read(carphone), tmp_path / name
    old.write_bytes(b"precious")
    with MediaWriter(old, media.video) as out:
        for picture in media.pictures:
            out.write(picture)
        assert old.read_bytes() == b"precious"
    assert old.read_bytes() != b"precious" and list(tmp_path.iterdir()) == [old]
    old.write_bytes(b"precious")
    with pytest.raises(RuntimeError), MediaWriter(old, media.video) as out:
        out.write(media.pictures[0])
        raise RuntimeError
    assert old.read_bytes() == b"precious" and list(tmp_path.iterdir()) == [old]


def test_a_symbolic_link_is_written_through(tmp_path: Path, carphone: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real" / "clip.mp4")
    write(read(carphone), tmp_path / "link.mp4")
    assert (tmp_path / "link.mp4").is_symlink()
    assert len(read(tmp_path / "real" / "clip.mp4").pictures) == 30


def test_files_can_be_wound_to_the_middle(tmp_path: Path, carphone: Path) -> None:
    """The header that was given the shape of pixels still points at its tables."""
    import av

    media = read(carphone)
    write(media, tmp_path / "out.mkv", lossless=True)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.duration is not None and abs(container.duration - 1_001_000) < 50_000
        container.seek(500_000)
        frame = next(container.decode(video=0))
        assert frame.pts is not None and 0 < frame.pts <= 500
    assert read(tmp_path / "out.mkv", start_s=0.5).times[0] == 0


@pytest.mark.parametrize("name", NAMES)
def test_no_pictures_are_an_error_and_leave_no_trace(tmp_path: Path, carphone: Path, name: str) -> None:
    with pytest.raises(OutputError, match="no pictures"), MediaWriter(tmp_path / name, read(carphone).video):
        pass
    assert list(tmp_path.iterdir()) == []


def test_targets_that_cannot_be_are_clear_errors(tmp_path: Path, carphone: Path) -> None:
    video = read(carphone).video
    (tmp_path / "folder.mp4").mkdir()
    for name, message in (
        ("out.xyz", "cannot tell what to write from '.xyz'"),
        ("out", "cannot tell what to write from 'no suffix'"),
        ("folder.mp4", "is a directory"),
        ("nowhere/out.mp4", "there is no folder"),
    ):
        with pytest.raises(OutputError, match=message):
            MediaWriter(tmp_path / name, video)
    with pytest.raises(OutputError, match="a pipe takes matroska or y4m, not mp4"):
        MediaWriter(io.BytesIO(), video, container="mp4")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
@pytest.mark.parametrize("container", ["matroska", "y4m"])
def test_a_full_disk_is_a_clear_error(carphone: Path, container: str) -> None:
    media = read(carphone)
    with (
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(OutputError, match="No space left on device"),
    ):
        write(media, full, container=container, lossless=True)


def test_a_closed_pipe_is_a_clear_error(carphone: Path) -> None:
    class Closed(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(OutputError, match="was closed before everything was written"):
        write(read(carphone), Closed(), lossless=True)


def test_a_picture_of_the_wrong_size_is_refused(tmp_path: Path, carphone: Path) -> None:
    media = read(carphone)
    small = media.pictures[0].y[:100]
    with (
        pytest.raises(ValueError, match=r"plane y is \(100, 176\)"),
        MediaWriter(tmp_path / "o.mp4", media.video) as out,
    ):
        out.write(replace(media.pictures[0], y=small))
    assert list(tmp_path.iterdir()) == []
