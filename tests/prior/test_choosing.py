"""What the encoder chooses, and that it is coded as the decoder will ask for it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nvcodec.prior.choice import choose_motion
from nvcodec.prior.choosing import ChosenFrame, LevelChooser, code_chosen
from nvcodec.prior.coding import PlaneCoder
from nvcodec.prior.distribution import LOCATION_SCALE, UNIT_SCALE_INDEX, Parameters

from .support import SMALL, TABLES, Tape, decoded, encoded, frozen_prior, integers, quality_at

SIZE, PLACES = (6, 7), 42
QUALITY, LATENTS = 40, 3


def no_error(field: Tensor, positions: Tensor, candidates: Tensor) -> Tensor:
    return torch.zeros(candidates.shape[:-1])


def chosen_gop(quality: int) -> list[ChosenFrame]:
    """Latent frames chosen among noise, moving at random where the quality has motion."""
    chooser, frames = LevelChooser(frozen_prior(SMALL), *SIZE), []
    for index in range(LATENTS):
        chooser.begin(quality_at(quality, index))
        scaled = integers(-400, 400, (PLACES, SMALL.latent_dims), 7 + index) / 100
        if not quality:
            frames.append(chooser.signs(scaled))
            continue
        if index:
            chooser.motion(integers(-3, 3, (PLACES, 4), 20 + index), no_error)
        frames.append(chooser.levels(scaled, torch.zeros(SMALL.latent_dims)))
    return frames


def coded(frames: list[ChosenFrame], counts: tuple[int, ...]) -> Tape:
    tape, planes = Tape(), PlaneCoder(TABLES, counts, 5)
    for index, frame in enumerate(frames):
        code_chosen(frame, tape, planes, first=index == 0)
    return tape


def test_chosen_levels_are_coded_with_the_very_bits_and_probabilities_of_the_coder() -> None:
    frames = chosen_gop(QUALITY)
    levels = torch.stack([frame.level.int() for frame in frames])
    assert levels[1:, :, :4].any() and levels[:, :, 4:].any()
    for counts in ((3, 3, 3, 3, 3), (0, 3, 3, 3, 3, 4, 4, 3, 3, 3)):
        tape = coded(frames, counts)
        assert tape.same_as(encoded(frozen_prior(SMALL), levels, SIZE, counts, QUALITY))
        read, _ = decoded(frozen_prior(SMALL), tape.encoded(), LATENTS, SIZE, counts, QUALITY)
        assert torch.equal(read, levels)


def test_chosen_signs_are_coded_like_levels() -> None:
    frames = chosen_gop(0)
    tape = coded(frames, ())
    read, _ = decoded(frozen_prior(SMALL), tape.encoded(), LATENTS, SIZE, (), 0)
    assert torch.equal(read, torch.stack([frame.level.int() for frame in frames]))


def expecting(motion: list[int]) -> Parameters:
    """Distributions `[1, 2, 4]` at two positions that are narrow around `motion`."""
    location = torch.tensor(motion, dtype=torch.int32).expand(1, 2, 4) * LOCATION_SCALE
    return location, torch.full_like(location, UNIT_SCALE_INDEX - 10), torch.zeros_like(location)


@pytest.mark.parametrize(("worth", "chosen"), [(0.0, [4, 4, 0, 0]), (1000.0, [9, 9, 1, 1]), (10.0, [9, 9, 0, 0])])
def test_motion_is_what_is_expected_unless_what_was_found_is_worth_its_bits(worth: float, chosen: list[int]) -> None:
    found = torch.tensor([9, 9, 1, 1]).expand(1, 6, 4)

    def error(field: Tensor, positions: Tensor, candidates: Tensor) -> Tensor:
        wrong = (candidates != field[:, positions]).float()  # a wrong end costs ten times a wrong bend
        return worth * (10 * wrong[..., :2].sum(-1) + wrong[..., 2:].sum(-1) / 10)

    motion = choose_motion(found, torch.tensor([1, 4]), expecting([4, 4, 0, 0]), error)
    assert motion.tolist() == [[chosen, chosen]]
