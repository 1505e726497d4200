"""The damage benchmark damages what it says, and counts what `decode` would show."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from nvcodec.benchmarks import damage
from nvcodec.benchmarks.damage import Clip, Row, burst, flipped, measured, protected, table, truncated
from nvcodec.bitstream import BitstreamError, ContainerReader

from nvcodec.codec import DecodeOptions, EncodeOptions, decode, encode

CARPHONE = Path(__file__).parents[1] / "clips" / "carphone.mp4"


@pytest.fixture(scope="module")
def clip() -> Clip:
    """Twenty frames, 22×18, in four groups."""
    file = io.BytesIO()
    encode(CARPHONE, file, EncodeOptions(duration_s=0.66, scale="1/8", gop=5))
    return Clip(file.getvalue())


def test_bits_are_flipped_at_the_rate_asked_for() -> None:
    changed = np.frombuffer(flipped(bytes(1_000_000), 1e-3, np.random.default_rng(1)), np.uint8)
    assert 7600 < np.unpackbits(changed).sum() < 8400  # 8000 ± 4.5 standard deviations
    assert flipped(b"whole", 0.0, np.random.default_rng(1)) == b"whole"


def test_a_burst_is_one_run_and_a_cut_keeps_the_beginning() -> None:
    changed = np.frombuffer(burst(bytes(10_000), 0.05, np.random.default_rng(2)), np.uint8)
    (places,) = changed.nonzero()
    assert len(changed) == 10_000 and 450 < len(places) <= places[-1] - places[0] + 1 <= 500
    assert truncated(b"0123456789", 0.3, np.random.default_rng(0)) == b"012"


def test_an_undamaged_copy_keeps_all_and_one_without_a_header_nothing(clip: Clip) -> None:
    assert measured(clip, "none", 0.0, [clip.data]) == Row("none", 0.0, 1, 1.0, 1.0, None)
    assert measured(clip, "all", 1.0, [bytes(len(clip.data))]) == Row("all", 1.0, 1, 0.0, 0.0, None)
    half = measured(clip, "half", 0.5, [clip.data, b""])
    assert (half.readable, half.kept, half.psnr) == (0.5, 0.5, None)


def test_it_counts_what_decoding_keeps(clip: Clip, tmp_path: Path) -> None:
    data = truncated(clip.data, 0.6, np.random.default_rng(0))
    outcome = clip.after(data)
    assert outcome is not None
    report = decode(io.BytesIO(data), tmp_path / "out.mkv", DecodeOptions())
    assert outcome[0] == report.frames and 0 < report.frames < 20
    assert outcome[1] > 0


def test_the_table_has_a_row_for_each_and_no_figure_for_what_could_not_be_shown() -> None:
    rows = [Row("bits flipped", 1e-6, 5, 1.0, 0.9, 30.25), Row("bits flipped", 1e-3, 5, 0.0, 0.0, None)]
    lines = table(rows).splitlines()[2:]
    assert lines == [
        "| 1e-06 of bits flipped | 5 | 100% | 90.0% | 30.2 |",
        "| 0.001 of bits flipped | 5 | 0% | 0.0% |  |",
    ]


def test_with_parity_the_same_file_is_measured_and_keeps_what_it_would_lose(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("zfec", reason="parity is an optional extra")
    data = protected(clip.data, 500)
    assert list(ContainerReader(io.BytesIO(data)).chunks()) == list(ContainerReader(io.BytesIO(clip.data)).chunks())
    hit = clip.data[: len(clip.data) // 2] + b"noise" + clip.data[len(clip.data) // 2 + 5 :]
    assert measured(clip, "burst", 0.01, [hit]).kept < 1
    (tmp_path / "clip.mgv").write_bytes(clip.data)
    monkeypatch.setattr(damage, "FLIPS", ())
    monkeypatch.setattr(damage, "BURSTS", (0.002,))
    monkeypatch.setattr(damage, "CUTS", (0.99,))
    said: list[str] = []
    for options in ((), ("--parity", "5%")):
        arguments = ["damage", str(tmp_path / "clip.mgv"), "--trials", "6", *options]
        monkeypatch.setattr("sys.argv", arguments)
        damage.main(said.append)
    assert f": {len(clip.data)} bytes" in said[0] and f": {len(data)} bytes" in said[1]
    row = "| 0.002 of bytes overwritten in one run | 6 | 100% | 100.0% | ∞ |"
    assert [row in text.splitlines() for text in said] == [False, True]


def test_a_share_of_parity_that_is_none_is_refused(clip: Clip) -> None:
    pytest.importorskip("zfec", reason="parity is an optional extra")
    for share in (0, 10001):
        with pytest.raises(BitstreamError, match="share"):
            protected(clip.data, share)
