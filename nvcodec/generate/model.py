"""A language model as it is kept and loaded: the transformer, what its tokens are of, and its classes by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import Tensor, nn

from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.compact import CompactTokenizer
from nvcodec.weights import load_network, load_network_by_hash, tokenizer_of
from nvcodec.weights.loading import tokenizer_dtype

from .config import OBJECTIVES, LmConfig
from .sampling import SamplingConfig, Watch, sample_masked, sample_next
from .transformer import Grid, TokenTransformer, grid_of

KIND = "lm"
BATCH = 32  # clips that are drawn at once


@dataclass(frozen=True)
class LmDescription:
    """What the file of a language model says of it.

    Its clips have `frames` pictures of `size` pixels a side; `classes` are their names in order; `tokenizer` is the
    SHA-256 of the weights whose tokens they are, in hexadecimal. NvcodecError for what does not go together.
    """

    model: LmConfig
    objective: str
    classes: tuple[str, ...]
    frames: int
    size: int
    tokenizer: str

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise NvcodecError(f"a language model's objective is one of {', '.join(OBJECTIVES)}, not {self.objective}")
        if len(self.classes) != self.model.classes:
            raise NvcodecError(f"a language model of {self.model.classes} classes has names for {len(self.classes)}")
        if self.model.around and self.objective != "masked":
            raise NvcodecError("what is around a token is not known to a model of the next one, only what is before")
        grid = grid_of(self.frames, self.size)
        if self.model.grid != grid:
            raise NvcodecError(f"{self.frames} pictures of {self.size} pixels make a grid of {grid}")


class LmNetwork(nn.Module):
    """The transformer of a description, which it keeps."""

    def __init__(self, description: LmDescription) -> None:
        super().__init__()
        self.description = description
        self.transformer = TokenTransformer(description.model)


@dataclass(frozen=True)
class LanguageModel:
    """A language model that draws, with the tokenizer that shows what it has drawn. Both are on one device."""

    network: LmNetwork
    tokenizer: CompactTokenizer
    name: str
    sha256: str

    @property
    def description(self) -> LmDescription:
        """What it is of."""
        return self.network.description

    @property
    def transformer(self) -> TokenTransformer:
        """The network alone."""
        return self.network.transformer

    @property
    def objective(self) -> str:
        """masked or next."""
        return self.description.objective

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its classes."""
        return self.description.classes

    @property
    def grid(self) -> Grid:
        """Latent frames, rows and columns of a clip."""
        time, rows, columns = self.description.model.grid
        return time, rows, columns

    def label(self, name: str | None) -> int:
        """The class of that name; None is the class that stands for none. NvcodecError for a name it does not have."""
        if name is None:
            return self.transformer.no_class
        if name not in self.classes:
            near = get_close_matches(name, self.classes) or self.classes[:3]
            raise NvcodecError(
                f"{self.name} has no class {name!r}, but {', '.join(near)} …; nvcodec generate --list lists them"
            )
        return self.classes.index(name)

    def sample(
        self,
        classes: Sequence[str | None],
        n: int = 1,
        config: SamplingConfig = SamplingConfig(),
        seed: int = 0,
        known: Tensor | None = None,
        tokens: Tensor | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """Tokens `[len(classes) · n, T', h, w]` int64, `n` clips of each of the `classes` in turn.

        Where `known` [N] bool says so (`known.py`), they are those of `tokens`, [T', h, w] or one such for each clip.
        The same seed draws the same on the same machine. NvcodecError for a class that it does not have.
        """
        device = self.transformer.mask.device
        labels = torch.tensor([self.label(name) for name in classes for _ in range(n)], device=device)
        given = tokens.reshape(-1, self._places).expand(len(labels), -1).to(device) if tokens is not None else None
        draw = sample_masked if self.objective == "masked" else sample_next
        parts, found = labels.split(BATCH), []
        for number, part in enumerate(parts):
            own = given[number * BATCH :][: len(part)] if given is not None else None
            report = None if watch is None else _in_parts(watch, number, len(parts))
            with self._precision():
                drawn = draw(self.transformer, part, self.grid, config, seed * 1_000_003 + number, known, own, report)
            found.append(drawn.reshape(-1, *self.grid))
        return torch.cat(found)

    def _precision(self) -> torch.autocast:
        """Half the bits where that is faster: not for one token after the other, which is no work but many calls."""
        device = self.transformer.mask.device.type
        half = tokenizer_dtype(device) == torch.bfloat16 and self.objective == "masked"
        return torch.autocast(device, torch.bfloat16, enabled=half)

    @property
    def _places(self) -> int:
        return self.grid[0] * self.grid[1] * self.grid[2]


def load_lm(name_or_path: str | Path, device: str = "cpu") -> LanguageModel:
    """The language model of that name, or in that file of weights, and the tokenizer whose hash it names.

    The tokenizer is one of the installed models, or lies beside the file. NvcodecError for what is no language model,
    ModelMismatch where its tokenizer is not here.
    """
    loaded = load_network(name_or_path, device)
    network = loaded.module
    if not isinstance(network, LmNetwork):
        raise NvcodecError(f"{name_or_path} is no language model, but of the kind {loaded.kind!r}")
    beside = Path(name_or_path).parent
    tokenizer = load_network_by_hash(network.description.tokenizer, loaded.name, beside, device)
    return LanguageModel(network, tokenizer_of(tokenizer), loaded.name, loaded.sha256)


def _in_parts(watch: Watch, number: int, parts: int) -> Watch:
    """What tells `watch` of the steps of one part of several."""
    return lambda done, steps: watch(number * steps + done, parts * steps)
