"""Pictures before the damage in a group are shown, to the bit; after it they are concealed, and it is said."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from nvcodec.bitstream import (
    BitDecoder,
    BitstreamError,
    ContainerReader,
    Damage,
    LostGop,
    TornGop,
    encode_groups,
    verify,
)
from nvcodec.bitstream.recovery import recovered

from nvcodec.codec import DecodeOptions, decode
from nvcodec.codec.access import CodedFile
from nvcodec.codec.decode import DecodedGop, decode_part
from nvcodec.codec.headers import model_of

from .damage import groups, places_of
from .support import CARPHONE, Media, coded, contents, read, same_pictures

LOSSLESS = DecodeOptions(lossless=True)
FRAMES = 9  # of a group


@pytest.fixture(scope="module")
def fine() -> bytes:
    """Eighteen frames of carphone, in two groups so fine that each has checks."""
    data = coded(CARPHONE, duration_s=0.6, gop=FRAMES, audio=False, quality=95)[0]
    assert [place.type for place in places_of(data)] == [b"H", b"C", b"G", b"C", b"G", b"S", b"I"]
    return data


@pytest.fixture(scope="module")
def reference(fine: bytes, tmp_path_factory: pytest.TempPathFactory) -> Media:
    """What it decodes to."""
    path = tmp_path_factory.mktemp("fine") / "out.mkv"
    decode(io.BytesIO(fine), path, LOSSLESS)
    return read(path)


def damaged(data: bytes, number: int, share: float, size: int = 1) -> bytes:
    """With `size` bytes changed where so much of a group's chunk is over."""
    place = groups(data)[number]
    at = place.begin + int(share * (place.end - place.begin))
    return data[:at] + bytes(byte ^ 0x55 for byte in data[at : at + size]) + data[at + size :]


def kept(found: Media, reference: Media, number: int) -> int:
    """How many of a group's first pictures are what they were."""
    part = slice(FRAMES * number, FRAMES * (number + 1))
    same = [same_pictures([a], [b]) for a, b in zip(found.pictures[part], reference.pictures[part], strict=True)]
    return same.index(False) if False in same else len(same)


@pytest.mark.parametrize("size", [1, 2000])
def test_pictures_before_the_damage_are_shown_to_the_bit_and_the_others_are_said_to_be_lost(
    size: int, fine: bytes, reference: Media, tmp_path: Path
) -> None:
    counts = []
    for share in (0.8, 0.7, 0.55):  # the burst does not reach the next group's checks
        report = decode(io.BytesIO(damaged(fine, 0, share, size)), tmp_path / "out.mkv", LOSSLESS)
        found = read(tmp_path / "out.mkv")
        assert found.times == reference.times and report.frames == 2 * FRAMES
        assert kept(found, reference, 1) == FRAMES
        counts.append(kept(found, reference, 0))
        (loss,) = report.losses
        assert loss.frames == FRAMES - counts[-1] and "damaged" in loss.reason and report.gops == 1
        assert loss.start_s == pytest.approx(float(reference.times[counts[-1]]), abs=1e-3)
        assert loss.end_s == pytest.approx(float(reference.times[FRAMES]), abs=1e-3)
    assert counts == sorted(counts, reverse=True) and set(counts) <= {0, 1, 5}  # whole latent frames, the first first
    assert counts[0] == 5


def test_pictures_after_the_damage_go_from_the_last_that_is_known_to_the_next(
    fine: bytes, reference: Media, tmp_path: Path
) -> None:
    decode(io.BytesIO(damaged(fine, 0, 0.97)), tmp_path / "out.mkv", LOSSLESS)
    found = read(tmp_path / "out.mkv")
    before, after = reference.pictures[4], reference.pictures[FRAMES]
    lost = found.pictures[5:FRAMES]
    assert same_pictures(lost[:1], [before])
    away = [float(np.abs(picture.y.astype(int) - before.y).sum()) for picture in lost]
    left = [float(np.abs(picture.y.astype(int) - after.y).sum()) for picture in lost]
    assert away == sorted(away) and left == sorted(left, reverse=True) and left[-1] < left[0]


def test_damage_of_the_first_latent_frame_loses_the_group(fine: bytes, reference: Media, tmp_path: Path) -> None:
    report = decode(io.BytesIO(damaged(fine, 1, 0.03)), tmp_path / "out.mkv", LOSSLESS)
    found = read(tmp_path / "out.mkv")
    assert kept(found, reference, 0) == FRAMES and [loss.frames for loss in report.losses] == [FRAMES]


def test_of_a_file_that_ends_anywhere_every_latent_frame_is_left_that_is_there(fine: bytes) -> None:
    model = model_of(ContainerReader(io.BytesIO(fine)).header, "cpu")
    whole: dict[int, Sequence[torch.Tensor]] = {}  # levels of the groups, by their first time
    decoded: dict[tuple[int, int], int] = {}  # latent frames, by first time and size of what is left of a payload

    def latents(data: bytes) -> int:
        count = 0
        try:
            coded_file = CodedFile(io.BytesIO(data), LOSSLESS)
        except BitstreamError:
            return 0
        for part in coded_file.parts():
            gop = part.gop[1] if isinstance(part.gop, tuple) else part.gop
            if gop is None:
                continue
            assert not isinstance(gop, LostGop)
            key = gop.begin, len((gop.gop if isinstance(gop, TornGop) else gop).payload)
            if key not in decoded:
                found = decode_part(model, coded_file.header, part, strict=False).gop
                levels = list(found.levels) if isinstance(found, DecodedGop) else []
                decoded[key] = len(levels)
                true = whole.setdefault(gop.begin, levels)
                assert all(torch.equal(level, other) for level, other in zip(levels, true, strict=False))
            count += decoded[key]
        return count

    assert latents(fine) == 6
    found = {size: latents(fine[:size]) for size in [*range(0, len(fine), len(fine) // 100), len(fine) - 1]}
    assert list(found.values()) == sorted(found.values()) and set(found.values()) == set(range(7))
    for number, place in enumerate(groups(fine)):
        inside = [(size, count) for size, count in found.items() if place.begin < size < place.end]
        assert inside[0][1] == 3 * number
        half = place.begin + (place.end - place.begin) // 2
        assert all(count > 3 * number for size, count in inside if size > half)


@pytest.mark.parametrize("number", [0, 1])
def test_of_a_file_that_ends_in_a_group_the_first_pictures_are_shown_from_a_pipe_too(
    number: int, fine: bytes, reference: Media, tmp_path: Path
) -> None:
    """And the others of that group concealed; `verify` counts no group that is not whole."""
    data = fine[: groups(fine)[number].end - 100]
    pipe = io.BytesIO(data)
    pipe.seekable = lambda: False  # type: ignore[method-assign]
    for file, name in ((io.BytesIO(data), "out.mkv"), (pipe, "pipe.mkv")):
        report = decode(file, tmp_path / name, LOSSLESS)
        found = read(tmp_path / name)
        assert found.times == reference.times[: FRAMES * (number + 1)] and report.frames == len(found.times)
        assert [kept(found, reference, n) for n in range(number + 1)] == [*number * [FRAMES], 5]
        assert all(same_pictures([picture], [found.pictures[-5]]) for picture in found.pictures[-4:])
        (loss,) = report.losses
        assert loss.frames == 4 and "the file ends" in loss.reason and len(report.damage) == 2
    checked = verify(io.BytesIO(data))
    assert (checked.gops, len(checked.damage)) == (number, 1)


def test_a_damaged_head_loses_no_picture_but_is_damage(fine: bytes, reference: Media, tmp_path: Path) -> None:
    place = groups(fine)[1]
    for at in (place.begin + 5, place.begin + 9):
        data = fine[:at] + bytes([fine[at] ^ 1]) + fine[at + 1 :]
        report = decode(io.BytesIO(data), tmp_path / "out.mkv", LOSSLESS)
        assert same_pictures(read(tmp_path / "out.mkv").pictures, reference.pictures)
        assert report.losses == () and report.gops == 2 and len(report.damage) == 1


def test_strict_decoding_uses_nothing_of_a_torn_group(fine: bytes, tmp_path: Path) -> None:
    with pytest.raises(BitstreamError, match="damaged"):
        decode(io.BytesIO(damaged(fine, 0, 0.97)), tmp_path / "out.mkv", dataclasses.replace(LOSSLESS, strict=True))
    assert list(tmp_path.iterdir()) == []


def test_a_part_shows_what_is_left_too(fine: bytes, reference: Media, tmp_path: Path) -> None:
    start = float(reference.times[FRAMES]) + 0.001
    options = dataclasses.replace(LOSSLESS, start_s=start)
    report = decode(io.BytesIO(damaged(fine, 1, 0.97)), tmp_path / "out.mkv", options)
    found = read(tmp_path / "out.mkv").pictures
    assert len(found) == FRAMES and same_pictures(found[:5], reference.pictures[FRAMES : FRAMES + 5])
    assert [loss.frames for loss in report.losses] == [FRAMES - 5]


def test_a_torn_group_that_claims_too_much_is_a_lost_one(fine: bytes, tmp_path: Path) -> None:
    limits = dataclasses.replace(LOSSLESS.limits, cells_per_gop=100)
    torn = damaged(fine, 0, 0.97)
    found = [part.gop for part in CodedFile(io.BytesIO(torn), LOSSLESS).parts() if part.gop is not None]
    assert isinstance(found[0], TornGop)
    with pytest.raises(BitstreamError, match=r"chunk 2 at byte \d+: it is damaged"):
        decode(io.BytesIO(torn), tmp_path / "out.mkv", dataclasses.replace(LOSSLESS, limits=limits))
    assert list(tmp_path.iterdir()) == []


def test_bits_count_as_sound_only_while_they_hang_on_no_missing_word() -> None:
    rng = np.random.default_rng(4)
    p = rng.integers(1, 1 << 16, (60, 50)).astype(np.uint16)
    bits = (rng.integers(0, 1 << 16, p.shape) < p).astype(np.uint8)
    payload = encode_groups(list(zip(bits, p, strict=True)))
    sound = []
    for missing in range(0, len(payload), 3):
        decoder = BitDecoder(payload[: len(payload) - missing], missing=missing)
        count = 0
        for true, probabilities in zip(bits, p, strict=True):
            decoded = decoder.decode(probabilities)
            if not decoder.is_sound():
                break
            assert np.array_equal(decoded, true)
            count += 1
        sound.append(count)
    assert sound[0] == len(bits) and sound[-1] == 0
    assert sound == sorted(sound, reverse=True) and sound[len(sound) // 2] > len(bits) // 3


def test_what_the_container_gives_of_a_whole_file_is_never_torn(fine: bytes) -> None:
    _, gops, _ = contents(fine)
    damage = Damage()
    assert list(recovered(ContainerReader(io.BytesIO(fine)), damage, torn=True)) == gops
