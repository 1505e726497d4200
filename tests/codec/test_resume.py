"""An encode that was stopped goes on to the bytes it would have made, or says why it can't; nothing is coded twice."""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from nvcodec.bitstream import ContainerReader, GopChunk

from nvcodec.codec import EncodeOptions, Progress, resume
from nvcodec.codec.gop import TOKENS
from nvcodec.codec.resume import encode_resumably, kept_or_made, whole_bytes
from nvcodec.codec.roi import Roi
from nvcodec.errors import NvcodecError, OutputError, OutputExists
from nvcodec.media import MediaReader, Picture
from nvcodec.partial import PartialMismatch

from .support import BUNNY, coded

encode_module: Any = import_module("nvcodec.codec.encode")  # the package's `encode` is the function

OPTIONS = EncodeOptions(gop=5, scale="64x36", threads=1)
GOPS = 8  # of bunny's 38 frames
STOPPED_AFTER = 22  # frames: amid the fifth


class Stopped(Exception):
    """What a test stops an encode with."""


def in_one_go(options: EncodeOptions, source: Path = BUNNY) -> bytes:
    data, _ = coded(source, **{field.name: getattr(options, field.name) for field in dataclasses.fields(options)})
    return data


def stopper(frames: int) -> Callable[[Progress], None]:
    """Stops an encode when it has analysed so many frames."""

    def watch(progress: Progress) -> None:
        if progress.frames >= frames:
            raise Stopped

    return watch


def stop(target: Path, options: EncodeOptions = OPTIONS, source: Path = BUNNY, frames: int = STOPPED_AFTER) -> Path:
    """The partial file of an encode that is stopped when it has analysed so many frames."""
    with pytest.raises(Stopped):
        encode_resumably(source, target, options, stopper(frames))
    part = target.with_name(target.name + ".part")
    assert sorted(os.listdir(target.parent)) == [part.name, part.name + ".json"]
    return part


def go_on(target: Path, options: EncodeOptions = OPTIONS, source: Path = BUNNY, force: bool = False) -> bytes:
    encode_resumably(source, target, options, force=force)
    assert os.listdir(target.parent) == [target.name]
    return target.read_bytes()


def gops_of(data: bytes, folder: Path) -> list[int]:
    """Where the groups of a partial file end."""
    path = folder / "looked at"
    path.write_bytes(data)
    ends = []
    with open(path, "rb") as file:
        reader = ContainerReader(file)
        chunks = reader.chunks()
        while reader.bytes_read < whole_bytes(path):
            if isinstance(next(chunks), GopChunk):
                ends.append(reader.bytes_read)
    path.unlink()
    return ends


@pytest.fixture(scope="module")
def whole() -> bytes:
    return in_one_go(OPTIONS)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "new").mkdir()
    return tmp_path / "new" / "out.mgv"


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    """A clip with so much sound, 6 MB in two seconds, that parity comes in the middle of its file."""
    path, rng = tmp_path / "rich.mkv", np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        film: Any = container.add_stream("ffv1", rate=25)
        film.width, film.height, film.pix_fmt = 64, 40, "yuv420p"
        sound: Any = container.add_stream("pcm_s32le", rate=96_000, layout="7.1")
        for number in range(50):
            picture = np.full((60, 64), 4 * number, np.uint8)
            container.mux(film.encode(av.VideoFrame.from_ndarray(picture, "yuv420p")))
            samples = rng.integers(-(1 << 30), 1 << 30, (1, 8 * 3840), np.int32)
            frame = av.AudioFrame.from_ndarray(samples, "s32", "7.1")
            frame.sample_rate, frame.pts = 96_000, 3840 * number
            container.mux(sound.encode(frame))
        for stream in (film, sound):
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("seed", range(6))
def test_a_partial_file_cut_off_anywhere_is_gone_on_with_to_the_same_bytes(
    seed: int, whole: bytes, target: Path
) -> None:
    part = stop(target)
    size = part.stat().st_size
    os.truncate(part, [0, 1, size - 1, *(random.Random(seed).sample(range(size), 3))][seed])
    assert go_on(target) == whole


def test_an_encode_that_is_stopped_again_and_again_ends_in_the_same_bytes(whole: bytes, target: Path) -> None:
    sizes = [stop(target, frames=frames).stat().st_size for frames in (3, 9, 9, 20, 37)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[1] < sizes[3] < sizes[4]
    assert go_on(target) == whole


def test_a_file_whose_encoder_was_killed_before_it_took_its_name_is_whole_at_once(whole: bytes, target: Path) -> None:
    stop(target).write_bytes(whole)
    assert go_on(target) == whole


@pytest.mark.parametrize("parity", [None, 500])
def test_a_damaged_group_and_those_after_it_are_coded_again(parity: int | None, target: Path) -> None:
    options = dataclasses.replace(OPTIONS, parity=parity, audio=False)
    part = stop(target, options)
    data = bytearray(part.read_bytes())
    second, third = gops_of(bytes(data), target.parent)[1:3]
    data[(second + third) // 2] ^= 1
    part.write_bytes(data)
    assert whole_bytes(part) == second
    assert go_on(target, options) == in_one_go(options)


@pytest.mark.parametrize("threads", [1, 2])
def test_groups_that_are_kept_are_not_coded_again(threads: int, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = dataclasses.replace(OPTIONS, threads=threads, audio=False)
    kept = len(gops_of(stop(target, dataclasses.replace(options, threads=1)).read_bytes(), target.parent))
    assert kept == 4
    expected = in_one_go(options)
    coded_now = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            nonlocal coded_now
            coded_now += 1
            return function(*arguments, **named)

        return wrapper

    def counted_parts(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(parts: Iterable[Any], *arguments: Any, **named: Any) -> Iterator[Any]:
            nonlocal coded_now
            parts = list(parts)
            coded_now += sum(part.gop is not None for part in parts)
            return function(parts, *arguments, **named)

        return wrapper

    if threads == 1:
        monkeypatch.setattr(encode_module, "analysed_gop", counted(encode_module.analysed_gop))
    else:
        monkeypatch.setattr(encode_module, "coded_by_workers", counted_parts(encode_module.coded_by_workers))
    assert go_on(target, options) == expected
    assert coded_now == GOPS - kept


def test_parity_amid_the_file_is_the_same_after_going_on(rich: Path, target: Path) -> None:
    options = dataclasses.replace(OPTIONS, scale=None, parity=500)
    part = stop(target, options, rich, frames=48)
    assert b"\xf5MGCR" in part.read_bytes()[: whole_bytes(part)]
    assert go_on(target, options, rich) == in_one_go(options, rich)


def test_parity_does_not_mend_what_is_compared(rich: Path, target: Path) -> None:
    options = dataclasses.replace(OPTIONS, scale=None, parity=500)
    part = stop(target, options, rich, frames=48)
    data = bytearray(part.read_bytes())
    data[100_000] ^= 1
    part.write_bytes(data)
    assert whole_bytes(part) < 100_000
    assert go_on(target, options, rich) == in_one_go(options, rich)


def test_a_region_of_interest_is_gone_on_with(target: Path, whole: bytes) -> None:
    options = dataclasses.replace(OPTIONS, roi=Roi.parse("8,8,24,16:8"))
    stop(target, options)
    data = go_on(target, options)
    assert data == in_one_go(options) and data != whole


def test_a_mask_that_was_painted_over_is_another(tmp_path: Path, target: Path) -> None:
    mask = tmp_path / "mask.pgm"
    mask.write_bytes(b"P5 2 1 255\n\xff\x00")
    options = dataclasses.replace(OPTIONS, roi=Roi(mask=str(mask)))
    stop(target, options)
    mask.write_bytes(b"P5 2 1 255\n\x00\xff")
    with pytest.raises(PartialMismatch, match=r"other values of mask\.modified_ns; -f"):
        go_on(target, options)


@pytest.mark.parametrize("rate", [{"bitrate": 50_000}, {"target_size": 100_000}])
def test_a_bit_rate_or_size_to_be_met_cannot_be_gone_on_with(rate: dict[str, int], target: Path) -> None:
    with pytest.raises(NvcodecError, match="cannot be resumed, one to a quality can"):
        encode_resumably(BUNNY, target, dataclasses.replace(OPTIONS, **rate))
    assert os.listdir(target.parent) == []


@pytest.mark.parametrize(("first", "then"), [(1, 2), (2, 1), (0, 1), (1, 0)])
def test_another_number_of_threads_goes_on_to_the_bytes_of_the_first(first: int, then: int, target: Path) -> None:
    options = dataclasses.replace(OPTIONS, threads=first)
    stop(target, options, frames=35)
    assert go_on(target, dataclasses.replace(OPTIONS, threads=then)) == in_one_go(options)


def test_where_ffmpeg_chose_its_threads_another_number_of_processors_is_refused(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = dataclasses.replace(OPTIONS, threads=0)
    data = stop(target, options, frames=35).read_bytes()
    monkeypatch.setattr(resume, "_processors", lambda: 1000)
    with pytest.raises(PartialMismatch, match="and here are 1000; delete it") as caught:
        encode_resumably(BUNNY, target, options)
    assert not hasattr(caught.value, "__notes__")
    assert target.with_name("out.mgv.part").read_bytes() == data


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ({"quality": 30}, "options.quality"),
        ({"gop": 9, "parity": 500}, "options.gop, options.parity"),
        ({"roi": Roi.parse("8,8,24,16")}, "options.roi"),
        ({"duration_s": 1.0}, "options.duration_s"),
    ],
)
def test_other_options_are_named_and_nothing_is_touched(other: dict[str, Any], names: str, target: Path) -> None:
    part = stop(target)
    before = part.read_bytes()
    with pytest.raises(PartialMismatch) as caught:
        encode_resumably(BUNNY, target, dataclasses.replace(OPTIONS, **other))
    assert str(caught.value) == f"{part} was begun with other values of {names}; -f begins anew"
    assert not hasattr(caught.value, "__notes__")
    assert part.read_bytes() == before
    assert (target.parent / "out.mgv.part.json").exists()


def test_force_begins_anew_where_the_options_are_others(target: Path) -> None:
    stop(target, dataclasses.replace(OPTIONS, quality=20))
    assert go_on(target, force=True) == in_one_go(OPTIONS)


def test_force_goes_on_where_they_are_the_same_and_replaces_the_output_only_at_the_end(
    whole: bytes, target: Path
) -> None:
    stop(target)
    target.write_bytes(b"old")
    with pytest.raises(OutputExists) as caught:
        encode_resumably(BUNNY, target, OPTIONS)
    assert not hasattr(caught.value, "__notes__")
    seen: list[tuple[bytes, int]] = []
    part = target.with_name("out.mgv.part")
    before = part.stat().st_size
    encode_resumably(
        BUNNY, target, OPTIONS, lambda _: seen.append((target.read_bytes(), part.stat().st_size)), force=True
    )
    assert {old for old, _ in seen} == {b"old"} and min(size for _, size in seen) == before
    assert target.read_bytes() == whole


@pytest.mark.parametrize(("source", "name"), [("touched", "source.modified_ns"), ("longer", "source.bytes")])
def test_another_input_is_refused(source: str, name: str, tmp_path: Path, target: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(BUNNY.read_bytes())
    stop(target, source=clip)
    if source == "touched":
        os.utime(clip, ns=(0, 0))
    else:
        clip.write_bytes(BUNNY.read_bytes() + b" ")
    with pytest.raises(PartialMismatch, match=f"other values of {name}"):
        encode_resumably(clip, target, OPTIONS)


def test_an_input_that_was_replaced_unnoticed_is_noticed_by_the_bytes(tmp_path: Path, target: Path) -> None:
    clip, data = tmp_path / "clip.mp4", BUNNY.read_bytes()
    clip.write_bytes(data)
    stop(target, source=clip)
    status = clip.stat()
    with av.open(str(clip)) as container:
        sound = [packet.pos for packet in container.demux(audio=0)][3]
    assert sound
    clip.write_bytes(data[:sound] + bytes(100) + data[sound + 100 :])
    os.utime(clip, ns=(status.st_atime_ns, status.st_mtime_ns))
    part = target.with_name("out.mgv.part")
    before = part.read_bytes()
    with pytest.raises(PartialMismatch, match=r"out\.mgv\.part holds other bytes than this encoder makes; delete it"):
        encode_resumably(clip, target, OPTIONS)
    assert part.read_bytes() == before[: whole_bytes(part)]


def test_pictures_of_other_times_than_those_kept_are_refused(target: Path) -> None:
    stop(target)
    with open(target.with_name("out.mgv.part"), "rb") as file:
        kept = next(chunk for chunk in ContainerReader(file).chunks() if isinstance(chunk, GopChunk))
    with MediaReader(BUNNY, start_s=0.04, scale="64x36") as media:
        pictures = [item for item in media.items() if isinstance(item, Picture)][1:6]
    gop = kept_or_made(iter([kept]), lambda steps, quality: None, lambda frames: None)
    with pytest.raises(PartialMismatch, match="other pictures than the input"):
        gop(iter([pictures]), TOKENS)


@pytest.mark.parametrize("record", [None, b"", b"[]", b'{"of": 1, "chosen": {}}'])
def test_a_partial_file_of_which_nothing_is_known_is_left_alone(record: bytes | None, target: Path) -> None:
    part = target.with_name("out.mgv.part")
    part.write_bytes(b"somebody's download")
    if record is not None:
        target.with_name("out.mgv.part.json").write_bytes(record)
    with pytest.raises(PartialMismatch, match=r"nothing says what .*out\.mgv\.part was begun with; -f begins anew"):
        encode_resumably(BUNNY, target, OPTIONS)
    assert part.read_bytes() == b"somebody's download"


def test_an_encoder_killed_while_its_file_took_its_name_has_left_a_whole_one(whole: bytes, target: Path) -> None:
    part = stop(target)
    part.write_bytes(whole)
    os.link(part, target)  # and killed here
    with pytest.raises(OutputExists, match="exists already"):
        encode_resumably(BUNNY, target, OPTIONS)
    assert os.listdir(target.parent) == ["out.mgv"] and target.read_bytes() == whole
    os.link(target, part)
    with pytest.raises(Stopped):
        encode_resumably(BUNNY, target, OPTIONS, stopper(0), force=True)
    assert target.read_bytes() == whole


def test_the_second_of_two_that_go_on_is_told_at_once(whole: bytes, target: Path) -> None:
    refused: list[str] = []

    def watch(progress: Progress) -> None:
        with pytest.raises(OutputError) as caught:
            encode_resumably(BUNNY, target, OPTIONS)
        refused.append(str(caught.value))
        assert not hasattr(caught.value, "__notes__")

    encode_resumably(BUNNY, target, OPTIONS, watch)
    assert target.read_bytes() == whole
    assert refused and all("is being written by another process" in line for line in refused)


def test_an_error_says_how_to_go_on_once_there_is_something_to_go_on_with(target: Path) -> None:
    part = target.with_name("out.mgv.part")
    with pytest.raises(Stopped) as caught:
        encode_resumably(BUNNY, target, OPTIONS, stopper(12))
    assert caught.value.__notes__ == [f"the same command goes on from {part}"]


def test_every_group_is_on_the_disk_before_the_next_is_written(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part, record = target.with_name("out.mgv.part"), target.with_name("out.mgv.part.json")
    synced: list[bytes] = []  # what a power failure would have left of the partial file, over time
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        if part.exists() and os.path.samestat(os.fstat(descriptor), part.stat()):
            assert record.exists()
            synced.append(part.read_bytes())

    monkeypatch.setattr(os, "fsync", fsync)
    encode_resumably(BUNNY, target, OPTIONS)
    assert synced[-1] == target.read_bytes()
    kept = [len(gops_of(data, target.parent)) for data in synced]
    assert sorted(set(kept)) == list(range(GOPS + 1)) and kept == sorted(kept)
