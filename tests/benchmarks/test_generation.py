"""Benchmarks of what is generated: the figures are of what they say, and tables and pictures hold them."""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch
from nvcodec.benchmarks.curves import curves, points, thinned
from nvcodec.benchmarks.generation import GenerationReport, Plan, measure_generation, settings_of
from nvcodec.benchmarks.labelled import Judge, RealClips, psnr, stored
from nvcodec.benchmarks.report.chart import Line, chart_svg
from nvcodec.benchmarks.report.generation_tables import generation_tables
from nvcodec.benchmarks.report.table import markdown
from nvcodec.benchmarks.report.vocabulary_tables import vocabulary_charts, vocabulary_table
from nvcodec.benchmarks.samples import Samples, write_samples
from nvcodec.benchmarks.vocabulary import VocabularyReport, VocabularyRow, vocabulary_row

from nvcodec.errors import NvcodecError
from nvcodec.generate.compact_tokens import decoded, encoded
from nvcodec.generate.config import LmConfig
from nvcodec.generate.model import LanguageModel, LmDescription, LmNetwork
from nvcodec.generate.sampling import SamplingConfig
from nvcodec.tokenizer.compact import CompactConfig, CompactTokenizer
from nvcodec.understand.feature_network import FeatureConfig, FeatureNetwork

CLASSES = ("3-left", "3-right", "5-left", "5-right")
FRAMES, SIZE, GRID, BITS = 9, 32, (3, 4, 4), 8


@pytest.fixture(scope="module")
def real() -> RealClips:
    """Twelve clips of noise, judged by a network that has learnt nothing."""
    torch.manual_seed(1)
    network = FeatureNetwork(FeatureConfig(CLASSES, FRAMES, SIZE, width=8, features=4)).eval()
    generator = torch.Generator().manual_seed(2)

    def noise(count: int) -> torch.Tensor:
        return stored(torch.rand(count, 6, FRAMES, SIZE // 2, SIZE // 2, generator=generator) - 0.5)

    return RealClips(noise(12), torch.arange(12) % 4, Judge(network, "ab" * 32, [noise(20), noise(10)]))


def language_model(objective: str, name: str, classes: tuple[str, ...] = CLASSES) -> LanguageModel:
    torch.manual_seed(3)
    tokenizer = CompactTokenizer(CompactConfig(width=16, encoder_blocks=1, decoder_blocks=1, token_bits=BITS)).eval()
    config = LmConfig(grid=GRID, classes=len(classes), width=32, layers=1, heads=2, token_bits=BITS, dropout=0.0)
    described = LmDescription(config, objective, classes, FRAMES, SIZE, "cd" * 32)
    return LanguageModel(LmNetwork(described).eval(), tokenizer, name, "ef" * 32)


@pytest.fixture(scope="module")
def report(real: RealClips) -> tuple[GenerationReport, list[Samples]]:
    """Of one model of each kind, in few steps."""
    models = [language_model("masked", "lm"), language_model("next", "lm-next")]
    return measure_generation(real, models, Plan(steps=(2, 3), guidance=(0.0, 1.0), context=5))


def test_there_is_a_row_for_every_setting_and_for_what_it_is_held_against(
    report: tuple[GenerationReport, list[Samples]],
) -> None:
    rows = report[0].rows
    assert [row.what for row in rows[:4]] == [
        "real clips",
        "real clips, decoded from tokens",
        "tokens shuffled among clips",
        "tokens drawn at random",
    ]
    drawn = [(row.what, row.steps, row.guidance) for row in rows[4:]]
    masked = [("lm", steps, w) for steps in (2, 3) for w in (0.0, 1.0)]
    assert drawn == [*masked, ("lm-next", 48, 0.0), ("lm-next", 48, 1.0)]
    assert all(row.judged.clips == 12 and row.judged.frechet >= 0 and row.seconds for row in rows[4:])
    # two models of one tokenizer are held against the same prediction once
    assert [row.what for row in report[0].predicted] == [
        "the last frame, copied",
        "the frames themselves, decoded from tokens",
        *(f"{name}, {how}" for name in ("lm", "lm-next") for how in ("drawn", "the likeliest")),
    ]


def test_there_is_a_picture_of_real_clips_of_decoded_ones_and_of_every_setting(
    report: tuple[GenerationReport, list[Samples]],
) -> None:
    names = [each.name for each in report[1]]
    masked = [f"lm-{steps}-{w}" for steps in (2, 3) for w in (0, 1)]
    predictions = ["lm-prediction", "lm-next-prediction"]
    assert names == ["real", "decoded", *masked, "lm-next-48-0", "lm-next-48-1", *predictions]
    assert all(each.frames.shape[1:] == (6, FRAMES, SIZE // 2, SIZE // 2) for each in report[1])


def test_the_report_is_json_and_tables_that_say_the_same(report: tuple[GenerationReport, list[Samples]]) -> None:
    values = json.loads(report[0].to_json())
    tables = generation_tables(report[0])
    assert [len(table.rows) for table in tables] == [len(values["rows"]), len(values["predicted"])]
    first = tables[0].rows[0]
    assert first[3] == f"{values['rows'][0]['judged']['frechet']:.2f}"
    assert "part 2" in tables[0].columns and len({len(row) for row in tables[0].rows} | {len(tables[0].columns)}) == 1
    assert markdown(tables[1]).count("\n|") == 2 + len(tables[1].rows)


def test_copying_the_last_frame_of_clips_that_stand_still_is_perfect(real: RealClips) -> None:
    from nvcodec.benchmarks.prediction import prediction_rows

    still = dataclasses.replace(real, frames=real.frames[:, :, :1].expand(-1, -1, FRAMES, -1, -1))
    rows, clips = prediction_rows(language_model("masked", "lm"), still, 5, 1, lambda line: None)
    assert rows[0].psnr > 90 > rows[1].psnr
    assert torch.equal(clips[:, :, :5], still.frames[:, :, :5])
    with pytest.raises(NvcodecError, match="begins with"):
        prediction_rows(language_model("masked", "lm"), real, 9, 1, lambda line: None)


def test_the_distance_is_zero_of_the_reference_itself_and_grows_with_noise(real: RealClips) -> None:
    network = real.judge.network
    own = Judge(network, "", [real.frames])
    grey = real.frames * 0.2
    assert own(real.frames, real.labels).frechet < 1e-6 < own(grey, real.labels).frechet


def test_psnr_is_that_of_an_error_in_every_pixel() -> None:
    grey = stored(torch.zeros(1, 6, 1, 4, 4))
    brighter = grey.clone()
    brighter[:, :4] += 10 / 255  # luma alone, by ten levels of 255
    assert psnr(brighter, grey) == pytest.approx(20 * torch.log10(torch.tensor(255 / 10)).item(), abs=1e-4)


def test_what_is_judged_is_what_a_file_would_hold() -> None:
    x = torch.randn(2, 6, 3, 4, 4)
    once = stored(x)
    assert torch.allclose(stored(once), once, atol=1e-6)
    luma = (once[:, :4] + 0.5) * 255
    assert torch.allclose(luma, luma.round(), atol=1e-4) and float(luma.min()) >= 0 and float(luma.max()) <= 255.01


def test_settings_that_say_nothing_to_a_model_are_left_out() -> None:
    plan = Plan(steps=(2, 3), guidance=(0.0, 1.0))
    assert len(settings_of(language_model("masked", "lm"), plan)) == 4
    assert [config.guidance for config in settings_of(language_model("next", "lm"), plan)] == [0.0, 1.0]


def test_a_model_of_other_classes_is_not_judged(real: RealClips) -> None:
    with pytest.raises(NvcodecError, match="other classes"):
        measure_generation(real, [language_model("masked", "lm", ("a", "b"))], Plan())


def test_tokens_come_back_as_the_tokenizer_gives_them(real: RealClips) -> None:
    tokenizer = language_model("masked", "lm").tokenizer
    tokens = encoded(tokenizer, real.frames)
    assert tokens.shape == (12, *GRID)
    assert torch.equal(tokens[3:4], tokenizer.encode(real.frames[3:4])[0])
    assert torch.allclose(decoded(tokenizer, tokens)[3:4], tokenizer.decode(tokens[3:4])[0], atol=1e-5)


def test_a_vocabulary_is_counted_as_it_is_used(real: RealClips) -> None:
    model = language_model("masked", "lm")
    row = vocabulary_row("mine", model.tokenizer, real, model, SamplingConfig(steps=2), 1)
    tokens = encoded(model.tokenizer, real.frames)
    assert (row.tokens, row.used, row.vocabulary, row.bits) == (tokens.numel(), len(tokens.unique()), 256, 8.0)
    assert 0 <= row.entropy <= 8 and row.generation is not None and row.reconstruction > 0
    assert vocabulary_row("mine", model.tokenizer, real, None, SamplingConfig(), 1).generation is None


def test_a_vocabulary_report_becomes_a_table_and_charts_with_a_dot_for_every_tokenizer() -> None:
    rows = [
        VocabularyRow(f"{kind}-{bits}", kind, 2**bits, 100, 50, 5.0, 20.0 + bits, 9.0 - bits / 4, 0.5, generated, 0.3)
        for kind, bits, generated in (("lfq", 10, 7.0), ("lfq", 18, 5.0), ("vq", 10, 8.0), ("vq", 13, None))
    ]
    report = VocabularyReport(12, 0.5, "ab" * 32, tuple(rows))
    assert [row[2] for row in vocabulary_table(report).rows] == ["1,024", "262,144", "1,024", "8,192"]
    charts = vocabulary_charts(report)
    dots = {name: len(ET.fromstring(svg).findall(".//{*}circle")) for name, svg in charts.items()}
    assert dots == {"vocabulary-psnr": 4, "vocabulary-frechet": 7}


def test_a_chart_puts_larger_values_higher_and_later_ones_further_right() -> None:
    svg = ET.fromstring(chart_svg("a < b", "x", "y", [Line("one & two", ((0, 1), (5, 3))), Line("flat", ((0, 2),))]))
    low, high, middle = svg.findall(".//{*}circle")
    assert float(low.attrib["cx"]) < float(high.attrib["cx"])
    assert float(high.attrib["cy"]) < float(middle.attrib["cy"]) < float(low.attrib["cy"])
    assert svg.findtext("{*}title") == "a < b"
    with pytest.raises(ValueError, match="nothing to draw"):
        chart_svg("none", "x", "y", [Line("empty", ())])


def test_learning_curves_are_those_of_the_logs(tmp_path: Path) -> None:
    rows = [{"step": step, "loss": 100 / step} for step in range(1, 241)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "validation.jsonl").write_text('{"step": 100, "all": 1.5}\n{"step": 200, "all": 1.25}\n')
    training, measured = curves([tmp_path], "loss", "all", skip=40)
    first = sum(100 / step for step in (41, 42, 43, 44)) / 4
    assert len(training.points) == 50 and training.points[0] == (42.5, pytest.approx(first))
    assert measured.points == ((100.0, 1.5), (200.0, 1.25)) and training.dashed and not measured.dashed
    assert thinned(points(tmp_path / "validation.jsonl", "all", 0)) == measured.points
    with pytest.raises(NvcodecError, match="no log of 'bits'"):
        curves([tmp_path], "bits", "bits")


def test_samples_become_a_picture_with_a_row_for_each(tmp_path: Path) -> None:
    write_samples([Samples("some", torch.zeros(3, 6, FRAMES, 16, 16))], tmp_path)
    data = (tmp_path / "samples-some.png").read_bytes()
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (9 * 32, 3 * 32)
