"""The entropy decoder, fuzzed: the shipped tables of the prior, and parameters and payload that nobody chose."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from nvcodec.bitstream import BitstreamError, encode_groups
from torch import Tensor

from nvcodec.codec.gop import PlaneReader, PlaneWriter
from nvcodec.prior.cumulative import CoderTables, Cumulative
from nvcodec.prior.distribution import LOCATION_MAX, SCALES, TAIL_WEIGHTS
from nvcodec.prior.planes import Port, code_levels, code_signs
from nvcodec.tokenizer.quantize import LEVEL_PLANES
from nvcodec.weights import load

COEFFICIENTS = 24  # at most
BYTES_EACH = 4  # location (2), scale, weight of the tail


@cache
def tables() -> CoderTables:
    """Those that came with the model."""
    return CoderTables.of(load().tables)


@torch.inference_mode()
def entropy(data: bytes) -> None:
    """Decode: a byte of planes (0: signs alone), a byte of how many levels, their parameters, the payload.

    BitstreamError is the one way out; levels are as large as their planes allow, and the same a second time. What an
    encoder makes of them asks for the same probabilities, and decodes to them to its last bit.
    """
    if len(data) < 2:
        return
    planes, count = data[0] % (LEVEL_PLANES + 1), 1 + data[1] % COEFFICIENTS
    told = data[2 : 2 + BYTES_EACH * count].ljust(BYTES_EACH * count, b"\0")
    payload = data[2 + BYTES_EACH * count :]
    cumulative = Cumulative.of(_parameters(told), tables())
    try:
        port = NotingReader(payload)
        levels = _pass(cumulative, planes, port, None)
    except BitstreamError:
        return
    assert levels.shape == (count,), "levels are missing"
    assert int(levels.abs().max()) < (1 << planes if planes else 2), "a level larger than its planes"
    assert torch.equal(levels, _pass(cumulative, planes, PlaneReader(payload), None)), "not the same twice"
    writer = PlaneWriter()
    _pass(cumulative, planes, writer, levels)
    assert _same(writer.groups, port.groups), "the encoder asks for other probabilities, or in another order"
    again = PlaneReader(encode_groups(writer.groups))
    assert torch.equal(levels, _pass(cumulative, planes, again, None)), "coded again they are others"
    assert again.decoder.at_end(), "the encoder's payload is longer than what it codes"


class NotingReader(PlaneReader):
    """The decoder's port; notes what passes as the encoder's does."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload)
        self.groups: list[tuple[np.ndarray, np.ndarray]] = []

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        """The next bits, noted with their probabilities."""
        taken = super().__call__(p, bits, plane, where)
        self.groups.append((taken.numpy().astype(np.uint8), p.numpy().astype(np.uint16)))
        return taken


def _pass(cumulative: Cumulative, planes: int, port: Port, levels: Tensor | None) -> Tensor:
    return code_levels(cumulative, planes, port, levels) if planes else code_signs(cumulative, port, levels)


def _same(one: list[tuple[np.ndarray, np.ndarray]], two: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    return len(one) == len(two) and all(
        np.array_equal(a, b) for pair, other in zip(one, two, strict=True) for a, b in zip(pair, other, strict=True)
    )


def _parameters(told: bytes) -> tuple[Tensor, Tensor, Tensor]:
    """Any that a prior can give."""
    rows = np.frombuffer(told, np.dtype([("location", "<i2"), ("scale", "u1"), ("tail", "u1")]))
    location = np.clip(rows["location"].astype(np.int32), -LOCATION_MAX, LOCATION_MAX)
    scale, tail = rows["scale"].astype(np.int32) % SCALES, rows["tail"].astype(np.int32) % (TAIL_WEIGHTS + 1)
    return torch.from_numpy(location), torch.from_numpy(scale), torch.from_numpy(tail)
