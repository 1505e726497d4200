"""How good generated clips are: against real ones, the tokenizer alone, and tokens without any sense.

Distances and scores are those of a feature network that was trained on the set's pixels; they compare what is measured
with the same network, on the same set, with as many clips, and nothing else. FID and FVD are added where the networks
that they are defined by are given.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import prod

import torch
from nvcodec.benchmarks.labelled import Judged, RealClips, psnr
from nvcodec.benchmarks.machine import machine_name
from nvcodec.benchmarks.outside_features import Measured
from nvcodec.benchmarks.prediction import Predicted, prediction_rows
from nvcodec.benchmarks.samples import ROWS, Samples, places_shown
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.generate.compact_tokens import decoded, encoded
from nvcodec.generate.model import LanguageModel
from nvcodec.generate.sampling import SamplingConfig
from nvcodec.tokenizer.compact import CompactTokenizer

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is drawn: with so many `steps` (masked models alone) and so much guidance, each with each."""

    steps: tuple[int, ...] = (12, 24, 64)
    guidance: tuple[float, ...] = (0.0, 2.0)
    temperature: float = 1.0
    seed: int = 1
    context: int = 5  # frames that prediction begins with


@dataclass(frozen=True)
class Row:
    """One set of clips. `steps` and `guidance` are those of a model, `seconds` what drawing and decoding one took."""

    what: str
    judged: Judged
    steps: int | None = None
    guidance: float | None = None
    seconds: float | None = None
    psnr: float | None = None


@dataclass(frozen=True)
class GenerationReport:
    """All rows, what prediction comes to, and where and by which network (its hash) it was measured.

    `outside` says what FID and FVD are of, where they were asked for.
    """

    machine: str
    threads: int
    features: str
    rows: tuple[Row, ...]
    predicted: tuple[Predicted, ...]
    outside: tuple[Measured, ...] = ()

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self), indent=1) + "\n"


def measure_generation(
    real: RealClips, models: Sequence[LanguageModel], plan: Plan, say: Say = lambda line: None
) -> tuple[GenerationReport, list[Samples]]:
    """Everything, row by row, and samples of each setting. `say` is told what was measured.

    NvcodecError for models of other classes or clips than the network that judges.
    """
    for model in models:
        check_model(model, real)
    places = places_shown(real)
    rows: list[Row] = []
    samples = [Samples("real", real.frames[places])]

    def add(row: Row) -> None:
        rows.append(row)
        say(f"{row.what}: Fréchet distance {row.judged.frechet:.2f}")

    add(Row("real clips", real.judge(real.frames, real.labels)))
    tokenizers = {model.description.tokenizer: model.tokenizer for model in models}
    for sha256, tokenizer in tokenizers.items():
        decoded_rows, through = tokenizer_rows(tokenizer, real, plan.seed)
        samples.append(Samples("decoded" if len(tokenizers) == 1 else f"decoded-{sha256[:12]}", through[places]))
        for row in decoded_rows:
            add(row)
    for model in models:
        for config in settings_of(model, plan):
            clips, seconds = drawn(model, real, config, plan.seed)
            steps = config.steps if model.objective == "masked" else prod(model.grid)
            add(Row(model.name, real.judge(clips, real.labels), steps, config.guidance, seconds))
            samples.append(Samples(f"{model.name}-{steps}-{config.guidance:g}", clips[places]))
    predicted: list[Predicted] = []
    for model in models:
        found, clips = prediction_rows(model, real, plan.context, plan.seed, say)
        predicted += found
        pairs = torch.stack([real.frames[places], clips[places]], 1).flatten(0, 1)  # what came, under it the guess
        samples.append(Samples(f"{model.name}-prediction", pairs[:ROWS]))
    once = tuple(dict.fromkeys(predicted))  # models of one tokenizer are held against the same
    threads, judge = torch.get_num_threads(), real.judge
    outside = tuple(each.measured(len(real.labels)) for each in judge.outside)
    return GenerationReport(machine_name(), threads, judge.sha256, tuple(rows), once, outside), samples


def check_model(model: LanguageModel, real: RealClips) -> None:
    """NvcodecError unless the model draws what the network judges."""
    config, own = real.judge.network.config, model.description
    if (own.classes, own.frames, own.size) != (config.classes, config.frames, config.size):
        raise NvcodecError(f"{model.name} draws other classes, or clips of another size, than are judged")


def settings_of(model: LanguageModel, plan: Plan) -> list[SamplingConfig]:
    """The plan's settings that say something to the model."""
    usual = SamplingConfig(temperature=plan.temperature)
    steps = plan.steps if model.objective == "masked" else (usual.steps,)
    return [replace(usual, steps=count, guidance=w) for count in steps for w in plan.guidance]


def drawn(model: LanguageModel, real: RealClips, config: SamplingConfig, seed: int) -> tuple[Tensor, float]:
    """A clip of the class of each of the real ones, and the seconds that one took."""
    names = [real.judge.classes[int(label)] for label in real.labels]
    began = time.perf_counter()
    clips = decoded(model.tokenizer, model.sample(names, config=config, seed=seed))
    return clips, (time.perf_counter() - began) / len(names)


def tokenizer_rows(tokenizer: CompactTokenizer, real: RealClips, seed: int) -> tuple[list[Row], Tensor]:
    """Real clips by way of their tokens, with these clips; and what no model should be as bad as.

    Each token from the same place of another clip, so that every place has the tokens it should and none goes with the
    next; and tokens drawn evenly from the vocabulary, as a model draws them that has learnt nothing.
    """
    tokens = encoded(tokenizer, real.frames)
    through = decoded(tokenizer, tokens)
    generator = torch.Generator().manual_seed(seed)
    mixed = tokens.gather(0, torch.rand(tokens.shape, generator=generator).argsort(0))
    even = torch.randint(tokenizer.vocabulary, tokens.shape, generator=generator)
    rows = [
        Row("real clips, decoded from tokens", real.judge(through, real.labels), psnr=psnr(through, real.frames)),
        Row("tokens shuffled among clips", real.judge(decoded(tokenizer, mixed), real.labels)),
        Row("tokens drawn at random", real.judge(decoded(tokenizer, even), real.labels)),
    ]
    return rows, through
