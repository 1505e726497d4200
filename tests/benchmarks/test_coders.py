"""The rivals' settings, and real encoders that take them."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from nvcodec.benchmarks.axes import EYES, PSNR
from nvcodec.benchmarks.clips import Prepared, prepare
from nvcodec.benchmarks.coders.ffmpeg import Ffmpeg, FfmpegMissing, find_ffmpeg, library_version
from nvcodec.benchmarks.coders.process import ProgramFailed, Programs
from nvcodec.benchmarks.coders.rivals import Rival, rival_coder
from nvcodec.benchmarks.coders.table import (
    ENCODERS,
    FAMILIES,
    LONG,
    LOW_DELAY,
    RANDOM_ACCESS,
    SERIES,
    TUNINGS,
    Encoder,
)
from nvcodec.benchmarks.metrics import Pair, psnr

from .pairs import BUNNY, bunny

GOP = 5
ONE_EACH = [next(encoder for encoder in ENCODERS if encoder.family == family) for family in FAMILIES]
by_name = pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder.name)
by_family = pytest.mark.parametrize("encoder", ONE_EACH, ids=lambda encoder: encoder.name)


@pytest.fixture(scope="module")
def ffmpeg() -> Ffmpeg:
    return find_ffmpeg()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return bunny(tmp_path_factory.mktemp("clip"), "160x90")


def rival(encoder: Encoder, ffmpeg: Ffmpeg, series: str = LONG, tuned: str = PSNR, scale: float = 1.0) -> Rival:
    coder = rival_coder(encoder, ffmpeg, tuned=tuned, series=series, gop=GOP, threads=1, scale=scale)
    return Rival(coder, encoder, ffmpeg, Programs(), 1)


def coded(way: Rival, clip: Prepared, setting: float, folder: Path) -> tuple[Path, dict[str, float]]:
    """The stream, and how good it is."""
    stream, yuv = folder / "stream", folder / "decoded.yuv"
    encode = way.encode(clip, setting, stream)
    decode = way.decode(stream, clip, yuv)
    assert encode.seconds > 0 and encode.peak_bytes > 10 << 20 and decode.peak_bytes > 10 << 20
    return stream, psnr.measure(Pair(clip, yuv))


def intra_frames(stream: Path, encoder: Encoder, ffmpeg: Ffmpeg) -> list[int]:
    """Numbers of the frames that refer to none; of VVC, as they are coded, else as they are shown."""
    if encoder.family == "vvc":  # whose decoder in FFmpeg mixes up the types of frames that are reordered
        units = [match[1][0] >> 3 for match in re.finditer(rb"\x00\x00\x01.(.)", stream.read_bytes(), re.DOTALL)]
        pictures = [unit for unit in units if unit < 12]  # H.266, table 5: up to 11 pictures, 7 to 9 intra ones
        return [number for number, unit in enumerate(pictures) if unit in (7, 8, 9)]
    return [number for number, letter in enumerate(picture_types(stream, encoder, ffmpeg)) if letter == "I"]


def picture_types(stream: Path, encoder: Encoder, ffmpeg: Ffmpeg) -> str:
    """A letter for every frame, as they are shown."""
    command = [ffmpeg.path, "-f", encoder.muxer, "-c:v", encoder.decoder, "-i", str(stream)]
    said = subprocess.run([*command, "-vf", "showinfo", "-f", "null", "-"], capture_output=True, text=True, check=True)
    return "".join(re.findall(r" type:(\w) ", said.stderr))


@by_name
def test_every_setting_of_the_table_codes_every_frame(
    encoder: Encoder, ffmpeg: Ffmpeg, clip: Prepared, tmp_path: Path
) -> None:
    middle = encoder.qualities[len(encoder.qualities) // 2]
    for series in SERIES:
        for tuned in encoder.tuned:
            _, found = coded(rival(encoder, ffmpeg, series, tuned), clip, middle, tmp_path)
            assert 22 < found["psnr_y"] < 45, (series, tuned)


@by_family
def test_qualities_go_from_the_lowest_rate_to_the_highest(
    encoder: Encoder, ffmpeg: Ffmpeg, clip: Prepared, tmp_path: Path
) -> None:
    way = rival(encoder, ffmpeg)
    low, high = (coded(way, clip, way.qualities[index], tmp_path) for index in (0, -1))
    assert low[1]["psnr_y"] + 8 < high[1]["psnr_y"] < 60
    assert 8 * high[0].stat().st_size / clip.clip.pixels > 0.3  # reached by all that is wanted


@by_family
def test_the_long_series_has_one_intra_frame_and_random_access_one_a_group(
    encoder: Encoder, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clip = prepare(BUNNY, tmp_path, "longer", "96x64", 12)
    setting = encoder.qualities[3]
    long, _ = coded(rival(encoder, ffmpeg, LONG), clip, setting, tmp_path)
    assert intra_frames(long, encoder, ffmpeg) == [0]
    random_access, _ = coded(rival(encoder, ffmpeg, RANDOM_ACCESS), clip, setting, tmp_path)
    found = intra_frames(random_access, encoder, ffmpeg)
    assert found == [0, GOP, 2 * GOP] or (encoder.family == "vvc" and found == [0, GOP])  # the last group is short


def test_low_delay_is_without_b_frames_and_the_others_are_with_them(
    ffmpeg: Ffmpeg, clip: Prepared, tmp_path: Path
) -> None:
    for encoder in ONE_EACH:
        if encoder.family in ("h264", "hevc"):  # in the others a B-frame need not be from the future
            stream, _ = coded(rival(encoder, ffmpeg, LOW_DELAY), clip, 34, tmp_path)
            assert set(picture_types(stream, encoder, ffmpeg)) == {"I", "P"}
            stream, _ = coded(rival(encoder, ffmpeg, LONG), clip, 34, tmp_path)
            assert "B" in picture_types(stream, encoder, ffmpeg)


@by_family
def test_streams_hold_no_text_of_settings(encoder: Encoder, ffmpeg: Ffmpeg, clip: Prepared, tmp_path: Path) -> None:
    stream, _ = coded(rival(encoder, ffmpeg), clip, encoder.qualities[0], tmp_path)
    text = stream.read_bytes().lower()
    assert not [word for word in (b"x264", b"x265", b"vvenc", b"svt", b"lavc", b"crf", b"options") if word in text]
    assert len(text) < 1200


def test_scaled_rivals_code_less_and_come_back_at_full_size(ffmpeg: Ffmpeg, clip: Prepared, tmp_path: Path) -> None:
    for encoder in ONE_EACH:
        whole, _ = coded(rival(encoder, ffmpeg), clip, encoder.qualities[4], tmp_path)
        size = whole.stat().st_size
        half = rival(encoder, ffmpeg, scale=0.5)
        stream, found = coded(half, clip, encoder.qualities[4], tmp_path)
        assert stream.stat().st_size < size and 18 < found["psnr_y"] < 35
        assert half.coder.key.endswith("-at0.5") and half.coder.scale == 0.5


def test_vvenc_is_fed_ten_bits_and_tuning_is_what_the_table_says(ffmpeg: Ffmpeg) -> None:
    vvenc = next(encoder for encoder in ENCODERS if encoder.name == "vvenc-medium")
    assert "-pix_fmt yuv420p10le -c:v libvvenc" in " ".join(vvenc.arguments(PSNR, LONG, GOP, 2))
    for encoder in ENCODERS:
        texts = {tuned: " ".join(encoder.arguments(tuned, LONG, GOP, 2)) for tuned in encoder.tuned}
        assert any(word in texts[PSNR] for word in ("-tune psnr", "-qpa 0", "tune=1"))
        assert "-tune" not in texts.get(EYES, "") and "-qpa 0" not in texts.get(EYES, "")
        assert encoder.tunings(TUNINGS) == list(encoder.tuned) and encoder.tunings({EYES})
    assert "info=0" in " ".join(next(e for e in ENCODERS if e.family == "hevc").arguments(PSNR, LONG, GOP, 2))


def test_arguments_are_in_full_but_for_the_quality() -> None:
    for encoder in ENCODERS:
        for series in SERIES:
            text = " ".join(encoder.arguments(PSNR, series, 97, 3))
            assert re.findall(r"\{.*?\}", text) == ["{quality}"]
            assert re.search(r"(-threads 3|pools=3|lp=3)\b", text)
        assert "97" in " ".join(encoder.arguments(PSNR, RANDOM_ACCESS, 97, 3))


@pytest.mark.parametrize("library", sorted({encoder.library for encoder in ENCODERS}))
def test_the_version_of_every_encoder_is_found(library: str, ffmpeg: Ffmpeg) -> None:
    assert re.match(r"\d", library_version(ffmpeg.path, library))


def test_a_setting_the_encoder_refuses_is_a_failure_with_its_words(
    ffmpeg: Ffmpeg, clip: Prepared, tmp_path: Path
) -> None:
    with pytest.raises(ProgramFailed, match=r"'qp'.* out of range"):
        rival(next(e for e in ENCODERS if e.family == "vvc"), ffmpeg).encode(clip, 99, tmp_path / "stream")


def test_a_stream_that_lost_frames_is_a_failure(ffmpeg: Ffmpeg, clip: Prepared, tmp_path: Path) -> None:
    way = rival(next(e for e in ENCODERS if e.family == "h264"), ffmpeg)
    stream = tmp_path / "stream"
    way.encode(clip, 30, stream)
    stream.write_bytes(stream.read_bytes()[: stream.stat().st_size * 2 // 3])
    with pytest.raises(ProgramFailed):
        way.decode(stream, clip, tmp_path / "decoded.yuv")


FAKE = """#!{python} -S
import sys
encoders = {encoders!r}
lists = {{"-version": "ffmpeg version 7.0-fake", "-encoders": " V....D " + "  x\\n V....D ".join(encoders) + "  x",
          "-decoders": " V....D h264   x\\n", "-filters": " .. scale   V->V  x\\n"}}
print(lists[sys.argv[-1]])
"""


def fake(path: Path, *encoders: str) -> str:
    """A program that says it is FFmpeg, and has these encoders and one decoder."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(FAKE.format(python=sys.executable, encoders=encoders))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_missing_encoder_is_named_with_the_program_that_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = fake(tmp_path / "package" / "ffmpeg", "libx264")
    other = fake(tmp_path / "path" / "ffmpeg", "libx264", "libx265")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", packaged)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert find_ffmpeg(["libx264"], ["h264"]).path == packaged  # the package's first
    assert find_ffmpeg(["libx264", "libx265"]).path == other  # whichever has all
    with pytest.raises(FfmpegMissing) as caught:
        find_ffmpeg(["libx265", "libvvenc"], ["h264", "vvc"])
    text = str(caught.value)
    assert f"{packaged} lacks the encoder libx265, the encoder libvvenc, the decoder vvc" in text
    assert f"{other} lacks the encoder libvvenc, the decoder vvc" in text
    assert "pip install 'nvcodec[bench]'" in text and "\n" not in text


def test_without_any_ffmpeg_the_message_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvcodec.benchmarks.coders.ffmpeg.ffmpeg_programs", list)
    with pytest.raises(FfmpegMissing, match=r"needs an ffmpeg, and there is none: pip install 'nvcodec\[bench\]'"):
        find_ffmpeg()
