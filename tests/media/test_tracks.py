"""Sound and subtitles go through untouched and in sync."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from nvcodec.media import Packet, Track
from nvcodec.media.tracks import MATROSKA_CODECS, MP4_ONLY_CODECS

from .support import Media, read, write

# FFmpeg's encoders, and the channels and sample rate for them.
SOUNDS = {
    "aac": ("5.1", 48000),
    "ac3": ("5.1", 48000),
    "alac": ("stereo", 44100),
    "eac3": ("stereo", 48000),
    "flac": ("stereo", 44100),
    "libmp3lame": ("stereo", 44100),
    "libopus": ("stereo", 48000),
    "mp2": ("mono", 32000),
    "pcm_s16le": ("stereo", 44100),
    "pcm_s24le": ("mono", 96000),
    "pcm_f32le": ("stereo", 48000),
    "wavpack": ("stereo", 48000),
}

AddSound = Callable[..., Path]


@pytest.fixture
def add_sound(tmp_path: Path, bunny: Path) -> AddSound:
    """Bunny's pictures, with its sound coded anew as the test asks, by PyAV alone."""

    def add(codec: str, suffix: str = "mkv", **tags: str) -> Path:
        layout, rate = SOUNDS[codec]
        path = tmp_path / f"{codec}.{suffix}"
        with av.open(str(bunny)) as source, av.open(str(path), "w") as container:
            film = container.add_stream_from_template(source.streams.video[0])
            sound: Any = container.add_stream(codec, rate=rate, layout=layout)
            sound.metadata.update(tags)
            formats = sound.codec_context.codec.audio_formats
            sound.format = formats[0].name
            resampler: Any = av.AudioResampler(sound.format.name, layout, rate, frame_size=_frame_size(sound))
            for packet in source.demux(video=0, audio=0):
                if packet.stream.type == "video":
                    if packet.size:
                        packet.stream = film
                        container.mux(packet)
                    continue
                for frame in packet.decode():
                    for part in resampler.resample(frame):
                        container.mux(sound.encode(part))
            container.mux(sound.encode(None))
        return path

    return add


def _frame_size(stream: Any) -> int | None:
    stream.codec_context.open(strict=False)
    return stream.codec_context.frame_size or None


def decoded_sound(path: Path) -> bytes:
    """The samples that the file plays."""
    with av.open(str(path)) as container:
        return b"".join(bytes(plane) for frame in container.decode(audio=0) for plane in frame.planes)


def assert_same_track(one: Media, two: Media, index: int = 0) -> None:
    """Packets, set-up and description of a track are the same; times to Matroska's millisecond."""
    a, b = one.tracks[index], two.tracks[index]
    assert one.data(index) == two.data(index) != []
    assert (a.codec, a.extradata, a.language, a.title, a.default) == (
        b.codec,
        b.extradata,
        b.language,
        b.title,
        b.default,
    )
    assert {key: a.parameters.get(key) for key in ("sample_rate", "channels", "layout")} == {
        key: b.parameters.get(key) for key in ("sample_rate", "channels", "layout")
    }
    for before, after in zip(one.sound_times(index), two.sound_times(index), strict=True):
        assert abs(before - after) < Fraction(1, 1000)


@pytest.mark.parametrize("lossless", [False, True])
def test_mp4_to_mkv_to_mp4_keeps_every_byte_and_every_time(
    tmp_path: Path, bunny: Path, lossless: bool
) -> None:
    media = read(bunny)
    write(media, tmp_path / "out.mkv", lossless=lossless)
    matroska = read(tmp_path / "out.mkv")
    write(matroska, tmp_path / "out.mp4", lossless=lossless)
    again = read(tmp_path / "out.mp4")
    for other in (matroska, again):
        assert_same_track(media, other)
        assert other.times == media.times
        assert other.tags == media.tags
    assert decoded_sound(tmp_path / "out.mp4") == decoded_sound(bunny)


def test_mp4_to_mp4_keeps_times_to_the_sample(tmp_path: Path, bunny: Path) -> None:
    media = read(bunny)
    write(media, tmp_path / "out.mp4")
    assert read(tmp_path / "out.mp4").sound_times() == media.sound_times()


@pytest.mark.parametrize("codec", SOUNDS)
def test_every_codec_goes_through_matroska(tmp_path: Path, add_sound: AddSound, codec: str) -> None:
    source = add_sound(codec)
    media = read(source)
    assert write(media, tmp_path / "out.mkv") == []
    assert_same_track(media, read(tmp_path / "out.mkv"))
    assert decoded_sound(tmp_path / "out.mkv") == decoded_sound(source)


@pytest.mark.parametrize("codec", ["aac", "ac3", "alac", "eac3", "flac", "libmp3lame", "libopus"])
def test_mp4_codecs_go_between_mp4_and_matroska(tmp_path: Path, add_sound: AddSound, codec: str) -> None:
    source = add_sound(codec, "mp4")
    media = read(source)
    write(media, tmp_path / "out.mkv")
    matroska = read(tmp_path / "out.mkv")
    write(matroska, tmp_path / "out.mp4")
    again = read(tmp_path / "out.mp4")
    assert media.data() == matroska.data() == again.data()
    assert media.tracks[0].extradata == matroska.tracks[0].extradata == again.tracks[0].extradata
    for other in (matroska, again):
        offset = other.sound_times()[0] - other.times[0] - (media.sound_times()[0] - media.times[0])
        assert abs(offset) < Fraction(1, 1000)


def test_webm_takes_opus(tmp_path: Path, add_sound: AddSound) -> None:
    media = read(add_sound("libopus"))
    assert write(media, tmp_path / "out.webm") == []
    assert_same_track(media, read(tmp_path / "out.webm"))


def test_sound_that_starts_before_the_pictures_still_does(tmp_path: Path, add_sound: AddSound) -> None:
    media = read(add_sound("aac", "mp4"))
    assert media.sound_times()[0] < 0  # samples that the coder put in front
    assert media.tracks[0].parameters["padding"] == 1024
    for suffix in ("mkv", "mp4"):
        write(media, tmp_path / f"out.{suffix}")
        again = read(tmp_path / f"out.{suffix}")
        assert again.times == media.times
        assert abs(again.sound_times()[0] - media.sound_times()[0]) < Fraction(1, 1000)


def test_a_codec_that_the_container_cannot_hold_is_left_out_with_a_warning(
    tmp_path: Path, bunny: Path
) -> None:
    media = read(bunny)
    warnings = write(media, tmp_path / "out.webm")
    assert warnings == ["WebM cannot hold audio in aac, which is left out; a .mkv file can"]
    again = read(tmp_path / "out.webm")
    assert again.tracks == () and len(again.pictures) == 38
    assert any("sound is left out" in warning for warning in write(media, tmp_path / "out.y4m"))


def with_track(media: Media, track: Track, packets: list[Packet]) -> Media:
    """The same with one track more; packets stand at their time among the pictures."""
    number = len(media.tracks)
    added = [replace(packet, track=number) for packet in packets]

    def time(item: Any) -> Fraction:
        tracks = (*media.tracks, track)
        return item.pts * (
            tracks[item.track].time_base if isinstance(item, Packet) else media.video.time_base
        )

    media.tracks = (*media.tracks, track)
    media.items = sorted([*media.items, *added], key=time)
    return media


def text_track(codec: str, texts: list[bytes], **changes: Any) -> tuple[Track, list[Packet]]:
    """Three texts, of 300 ms every 400 ms."""
    track = Track("subtitle", codec, Fraction(1, 1000), language="fra", title="Pour rire", **changes)
    return track, [Packet(0, 100 + 400 * n, 100 + 400 * n, 300, True, text) for n, text in enumerate(texts)]


ASS_HEADER = b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name\r\n\r\n[Events]\r\n"
# A display set of Blu-ray subtitles: a composition of no objects, numbered, and its end.
PGS_COMPOSITION = b"\x16\x00\x0b\x01\x40\x00\xb4\x10\x00%c\x80\x00\x00\x00\x80\x00\x00"
TEXTS = ["Bonjour, ça va ?".encode(), b"<i>two\nlines</i>", b"three"]


@pytest.mark.parametrize(
    ("codec", "extradata", "texts"),
    [
        ("subrip", b"", TEXTS),
        ("ass", ASS_HEADER, [b"%d,0,Default,,0,0,0,,text" % n for n in range(3)]),
        ("hdmv_pgs_subtitle", b"", [PGS_COMPOSITION % n for n in range(3)]),
    ],
)
def test_subtitles_go_through_matroska(
    tmp_path: Path, bunny: Path, codec: str, extradata: bytes, texts: list[bytes]
) -> None:
    media = with_track(read(bunny), *text_track(codec, texts, extradata=extradata, default=True))
    assert write(media, tmp_path / "out.mkv") == []
    again = read(tmp_path / "out.mkv")
    assert again.data(1) == texts and again.data(0) == media.data(0)
    track = again.tracks[1]
    assert (track.codec, track.extradata, track.language, track.title, track.default) == (
        codec,
        extradata,
        "fra",
        "Pour rire",
        True,
    )
    assert again.sound_times(1) == [Fraction(100 + 400 * n, 1000) for n in range(3)]
    assert [packet.duration for packet in again.packets if packet.track == 1] == [300] * 3


def test_webvtt_goes_through_webm(tmp_path: Path, bunny: Path) -> None:
    media = with_track(read(bunny, audio=False), *text_track("webvtt", TEXTS))
    assert write(media, tmp_path / "out.webm") == []
    assert read(tmp_path / "out.webm").data(0) == TEXTS


def test_text_becomes_what_the_other_container_holds(tmp_path: Path, bunny: Path) -> None:
    media = with_track(read(bunny), *text_track("subrip", TEXTS))
    assert write(media, tmp_path / "out.mp4") == []
    mp4 = read(tmp_path / "out.mp4")
    assert mp4.tracks[1].codec == "mov_text" and mp4.tracks[1].language == "fra"
    assert mp4.data(0) == media.data(0)
    write(mp4, tmp_path / "again.mp4")
    assert read(tmp_path / "again.mp4").data(1) == mp4.data(1)  # from MP4 to MP4, bit for bit
    assert write(mp4, tmp_path / "out.mkv") == []
    matroska = read(tmp_path / "out.mkv")
    assert matroska.data(1) == [TEXTS[0], b"two\nlines", TEXTS[2]]
    assert matroska.sound_times(1) == [Fraction(100 + 400 * n, 1000) for n in range(3)]
    assert [packet.duration for packet in matroska.packets if packet.track == 1] == [300] * 3


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_titles_and_languages_are_kept(tmp_path: Path, add_sound: AddSound, suffix: str) -> None:
    media = read(add_sound("aac", suffix, language="deu", title="Kommentar"))
    assert (media.tracks[0].language, media.tracks[0].title) == ("deu", "Kommentar")
    media.tags = {
        "title": "Tïtle — 題",
        "artist": "A",
        "comment": "C; with = signs",
        "date": "2008",
        "genre": "Film",
    }
    write(media, tmp_path / f"out.{suffix}")
    again = read(tmp_path / f"out.{suffix}")
    assert again.tags == media.tags
    assert (again.tracks[0].language, again.tracks[0].title) == ("deu", "Kommentar")


def test_a_broadcast_that_begins_late_begins_at_once_and_in_sync(tmp_path: Path, bunny: Path) -> None:
    media = read(bunny)
    late = {"output_ts_offset": "10"}
    with (
        av.open(str(tmp_path / "in.ts"), "w", container_options=late) as container,
        av.open(str(bunny)) as source,
    ):
        streams: Any = {s.index: container.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                container.mux(packet)
    with av.open(str(tmp_path / "in.ts")) as container:
        assert container.start_time >= 10_000_000
    broadcast = read(tmp_path / "in.ts")
    assert broadcast.times == media.times
    assert abs(broadcast.sound_times()[0] - media.sound_times()[0]) < Fraction(1, 1000)
    for suffix in ("mp4", "mkv"):
        write(broadcast, tmp_path / f"out.{suffix}")
        assert decoded_sound(tmp_path / f"out.{suffix}") == decoded_sound(bunny)
        assert read(tmp_path / f"out.{suffix}").data() == media.data()  # without the broadcast's wrapping


def test_the_shape_of_pixels_stands_beside_many_tracks(tmp_path: Path, bunny: Path) -> None:
    media = read(bunny)
    media.video = replace(media.video, sample_aspect_ratio=Fraction(64, 45))
    for _ in range(20):
        media = with_track(media, *text_track("subrip", TEXTS))
    for lossless in (False, True):
        write(media, tmp_path / "out.mkv", lossless=lossless)
        again = read(tmp_path / "out.mkv")
        assert again.video.sample_aspect_ratio == Fraction(64, 45)
        assert len(again.tracks) == 21 and all(again.data(n + 1) == TEXTS for n in range(20))


def test_packets_without_times_are_given_some(tmp_path: Path, bunny: Path) -> None:
    media = read(bunny)
    media.items = [replace(i, dts=None, pts=None) if isinstance(i, Packet) else i for i in media.items]
    write(media, tmp_path / "out.mp4")
    again = read(tmp_path / "out.mp4")
    assert again.data() == media.data()
    assert again.sound_times() == media.sound_times()


@pytest.mark.parametrize("codec", sorted([*MATROSKA_CODECS, *MP4_ONLY_CODECS]))
def test_every_codec_in_the_table_can_be_set_up_again(tmp_path: Path, codec: str) -> None:
    from nvcodec.media.tracks import add_track

    kind = "audio" if codec in MATROSKA_CODECS and MATROSKA_CODECS[codec].startswith("A_") else "subtitle"
    parameters: dict[str, str | int] = {"sample_rate": 48000, "channels": 2, "layout": "stereo"}
    track = Track(kind, codec, Fraction(1, 48000), b"set-up", parameters if kind == "audio" else {})
    form = {"mov_text": "mp4", "webvtt": "webm"}.get(codec, "matroska")
    with av.open(str(tmp_path / "out"), "w", format=form) as container:
        stream = add_track(container, track)
        assert stream.type == kind and stream.time_base == track.time_base
        assert stream.codec_context.codec.canonical_name == codec
        assert stream.codec_context.extradata == b"set-up"
