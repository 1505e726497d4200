"""Tokens in and out: nothing is lost on the way, and nothing is believed that an archive merely claims."""

from __future__ import annotations

import dataclasses
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nvcodec.codec import DecodeOptions, EncodeOptions, decode, encode
from nvcodec.errors import ModelMismatch, UnsupportedInput
from nvcodec.generate import (
    TokenClip,
    clip_of_coded,
    clip_of_video,
    read_archive,
    write_archive,
    write_coded,
    write_video,
)
from nvcodec.media import MediaReader, Picture

BUNNY = Path(__file__).parents[1] / "clips" / "bunny.mp4"
PART: dict[str, Any] = {"scale": "1/2", "duration_s": 0.4, "gop": 5}


@pytest.fixture(scope="module")
def clip() -> TokenClip:
    """Ten frames of bunny, 160×90, in GOPs of 5."""
    return clip_of_video(BUNNY, **PART)


def archived(clip: TokenClip) -> bytes:
    file = io.BytesIO()
    write_archive(clip, file)
    return file.getvalue()


def equal(one: TokenClip, two: TokenClip) -> bool:
    same = (one.video, one.gops, one.model_sha256) == (two.video, two.gops, two.model_sha256)
    return same and np.array_equal(one.tokens, two.tokens)


def pictures(source: Any) -> list[Picture]:
    with MediaReader(source) as media:
        return [item for item in media.items() if isinstance(item, Picture)]


def test_tokens_have_the_shape_size_and_times_of_the_video(clip: TokenClip) -> None:
    with MediaReader(BUNNY, scale="1/2", duration_s=0.4) as media:
        times = tuple(item.pts for item in media.items() if isinstance(item, Picture))
    assert clip.tokens.shape == (4, 12, 20) and clip.tokens.dtype == np.uint32
    assert (clip.video.width, clip.video.height, clip.frames) == (160, 90, 10)
    assert tuple(pts for gop in clip.gops for pts in gop.pts) == times
    assert len(np.unique(clip.tokens)) > 100  # a picture, not a constant
    assert int(clip.tokens.max()) < 1 << 18


def test_tokens_of_a_video_are_those_that_encode_codes(clip: TokenClip) -> None:
    file = io.BytesIO()
    encode(BUNNY, file, EncodeOptions(tokens=True, audio=False, **PART))
    file.seek(0)
    assert equal(clip_of_coded(file), clip)


def test_a_file_of_tokens_gives_them_back_and_shows_what_they_show(clip: TokenClip, tmp_path: Path) -> None:
    file = io.BytesIO()
    assert write_coded(clip, file) == len(file.getvalue())
    file.seek(0)
    assert equal(clip_of_coded(file), clip)
    file.seek(0)
    decode(file, tmp_path / "decoded.mkv", DecodeOptions(lossless=True))
    write_video(clip, tmp_path / "shown.mkv", lossless=True)
    one, two = pictures(tmp_path / "decoded.mkv"), pictures(tmp_path / "shown.mkv")
    assert len(one) == len(two) == 10
    for a, b in zip(one, two, strict=True):
        assert a.pts == b.pts
        assert all(np.array_equal(getattr(a, plane), getattr(b, plane)) for plane in "yuv")


def test_an_archive_gives_the_clip_back_and_the_same_clip_makes_the_same_bytes(clip: TokenClip) -> None:
    data = archived(clip)
    assert equal(read_archive(io.BytesIO(data)), clip)
    assert archived(clip) == data


def test_numpy_alone_reads_an_archive_and_writes_one(clip: TokenClip) -> None:
    with np.load(io.BytesIO(archived(clip)), allow_pickle=False) as arrays:
        values = {name: arrays[name] for name in arrays.files}
    assert values["size"].tolist() == [160, 90] and values["tokens"].dtype == np.uint32
    assert bytes(values["model"]).hex() == clip.model_sha256
    values["tokens"] = values["tokens"].astype(np.int64)  # what most models compute
    file = io.BytesIO()
    np.savez(file, **values)
    file.seek(0)
    assert equal(read_archive(file), clip)


def test_an_archive_comes_through_a_pipe(clip: TokenClip) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert equal(read_archive(Pipe(archived(clip))), clip)


def changed(data: bytes, name: str, content: bytes) -> io.BytesIO:
    """The archive with another file in the place of an array."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, content if entry == f"{name}.npy" else old.read(entry))
    out.seek(0)
    return out


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def header_alone(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<u4", "fortran_order": False, "shape": shape})
    return file.getvalue()


class Bomb:
    """Says when somebody unpickles it."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("it was unpickled",))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tokens", header_alone((1 << 20, 1 << 20, 1 << 20)), "tokens is (1048576, 1048576, 1048576)"),
        ("tokens", header_alone((4, 12, 20)), "that nvcodec knows"),
        ("tokens", npy(np.full((4, 12, 20), 1 << 18, np.uint32)), "token 262144 is not in"),
        ("tokens", npy(np.full((4, 12, 20), -1, np.int64)), "tokens are not of 32 bits"),
        ("tokens", npy(np.zeros((4, 12, 19), np.uint32)), "times and size make them (4, 12, 20)"),
        ("tokens", npy(np.zeros((4, 12, 20), np.float32)), "tokens is (4, 12, 20) float32"),
        ("tokens", npy(np.zeros((4, 12, 20), np.uint32)) + b"more", "tokens is longer than it says"),
        ("tokens", npy(np.array([[[Bomb()]]], object)), "tokens is (1, 1, 1) object"),
        ("pts", npy(np.zeros(10, np.int64)), "times do not increase"),
        ("frames", npy(np.array([10])), "1 groups of 10 pictures"),
        ("frames", npy(np.array([-5, 15])), "2 groups of 10 pictures"),
        ("duration", npy(np.array([1, -1])), "times do not increase"),
        ("time_base", npy(np.array([1, 0])), "Fraction(1, 0)"),
        ("size", npy(np.array([1 << 20, 90])), "pictures of 1048576x90"),
        ("size", npy(np.array([160])), "that nvcodec knows"),
        ("format", npy(np.zeros(10, np.int64)), "pictures of 0 bits"),
        ("model", npy(np.zeros(31, np.uint8)), "the model is named by 32 bytes"),
        ("model", b"not an array", "that nvcodec knows"),
    ],
)
def test_an_archive_that_cannot_be_is_refused_in_one_line(
    name: str, content: bytes, said: str, clip: TokenClip
) -> None:
    with pytest.raises(UnsupportedInput) as error:
        read_archive(changed(archived(clip), name, content))
    assert said in str(error.value) and len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("data", [b"", b"PK", pickle.dumps({"tokens": 1})])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedInput, match=r"is no \.npz of tokens"):
        read_archive(io.BytesIO(data))


def test_a_cut_archive_is_refused(clip: TokenClip) -> None:
    data = archived(clip)
    with pytest.raises(UnsupportedInput, match=r"is no \.npz of tokens"):
        read_archive(io.BytesIO(data[: len(data) // 2]))


def test_tokens_of_weights_that_are_not_here_make_no_file(clip: TokenClip, tmp_path: Path) -> None:
    other = dataclasses.replace(clip, model_sha256="ab" * 32)
    with pytest.raises(ModelMismatch, match="abab"):
        write_coded(other, io.BytesIO())
    with pytest.raises(ModelMismatch):
        write_video(other, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_levels_has_no_tokens() -> None:
    file = io.BytesIO()
    encode(BUNNY, file, EncodeOptions(audio=False, **PART))
    file.seek(0)
    with pytest.raises(UnsupportedInput, match="nvcodec decode makes a video"):
        clip_of_coded(file)
