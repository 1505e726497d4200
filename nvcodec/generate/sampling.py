"""Drawing tokens from the language model: many at once in a few steps, or one after the other.

Whatever is `known` stays as it is, and so prediction (the first latent frames known), interpolation (the first and the
last), in- and out-painting (all but a box, or nothing but one) are the same call with other masks (`known.py`). The
same seed draws the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.errors import NvcodecError

from .objectives import cosine_share
from .transformer import Grid, KvCache, TokenTransformer

# Of lm-tiny-next's clips 68 % were of the class asked for without guidance and 89 % with guidance 2; drawn without a
# limit 62 and 87 % (docs/generation.md).
TOP_P = 0.95
SCHEDULES = ("constant", "linear", "cosine")
Watch = Callable[[int, int], object]  # told how many steps of how many are done


@dataclass(frozen=True)
class SamplingConfig:
    """How tokens are drawn. NvcodecError for what cannot be.

    `steps` and `choice` are those of the masked model: in how many steps a clip is drawn, and how much Gumbel noise
    the choice of the tokens to keep begins with (Chang et al. 2022, appendix B). `top_k` (0: all) and `top_p` are
    those of the other one, for each part of a token. `guidance` w takes logits (1 + w)·l(class) − w·l(none) (Ho and
    Salimans 2022), in its `schedule` w from the start, or from 0 to w along a line or a cosine. Without a schedule that
    is a line for the masked model, and from the start for the other, whose first tokens decide what the last can be.
    """

    steps: int = 12
    temperature: float = 1.0
    choice: float = 4.5
    guidance: float = 0.0
    schedule: str | None = None
    top_k: int = 0
    top_p: float = TOP_P

    def __post_init__(self) -> None:
        if self.steps < 1 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise NvcodecError("steps are 1 at least, top-k 0 at least, top-p above 0 and at most 1")
        if min(self.temperature, self.choice, self.guidance) < 0 or self.schedule not in (None, *SCHEDULES):
            raise NvcodecError(f"nothing of sampling is below 0, and a schedule is one of {', '.join(SCHEDULES)}")

    def guidance_at(self, progress: float, usual: str) -> float:
        """w when a share `progress` of the way is gone, along the `usual` schedule if there is no other."""
        schedule = self.schedule or usual
        if schedule == "constant":
            return self.guidance
        return self.guidance * (progress if schedule == "linear" else 1 - float(cosine_share(progress)))


@torch.inference_mode()
def sample_masked(
    model: TokenTransformer,
    classes: Tensor,
    grid: Grid,
    config: SamplingConfig = SamplingConfig(),
    seed: int = 0,
    known: Tensor | None = None,
    tokens: Tensor | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """Tokens `[B, N]` int64 of a grid (T', h, w), for `classes` [B], drawn from a model that learnt masked ones.

    `known` [N] bool says which of `tokens` [B, N] are given. Of a step's draws those are kept that were likeliest
    with noise that fades, as many as the cosine schedule says, one at least.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn, masked = _begun(classes, grid, known, tokens)
    total = int(masked[0].sum())
    steps = min(config.steps, total)
    for step in range(steps):
        done = step / steps
        states, guidance = _states(model, config.guidance_at(done, "linear"), drawn, masked, classes, grid)
        found, likely = draw_tokens(model, states, config.temperature, generator, guidance)
        drawn = torch.where(masked, found, drawn)
        ahead = (step + 1) / steps
        left = min(int(float(cosine_share(ahead)) * total), int(masked[0].sum()) - 1) if step + 1 < steps else 0
        likely = likely + config.choice * (1 - ahead) * _gumbel(likely.shape, generator).to(likely)
        order = likely.masked_fill(~masked, float("inf")).argsort(1)
        masked = torch.zeros_like(masked).scatter(1, order[:, :left], True)
        if watch is not None:
            watch(step + 1, steps)
    return drawn


@torch.inference_mode()
def sample_next(
    model: TokenTransformer,
    classes: Tensor,
    grid: Grid,
    config: SamplingConfig = SamplingConfig(),
    seed: int = 0,
    known: Tensor | None = None,
    tokens: Tensor | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """Tokens `[B, N]` int64 as `sample_masked` gives them, drawn one after the other from a model that learnt those.

    What is `known` but comes late is put in its place, and does not change what is drawn before it.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn, masked = _begun(classes, grid, known, tokens)
    unknown = masked[0].tolist()
    count = len(unknown)
    given = unknown.index(True)
    guided = config.guidance > 0
    twice = 2 if guided else 1
    labels = _with_none(model, classes) if guided else classes
    keep = partial(keep_likely, top_k=config.top_k, top_p=config.top_p, temperature=config.temperature)
    cache = KvCache(model.config, twice * len(classes), count, model.mask)
    states = model.next_ones(drawn[:, :given].repeat(twice, 1), labels, grid, cache)[:, -1:]
    for place in range(given, count):
        if unknown[place]:
            guidance = config.guidance_at(place / count, "constant") if guided else None
            found, _ = draw_tokens(model, states, config.temperature, generator, guidance, keep)
            drawn[:, place : place + 1] = found
        if place + 1 < count:
            states = model.next_ones(drawn[:, place : place + 1].repeat(twice, 1), labels, grid, cache)
        if watch is not None:
            watch(place + 1 - given, count - given)
    return drawn


def keep_likely(logits: Tensor, top_k: int, top_p: float, temperature: float = 1.0) -> Tensor:
    """Logits `[…, K]`, −∞ but for the `top_k` largest (0: all) and the fewest whose probability comes to `top_p`."""
    if top_k:
        least = logits.topk(min(top_k, logits.shape[-1]), dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, float("-inf"))
    if top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True)
        probability = F.softmax(ordered / max(temperature, 1e-6), dim=-1)
        beyond = probability.cumsum(-1) - probability >= top_p  # that there is enough without it
        logits = logits.masked_fill(torch.zeros_like(beyond).scatter(-1, order, beyond), float("-inf"))
    return logits


def draw_tokens(
    model: TokenTransformer,
    states: Tensor,
    temperature: float,
    generator: torch.Generator,
    guidance: float | None = None,
    keep: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Tokens `[B, …]` drawn part by part of states `[B, …, C]`, and the logarithm of their probability before `keep`.

    At temperature 0 the likeliest parts. With `guidance` the states are `[2 B, …, C]`, as `_with_none` has the
    classes. `keep` takes the logits of a part and leaves out what may not be drawn.
    """
    vocabulary, twice = model.vocabulary, 1 if guidance is None else 2
    parts = torch.zeros((len(states) // twice, *states.shape[1:-1], 0), dtype=torch.int64, device=states.device)
    probability = torch.zeros(parts.shape[:-1], device=states.device)
    for _ in range(vocabulary.factors):
        logits = vocabulary.part_logits(states, torch.cat([parts] * twice))
        if guidance is not None:
            logits = _steered(logits, guidance)
        # The largest of the logits with Gumbel noise is a draw from their softmax.
        kept = logits if keep is None else keep(logits)
        found = (kept + _gumbel(logits.shape, generator).to(logits) * temperature).argmax(-1, keepdim=True)
        probability = probability + F.log_softmax(logits, dim=-1).gather(-1, found).squeeze(-1)
        parts = torch.cat([parts, found], dim=-1)
    return vocabulary.join(parts), probability


def _gumbel(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise, made on the CPU, so that a seed means the same everywhere."""
    uniform = torch.rand(shape, generator=generator).clamp(1e-20, 1 - 1e-7)
    return -(-uniform.log()).log()


def _begun(classes: Tensor, grid: Grid, known: Tensor | None, tokens: Tensor | None) -> tuple[Tensor, Tensor]:
    """Tokens `[B, N]`, zero where not known, and what is to be drawn. NvcodecError where that is nothing."""
    shape = len(classes), grid[0] * grid[1] * grid[2]
    if known is None or tokens is None:
        masked = torch.ones(shape, dtype=torch.bool, device=classes.device)
        return torch.zeros(shape, dtype=torch.int64, device=classes.device), masked
    if known.shape != shape[1:] or tokens.shape != shape:
        raise ValueError(f"known {tuple(known.shape)} and tokens {tuple(tokens.shape)} are not of {shape}")
    if bool(known.all()):
        raise NvcodecError("everything is known: there is nothing to draw")
    masked = ~known.to(classes.device).expand(shape)
    return torch.where(masked, 0, tokens.to(classes.device)), masked


def _states(
    model: TokenTransformer, w: float, drawn: Tensor, masked: Tensor, classes: Tensor, grid: Grid
) -> tuple[Tensor, float | None]:
    """States for all tokens, and the guidance by which they are drawn, None where there is none."""
    if w == 0:
        return model.all_at_once(drawn, masked, classes, grid), None
    return model.all_at_once(drawn.repeat(2, 1), masked.repeat(2, 1), _with_none(model, classes), grid), w


def _with_none(model: TokenTransformer, classes: Tensor) -> Tensor:
    """Both passes of guidance in one batch: the classes, and as often none."""
    return torch.cat([classes, torch.full_like(classes, model.no_class)])


def _steered(logits: Tensor, w: float) -> Tensor:
    """With guidance w, from logits of a batch as `_with_none` has it."""
    with_class, without = logits.chunk(2)
    return (1 + w) * with_class - w * without
