"""SPEC.md, sections 8 and 9, says all there is to know: a reader written from it decodes what is coded."""

from __future__ import annotations

import dataclasses
from zlib import crc32

import numpy as np
import pytest

from nvcodec.prior.transformer import Prior, PriorConfig

from .second_reader import Levels
from .support import SMALL, TABLES, encoded, frozen_prior, quality_at, sparse_levels

COUNTS = (3, 4, 2, 0, 1)


def second_reader(prior: Prior) -> Levels:
    """With the tensors that the model's file would have."""
    tensors = {f"prior.{name}": parameter.numpy() for name, parameter in prior.named_parameters()}
    state = prior.state_dict()
    tensors |= {f"tables.prior.{name}": b.numpy() for name, b in prior.named_buffers() if name in state}
    tensors |= {f"tables.coder.{name}": table.numpy() for name, table in TABLES.items()}
    return Levels(tensors, dataclasses.asdict(prior.config))


@pytest.mark.parametrize(
    ("size", "counts", "quality"),
    [
        ((9, 13), COUNTS, 30),
        ((1, 1), COUNTS, 97),
        ((5, 2), (0, 3, 0, 0, 0), 1),
        ((3, 6), (8, 8, 8, 8, 8), 100),
        ((4, 11), (), 0),
        ((6, 5), (0, 6, 5, 4, 3, 3, 2, 1, 0, 0), 44),
        ((6, 5), (0, 2, 0, 0, 0, 0, 4, 3, 2, 1), 44),
    ],
)
def test_a_reader_written_from_the_page_decodes_the_same_levels(
    size: tuple[int, int], counts: tuple[int, ...], quality: int
) -> None:
    prior = frozen_prior(SMALL)
    levels = sparse_levels(SMALL, counts, 3, size)
    payload = encoded(prior, levels, size, counts, quality).encoded()
    read = second_reader(prior).decode(payload, list(counts), quality_at(quality, 0), quality, size, 3)
    np.testing.assert_array_equal(read, levels.numpy())


def test_it_does_so_for_a_prior_of_the_shipped_size() -> None:
    size, prior = (3, 5), frozen_prior()
    levels = sparse_levels(prior.config, COUNTS, 2, size)
    payload = encoded(prior, levels, size, COUNTS, 40).encoded()
    read = second_reader(prior).decode(payload, list(COUNTS), quality_at(40, 0), 40, size, 2)
    np.testing.assert_array_equal(read, levels.numpy())


def test_the_arithmetic_is_the_one_of_every_earlier_version() -> None:
    """Other bytes here mean files that no longer decode: then it is another profile."""
    size = (19, 22)
    levels = sparse_levels(PriorConfig(), (4, 5, 3, 2, 1), 3, size)
    payload = encoded(frozen_prior(), levels, size, (4, 5, 3, 2, 1), 30).encoded()
    assert (len(payload), crc32(payload)) == (44963, 1345844394)
