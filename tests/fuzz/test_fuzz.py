"""The short run: the seed files, and a few thousand seeded mutations of them. `fuzz.py` is the long one."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from . import entropy as entropy_target
from . import targets
from .entropy import entropy
from .targets import container, read_until_damage, with_right_checksums

SEEDS = Path(__file__).parent / "corpus"
GOLDEN = Path(__file__).parents[1] / "bitstream" / "golden"
CONTAINERS = [*sorted((SEEDS / "container").iterdir()), *sorted(GOLDEN.glob("*.mgv"))]
PAYLOADS = sorted((SEEDS / "entropy").iterdir())


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, taken out or put in again elsewhere."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(out)), rng.choice([1, 1, 2, 4, 16])
        match rng.randrange(4):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at : at + length] = rng.randbytes(len(out[at : at + length]))
            case 2 if len(out) > at + length:
                del out[at : at + length]
            case _:
                out[at:at] = out[at : at + length]
    return bytes(out)


@pytest.mark.parametrize("seed", CONTAINERS, ids=lambda path: path.name)
def test_a_container_of_any_bytes_is_read_or_refused(seed: Path) -> None:
    data, rng = seed.read_bytes(), random.Random(seed.name)
    _, error = read_until_damage(data)
    assert (error is None) == (seed.parent == GOLDEN or seed.name == "film.mgv"), error
    container(data)
    for number in range(250):
        changed = mutated(data, rng)
        container(changed if number % 4 == 0 else with_right_checksums(changed))


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("verify", lambda source: pytest.fail("never"), "never"),
        ("recovered", lambda *_, **__: iter(()), "what can be read is not recovered"),
        ("repair", lambda source, target: target.write(source.read()[:-1]), "what was repaired is not whole"),
        ("cut", lambda source, target, *_: target.write(FILM), "a cut of other groups"),
    ],
)
def test_a_container_that_is_read_wrongly_is_noticed(
    name: str, wrong: Callable[..., Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, name, wrong)


@pytest.mark.parametrize("seed", PAYLOADS, ids=lambda path: path.name)
def test_an_entropy_coded_payload_of_any_bytes_is_decoded_or_refused(seed: Path) -> None:
    data, rng = seed.read_bytes(), random.Random(seed.name)
    entropy(data)
    for _ in range(250):
        entropy(mutated(data, rng))


def test_right_checksums_leave_a_whole_file_as_it_is() -> None:
    for path in GOLDEN.glob("*.mgv"):
        assert with_right_checksums(path.read_bytes()) == path.read_bytes()
