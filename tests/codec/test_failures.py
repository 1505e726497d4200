"""What is wrong with a file is said, and nothing is written."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from nvcodec.bitstream import BitstreamError, TruncatedFile

from nvcodec.codec import DecodeOptions, decode, inspect
from nvcodec.errors import ModelMismatch, NvcodecError, UnsupportedInput
from nvcodec.weights import load

from .support import CARPHONE, coded, contents, rebuilt


def refused(data: bytes, tmp_path: Path, **options: Any) -> Exception:
    """The error of strict decoding, after which nothing may lie where the output was to be."""
    with pytest.raises((NvcodecError, BitstreamError)) as caught:
        decode(io.BytesIO(data), tmp_path / "out.mp4", DecodeOptions(strict=True, **options))
    assert list(tmp_path.iterdir()) == []
    return caught.value


def test_an_unknown_model_is_named_with_the_way_to_get_it(carphone: bytes, tmp_path: Path) -> None:
    header, gops, _ = contents(carphone)
    error = refused(rebuilt(dataclasses.replace(header, model_id=bytes(range(16))), gops), tmp_path)
    assert isinstance(error, ModelMismatch)
    for text in (bytes(range(16)).hex(), "nvcodec models add", "tiny", load("tiny").sha256[:12]):
        assert text in str(error)


def test_an_unknown_arithmetic_is_refused(carphone: bytes, tmp_path: Path) -> None:
    header, gops, _ = contents(carphone)
    error = refused(rebuilt(dataclasses.replace(header, profile=2), gops), tmp_path)
    assert isinstance(error, ModelMismatch) and "profile 2" in str(error)


@pytest.mark.parametrize("left", [0.3, 0.7, 0.99])
def test_a_cut_file_is_refused_and_says_what_is_whole(carphone: bytes, left: float, tmp_path: Path) -> None:
    error = refused(carphone[: int(left * len(carphone))], tmp_path)
    assert isinstance(error, TruncatedFile) and "whole" in str(error)


def test_planes_that_decode_wrong_are_refused_by_the_name_of_their_gop(
    carphone: bytes, tmp_path: Path
) -> None:
    header, gops, _ = contents(carphone)
    wrong = dataclasses.replace(gops[1], planes_crc=gops[1].planes_crc ^ 1)
    data = rebuilt(header, [gops[0], wrong])
    assert str(refused(data, tmp_path)).startswith(
        "GOP 1, which begins at 0.167 s: the planes decoded are not"
    )
    with pytest.raises(NvcodecError, match=r"^GOP 1, "):
        inspect(io.BytesIO(data))


def test_a_damaged_payload_with_a_right_checksum_of_its_chunk_is_refused(
    carphone: bytes, tmp_path: Path
) -> None:
    header, gops, _ = contents(carphone)
    payload = bytearray(gops[0].payload)
    payload[len(payload) // 2] ^= 16
    assert "GOP 0" in str(
        refused(rebuilt(header, [dataclasses.replace(gops[0], payload=bytes(payload))]), tmp_path)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"quality": 101},
        {"quality": 0},
        {"plane_counts": b""},
        {"plane_counts": b"\x0f" * 5},
        {"payload": b"\1\0"},
    ],
    ids=str,
)
def test_what_no_encoder_writes_is_refused(change: dict[str, Any], carphone: bytes, tmp_path: Path) -> None:
    header, gops, _ = contents(carphone)
    assert "GOP 0" in str(refused(rebuilt(header, [dataclasses.replace(gops[0], **change)]), tmp_path))


def test_a_file_that_claims_huge_gops_is_refused_before_they_are_made(
    carphone: bytes, tmp_path: Path
) -> None:
    header, gops, _ = contents(carphone)
    huge = dataclasses.replace(header, width=16384, height=16384)
    assert "more than any encoder writes" in str(refused(rebuilt(huge, gops), tmp_path))


def test_a_file_without_pictures_decodes_to_nothing(carphone: bytes, tmp_path: Path) -> None:
    assert "no pictures" in str(refused(rebuilt(contents(carphone)[0], []), tmp_path))


def test_devices_that_are_not_here_are_refused(carphone: bytes, tmp_path: Path) -> None:
    import torch

    assert "there is no device 'abacus'; cpu, cuda, mps" in str(refused(carphone, tmp_path, device="abacus"))
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(NvcodecError, match=f"no {missing} device here"):
        coded(CARPHONE, device=missing)


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_a_quality_out_of_range_is_refused(quality: int) -> None:
    with pytest.raises(NvcodecError, match=f"quality {quality} is not within 1 to 100"):
        coded(CARPHONE, quality=quality)


def test_an_unknown_model_name_is_refused() -> None:
    with pytest.raises(NvcodecError, match=r"there is no model 'huge'; installed are .*tiny"):
        coded(CARPHONE, model="huge")


def test_input_without_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UnsupportedInput, match=r"text\.mp4"):
        coded(tmp_path / "text.mp4")


def test_the_number_of_threads_is_put_back(carphone: bytes, tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    coded(CARPHONE, duration_s=0.1, scale="1/4", threads=before + 1)
    assert torch.get_num_threads() == before
    with pytest.raises(NvcodecError, match="-1 threads"):
        decode(io.BytesIO(carphone), tmp_path / "out.mp4", DecodeOptions(threads=-1))
    assert torch.get_num_threads() == before
