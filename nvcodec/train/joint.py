"""Joint training of tokenizer and coding prior on D + λ·R over the whole range of Δ.

D is the squared error of the six channels (about that of RGB), R the prior's bits, λ = 0.18 Δ². Every latent
frame's loss is divided by Δ, so that no quality drowns the others. A share of the steps trains the token reading:
the 18 signs alone. A clip may go on over several optimizer steps, each carrying on from the last decoded frame
of the one before (`Carry`), so that the closed loop is trained over as many latent frames as it will run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from nvcodec.prior.choice import MotionError, choose_levels, choose_motion
from nvcodec.prior.distribution import Parameters, level_bits, sign_bits
from nvcodec.prior.schedule import PositionGroup, position_groups
from nvcodec.prior.transformer import Prior
from nvcodec.tokenizer.conditioning import conditions
from nvcodec.tokenizer.motion import MOTION_DIMS, STEP_FRAMES
from nvcodec.tokenizer.motion_search import MotionMatch, motion_cost, search_motion
from nvcodec.tokenizer.quantize import LAGRANGIAN, quantize, step_size
from nvcodec.tokenizer.tiny import DecoderState, TinyTokenizer

# From values in units of Δ, their distributions, and which dimensions they are, to levels; all of one shape.
Decide = Callable[[Tensor, Parameters, slice], Tensor]

TOKEN_STEP = 1.6  # the Δ that the token reading's loss is weighed as if it had


@dataclass(frozen=True)
class LossConfig:
    """What a training step draws and weighs."""

    quality_low: int = 4
    quality_high: int = 100
    low_share: float = 0.75  # of the steps lie in the lower half of the qualities
    first_boost: int = 24  # the first latent frame may be this much finer
    token_share: float = 0.08
    dropped_planes_share: float = 0.05
    missing_area_share: float = 0.05
    still_share: float = 0.05  # of the steps have no motion to go by
    commitment: float = 0.05
    chosen_levels: bool = False  # for the last part of a run: all get used to the motion and levels the encoder chooses


@dataclass(frozen=True)
class Draw:
    """The random choices of one step, the same for every clip of its batch."""

    quality: int  # 0: the token reading
    first_quality: int
    dropped: int
    missing: bool
    still: bool


def draw(config: LossConfig, generator: torch.Generator) -> Draw:
    """Choose quality and damage."""
    u = torch.rand(6, generator=generator).tolist()
    if u[0] < config.token_share:
        return Draw(0, 0, 0, u[4] < config.missing_area_share, True)
    middle = (config.quality_low + config.quality_high) // 2
    low, high = (config.quality_low, middle) if u[1] < config.low_share else (middle, config.quality_high)
    quality = int(low + u[2] * (high - low))
    first = min(100, quality + int(u[3] * (config.first_boost + 1)))
    dropped = int(u[4] < config.dropped_planes_share) * (1 + int(u[4] / config.dropped_planes_share * 2))
    return Draw(quality, first, dropped, u[4] > 1 - config.missing_area_share, u[5] < config.still_share)


def straight_through(quantized: Tensor, real: Tensor) -> Tensor:
    """The quantized value, with the gradient of the real one."""
    return real + (quantized - real).detach()


@dataclass(frozen=True)
class Carry:
    """Where a clip stands between two optimizer steps; no gradient passes."""

    state: DecoderState
    memory: Tensor  # [B, h, w, C]
    level: Tensor  # [B, h, w, D]
    motion: Tensor  # [B, h, w, 4]


@dataclass
class StepLoss:
    """Sums over a batch, for the loss and for the log, and where the clips stand."""

    loss: Tensor
    squared_error: Tensor  # of all six channels
    bits: Tensor
    frames: int
    carry: Carry | None  # None where nothing is carried on
    decoded: Tensor  # [B, 6, T, H/2, W/2], with its gradient


@lru_cache(maxsize=8)
def groups_on(h: int, w: int, device: torch.device) -> tuple[PositionGroup, ...]:
    """The groups of an h × w grid, where the networks compute."""
    return tuple(
        PositionGroup(group.positions.to(device), group.neighbours.to(device), group.around.to(device))
        for group in position_groups(h, w)
    )


def clip_loss(
    tokenizer: TinyTokenizer,
    prior: Prior,
    clips: Tensor,
    choice: Draw,
    config: LossConfig,
    generator: torch.Generator,
    carry: Carry | None = None,
) -> StepLoss:
    """Code `clips` [B, 6, T, H/2, W/2] in closed loop and weigh error and bits.

    T = 1 + 4k at the start of clips, 4k where `carry` says how they began.
    """
    b, _, n, hh, ww = clips.shape
    h, w = hh // 4, ww // 4
    loss, error_sum, bit_sum = clips.new_zeros(3).unbind()
    decoded_parts: list[Tensor] = []
    start = 0
    while start < n:
        first = carry is None
        frames = clips[:, :, start : start + (1 if first else STEP_FRAMES)]
        start += frames.shape[2]
        quality = choice.first_quality if first else choice.quality
        step = step_size(quality) if quality else TOKEN_STEP
        condition = conditions(quality, first=first).to(clips.device).expand(b, -1)
        bits = clips.new_zeros(())
        prediction, context = None, None
        motion, memory = clips.new_zeros(b, h, w, MOTION_DIMS), prior.initial_memory(b, h, w)
        if carry is not None:
            if quality and not choice.still:
                match, cost = MotionMatch.of(frames, carry.state.last.detach()), motion_cost(step)
                motion = search_motion(match, carry.motion, cost)
                error = weighed_error(match, cost) if config.chosen_levels else None
                motion, price = latent_motion(prior, motion, carry.motion, condition, error)
                bits = price.sum()
            # signs cannot correct what they got wrong before, so the token reading learns one step at a time
            state = carry.state if quality else _detached(carry.state)
            prediction = tokenizer.predict(state, motion)
            memory = context = prior.context(carry.level, carry.memory, motion, condition)
        z = tokenizer.analyse(frames, prediction, condition)
        commitment = clips.new_zeros(())
        if quality == 0:
            tokens = z[..., : prior.config.token_dims]
            size = tokenizer.token_scale(first=first)
            signs = straight_through(torch.where(tokens >= 0, 1.0, -1.0), (tokens / size.detach()).clamp(-1, 1))
            latent = tokenizer.token_latent(signs, first=first)
            commitment = config.commitment * (tokens - (signs * size).detach()).square().sum()
            values = torch.nn.functional.pad(signs, (0, z.shape[-1] - signs.shape[-1]))
            level, price = latent_bits(prior, values, context, condition, None)
        else:
            shrink = tokenizer.shrinkage(condition[:1])[0, 0, 0].detach().float()
            decide = chosen_level(shrink) if config.chosen_levels else nearest_level
            level, price = latent_bits(prior, z / step, context, condition, decide)
            latent = tokenizer.dequantize(level, step, condition, 0 if first else choice.dropped)
        bits = bits + price.sum()
        if choice.missing and not first:
            present = torch.rand(b, h // 2, w // 2, 1, generator=generator) > 0.15
            present = present.to(clips.device)
            latent = latent * present.repeat_interleave(2, 1).repeat_interleave(2, 2)
        decoded, state = tokenizer.synthesise(latent, prediction, condition)
        error = (decoded - frames).square().sum()
        loss = loss + (error / step**2 + LAGRANGIAN * bits + commitment / step**2) * step
        error_sum, bit_sum = error_sum + error.detach(), bit_sum + bits.detach()
        decoded_parts.append(decoded)
        carry = Carry(state, memory, level.detach(), motion)
    assert carry is not None
    rest = Carry(_detached(carry.state), carry.memory.detach(), carry.level, carry.motion)
    return StepLoss(loss / (b * h * w), error_sum, bit_sum, b * n, rest, torch.cat(decoded_parts, 2))


def _detached(state: DecoderState) -> DecoderState:
    return DecoderState(state.last.detach(), state.hidden.detach())


def weighed_error(match: MotionMatch, cost_per_bit: float) -> MotionError:
    """What candidates of motion miss, in bits that it is worth."""
    return lambda field, positions, candidates: match.error_of(field, positions, candidates) / cost_per_bit


def latent_motion(
    prior: Prior, found: Tensor, before: Tensor, condition: Tensor, error: MotionError | None
) -> tuple[Tensor, Tensor]:
    """Motion `[B, h, w, 4]` after that of the latent frame before, and its bits `[B]`, group by group.

    It is what was `found`, or with an `error` what `choose_motion` makes of it.
    """
    b, h, w, m = found.shape
    flat = found.reshape(b, h * w, m)
    before = torch.nn.functional.pad(before.reshape(b, h * w, m), (0, 0, 0, 1))
    known = flat.new_zeros(b, h * w + 1, m)
    total = flat.new_zeros(b)
    for index, group in enumerate(groups_on(h, w, found.device)):
        parameters = prior.motion(index, group, known, before, condition)
        here = flat[:, group.positions]
        if error is not None and len(group.positions):
            here = choose_motion(flat, group.positions, parameters, error)
            flat = flat.index_copy(1, group.positions, here)
        total = total + level_bits(here, parameters).sum((1, 2))
        known = known.index_copy(1, group.positions, here)
    return flat.reshape(found.shape), total


def latent_bits(
    prior: Prior, values: Tensor, context: Tensor | None, condition: Tensor, decide: Decide | None
) -> tuple[Tensor, Tensor]:
    """Levels of a latent frame `[B, h, w, D]` and their bits `[B]`, group by group as the codec goes.

    `values` are in units of Δ, and `decide` makes levels of them; without it they are the token's signs already.
    """
    b, h, w, d = values.shape
    a = prior.config.token_dims
    flat = values.reshape(b, h * w, d)
    known = flat.new_zeros(b, h * w + 1, d)
    flat_context = None if context is None else context.reshape(b, h * w, -1)
    total = flat.new_zeros(b)
    level = torch.zeros_like(flat)
    for index, group in enumerate(groups_on(h, w, values.device)):
        here = flat[:, group.positions]
        parameters, stream = prior.reader.tokens(index, group, known, flat_context, condition)
        if decide is None:
            total = total + sign_bits(here[..., :a], parameters).sum((1, 2))
        else:
            tokens = decide(here[..., :a], parameters, slice(0, a))
            others = prior.reader.rest(tokens.detach(), stream)
            rest = decide(here[..., a:], others, slice(a, d))
            total = total + level_bits(tokens, parameters).sum((1, 2)) + level_bits(rest, others).sum((1, 2))
            here = torch.cat([tokens, rest], dim=-1)
        level = level.index_copy(1, group.positions, here)
        known = known.index_copy(1, group.positions, here.detach())
    return level.reshape(values.shape), total


def nearest_level(values: Tensor, parameters: Parameters, dims: slice) -> Tensor:
    """Levels by the dead zone alone, gradients straight through: what the analysis learns from."""
    return straight_through(quantize(values, 1.0), values)


def chosen_level(shrink: Tensor) -> Decide:
    """Levels worth their bits, as the encoder chooses them; no gradient reaches the analysis.

    Passed straight through so wide a dead zone, gradients misled it: after 700 steps files were a tenth larger.
    """

    def decide(values: Tensor, parameters: Parameters, dims: slice) -> Tensor:
        return choose_levels(values.detach(), parameters, shrink[dims])

    return decide
