"""What a tokenizer's vocabulary is worth: how well its tokens give clips back, how many are used, and what a language
model makes of them (Yu et al. 2023, figure 1: reconstruction and generation gain from LFQ's growing, not from VQ's).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import log2

import numpy as np
import torch
from nvcodec.benchmarks.generation import drawn
from nvcodec.benchmarks.labelled import RealClips, psnr

from nvcodec.errors import NvcodecError
from nvcodec.generate.compact_tokens import decoded, encoded
from nvcodec.generate.model import LanguageModel
from nvcodec.generate.sampling import SamplingConfig
from nvcodec.tokenizer.compact import CompactTokenizer
from nvcodec.understand.probe import load_tokenizer
from nvcodec.weights import tokenizer_of


@dataclass(frozen=True)
class VocabularyRow:
    """A tokenizer on the clips measured: `used` of `vocabulary` tokens occur in `tokens`, `entropy` bits each.

    `psnr` in dB, `reconstruction` the Fréchet distance of the clips decoded from their tokens, `agreement` the share of
    those that are still judged right; `generation` the distance of as many clips that a language model over them drew,
    None without one, and `generated_agreement` the share of those that are of the class asked for.
    """

    name: str
    quantizer: str
    vocabulary: int
    tokens: int
    used: int
    entropy: float
    psnr: float
    reconstruction: float
    agreement: float
    generation: float | None = None
    generated_agreement: float | None = None

    @property
    def bits(self) -> float:
        """Of a token, where all are as likely."""
        return log2(self.vocabulary)


@dataclass(frozen=True)
class VocabularyReport:
    """All tokenizers; `floor` is the distance of real clips to real clips, `clips` how many each row is of."""

    clips: int
    floor: float
    features: str
    rows: tuple[VocabularyRow, ...]

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self), indent=1) + "\n"


def measure_vocabulary(
    real: RealClips,
    tokenizers: Sequence[str],
    models: Sequence[LanguageModel],
    config: SamplingConfig,
    seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> VocabularyReport:
    """Every one of `tokenizers`, names or files, with that of the `models` that learnt its tokens, drawn by `config`.

    NvcodecError for a model whose tokenizer is none of them.
    """
    own = {model.description.tokenizer: model for model in models}
    loaded = [load_tokenizer(name) for name in tokenizers]
    strangers = own.keys() - {tokenizer.sha256 for tokenizer in loaded}
    if strangers:
        names = ", ".join(own[sha256].name for sha256 in sorted(strangers))
        raise NvcodecError(f"{names}: the tokenizer is none of those measured; --tokenizer adds it")
    rows = []
    for each in loaded:
        rows.append(vocabulary_row(each.name, tokenizer_of(each), real, own.get(each.sha256), config, seed))
        say(f"{each.name}: {rows[-1].psnr:.2f} dB, Fréchet distance {rows[-1].reconstruction:.2f}")
    floor = real.judge(real.frames, real.labels).frechet
    return VocabularyReport(len(real.labels), floor, real.judge.sha256, tuple(rows))


def vocabulary_row(
    name: str,
    tokenizer: CompactTokenizer,
    real: RealClips,
    model: LanguageModel | None,
    config: SamplingConfig,
    seed: int,
) -> VocabularyRow:
    """One tokenizer, and what `model` draws with its tokens."""
    tokens = encoded(tokenizer, real.frames)
    through = decoded(tokenizer, tokens)
    judged = real.judge(through, real.labels)
    counts = np.unique(tokens.numpy(), return_counts=True)[1]
    shares = torch.from_numpy(counts / counts.sum())
    entropy = float(torch.special.entr(shares).sum()) / np.log(2)
    drawn_by = real.judge(drawn(model, real, config, seed)[0], real.labels) if model is not None else None
    return VocabularyRow(
        name=name,
        quantizer=tokenizer.config.quantizer,
        vocabulary=tokenizer.vocabulary,
        tokens=tokens.numel(),
        used=len(counts),
        entropy=float(entropy),
        psnr=psnr(through, real.frames),
        reconstruction=judged.frechet,
        agreement=judged.agreement,
        generation=drawn_by.frechet if drawn_by else None,
        generated_agreement=drawn_by.agreement if drawn_by else None,
    )
