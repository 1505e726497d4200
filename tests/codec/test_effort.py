"""Effort: time for bits, in the encoder alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from nvcodec.codec import EncodeOptions, encode
from nvcodec.codec.effort import AS_USUAL, EFFORT_DEFAULT, EFFORT_MAX, EFFORT_MIN, EncoderSettings
from nvcodec.codec.gop import ClosedLoop, planned_quality
from nvcodec.errors import NvcodecError
from nvcodec.weights import load

from .costs import STEPS, cost, steps_of
from .support import BUNNY, CARPHONE, coded, contents, decoded


@pytest.mark.parametrize(("source", "quality"), [(BUNNY, 30), (CARPHONE, 60)])
def test_more_effort_costs_less(source: Path, quality: int) -> None:
    own, steps = planned_quality(quality, len(STEPS)), steps_of(source)
    usual, more = (
        cost(ClosedLoop(load("tiny"), own, settings=EncoderSettings.of(effort)), steps, quality)
        for effort in (EFFORT_DEFAULT, EFFORT_MAX)
    )
    assert more < usual


def test_the_same_effort_gives_the_same_file() -> None:
    once, again = (coded(BUNNY, duration_s=0.2, quality=30, scale="160x90", effort=EFFORT_MAX)[0] for _ in range(2))
    assert once == again


def test_workers_spend_the_effort_asked_for() -> None:
    def by(threads: int, effort: int) -> bytes:
        file = io.BytesIO()
        options = EncodeOptions(
            quality=20, gop=5, duration_s=0.8, audio=False, threads=threads, effort=effort, scale="160x90"
        )
        encode(BUNNY, file, options)
        return file.getvalue()

    assert by(2, 5) == by(1, 5) != by(1, EFFORT_DEFAULT)


def test_a_search_for_a_bit_rate_spends_the_effort_asked_for() -> None:
    usual, more = (
        contents(coded(BUNNY, duration_s=0.2, scale="160x90", bitrate=100_000, effort=effort)[0])[1]
        for effort in (EFFORT_DEFAULT, 5)
    )
    assert [gop.payload for gop in usual] != [gop.payload for gop in more]


@pytest.mark.parametrize("effort", [EFFORT_MIN, 4, EFFORT_MAX])
def test_a_file_of_any_effort_decodes(effort: int, tmp_path: Path) -> None:
    data, report = coded(CARPHONE, duration_s=0.3, quality=25, effort=effort)
    assert len(decoded(data, tmp_path / "out.mkv").pictures) == report.frames > 4


def test_tokens_know_no_effort() -> None:
    files = {coded(CARPHONE, duration_s=0.1, tokens=True, effort=effort)[0] for effort in (EFFORT_DEFAULT, EFFORT_MAX)}
    assert len(files) == 1


def test_left_out_effort_is_the_usual() -> None:
    assert EncodeOptions().effort == EFFORT_DEFAULT
    assert EncoderSettings.of(EFFORT_DEFAULT) == AS_USUAL == EncoderSettings()


@pytest.mark.parametrize("effort", [EFFORT_MIN - 1, EFFORT_MAX + 1])
def test_other_efforts_are_refused_in_a_line(effort: int) -> None:
    file = io.BytesIO()
    with pytest.raises(NvcodecError, match=f"^effort {effort} is not within 0 to 9$"):
        encode(BUNNY, file, EncodeOptions(effort=effort))
    assert file.getvalue() == b""
