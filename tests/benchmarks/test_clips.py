"""Clips and raw frames: what every coder gets is the same, and what comes back is not touched on the way."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from nvcodec.benchmarks.clips import names_of, prepare
from nvcodec.benchmarks.raw import eight_bits, from_y4m, read_planes

from nvcodec.errors import NvcodecError, UnsupportedInput

from .pairs import BUNNY, FRAMES, bunny, frames


def decoded_by_pyav(count: int) -> list[np.ndarray]:
    with av.open(str(BUNNY)) as container:
        return [frame.to_ndarray() for frame, _ in zip(container.decode(video=0), range(count), strict=False)]


def test_a_clip_is_the_samples_of_the_file_and_their_hash(tmp_path: Path) -> None:
    clip = bunny(tmp_path)
    bare = b"".join(frame.tobytes() for frame in decoded_by_pyav(FRAMES))
    assert clip.yuv.read_bytes() == bare
    assert clip.clip.sha256 == hashlib.sha256(bare).hexdigest()
    assert (clip.clip.width, clip.clip.height, clip.clip.frames, clip.rate) == (320, 180, FRAMES, Fraction(25))
    assert clip.clip.pixels == 320 * 180 * FRAMES


def test_the_y4m_file_holds_the_same_frames(tmp_path: Path) -> None:
    clip = bunny(tmp_path)
    with av.open(str(clip.y4m)) as container:
        assert container.streams.video[0].average_rate == 25
        read = [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]
    assert b"".join(read) == clip.yuv.read_bytes()
    from_y4m(clip.y4m, tmp_path / "back.yuv", 320, 180)
    assert (tmp_path / "back.yuv").read_bytes() == clip.yuv.read_bytes()


def test_y4m_of_another_size_or_kind_or_cut_short_is_an_error(tmp_path: Path) -> None:
    clip = bunny(tmp_path)
    with pytest.raises(NvcodecError, match="is not 8-bit 4:2:0 video of 320x182"):
        from_y4m(clip.y4m, tmp_path / "back.yuv", 320, 182)
    deep = tmp_path / "deep.y4m"
    deep.write_bytes(clip.y4m.read_bytes().replace(b"C420jpeg", b"C420p10", 1))
    with pytest.raises(NvcodecError, match="is not 8-bit 4:2:0"):
        from_y4m(deep, tmp_path / "back.yuv", 320, 180)
    cut = tmp_path / "cut.y4m"
    cut.write_bytes(clip.y4m.read_bytes()[:-1])
    with pytest.raises(NvcodecError, match="ends in the middle of a frame"):
        from_y4m(cut, tmp_path / "back.yuv", 320, 180)


def test_odd_sides_and_ten_bits_become_even_sides_and_eight_bits(tmp_path: Path) -> None:
    source = tmp_path / "odd.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(30000, 1001))
        stream.width, stream.height, stream.pix_fmt = 35, 21, "yuv420p10le"
        frame = av.VideoFrame(35, 21, "yuv420p10le")
        for plane in frame.planes:
            plane.update(np.full(plane.buffer_size // 2, 400, "<u2").tobytes())
        container.mux([*stream.encode(frame), *stream.encode(None)])
    clip = prepare(source, tmp_path, "odd")
    assert (clip.clip.width, clip.clip.height, clip.clip.frames) == (34, 20, 1)
    ((y, u, v),) = frames(clip)
    assert y.shape == (20, 34) and u.shape == v.shape == (10, 17)
    assert {*y.flat, *u.flat, *v.flat} <= {99, 100, 101}  # 400 / 4, and what dither may make of it
    assert clip.rate == Fraction(30000, 1001)


def test_scaling_and_a_missing_file(tmp_path: Path) -> None:
    assert bunny(tmp_path, "1/2").clip.width == 160
    with pytest.raises(UnsupportedInput):
        prepare(tmp_path / "nothing.mp4", tmp_path, "nothing")


def test_clips_of_the_same_name_are_told_apart() -> None:
    paths = [Path("a/clip.mp4"), Path("b/clip.mkv"), Path("clip-2.mp4")]
    assert len(set(names_of(paths))) == 3 and names_of(paths)[0] == "clip"


def test_ten_bits_are_rounded_to_the_nearest_of_eight(tmp_path: Path) -> None:
    values = np.arange(1024, dtype="<u2")
    (tmp_path / "deep").write_bytes(values.tobytes())
    eight_bits(tmp_path / "deep", tmp_path / "flat", 100)
    found = np.frombuffer((tmp_path / "flat").read_bytes(), np.uint8)
    assert np.array_equal(found, np.minimum(np.floor(values / 4 + 0.5), 255))


def test_the_picture_of_a_clip_is_its_middle_frame(tmp_path: Path) -> None:
    clip = bunny(tmp_path)
    (tmp_path / "still.png").write_bytes(clip.middle_png(clip.yuv))
    with av.open(str(tmp_path / "still.png")) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="gray").astype(int)
    differences = [np.abs(shown - (y.astype(int) - 16) * 255 / 219).mean() for y, _, _ in frames(clip)]
    assert int(np.argmin(differences)) == FRAMES // 2 and min(differences) < 2


def test_planes_are_read_one_frame_at_a_time(tmp_path: Path) -> None:
    clip = bunny(tmp_path)
    first = next(read_planes(clip.yuv, 320, 180))
    assert [plane.shape for plane in first] == [(180, 320), (90, 160), (90, 160)]
