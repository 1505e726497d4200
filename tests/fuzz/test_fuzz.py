"""The short run: the seed files, and a few thousand seeded mutations of them. `fuzz.py` is the long one."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nvcodec.bitstream import encode_groups, verify

from . import entropy as entropies
from . import targets
from .entropy import entropy
from .targets import container, read_until_damage, with_right_checksums

SEEDS = Path(__file__).parent / "corpus"
GOLDEN = Path(__file__).parents[1] / "bitstream" / "golden"
CONTAINERS = [*sorted((SEEDS / "container").iterdir()), *sorted(GOLDEN.glob("*.mgv"))]
OTHER = (GOLDEN / "plain-1.0.mgv").read_bytes()
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
        ("verify", lambda file: verify(io.BytesIO(file.read()[:-1])), "verify and reading do not agree"),
        ("recovered", lambda *_, **__: iter(()), "what can be read is not recovered"),
        ("repair", lambda file, target: target.write(file.read()[:-1]), "what was repaired is not whole"),
        ("repair", lambda _, target: target.write(OTHER), "a whole file is repaired to another"),
        ("cut", lambda _, target, *__: target.write(OTHER), "a cut of other groups"),
    ],
)
def test_a_container_of_which_something_else_is_made_is_noticed(
    name: str, wrong: Callable[..., Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, name, wrong)
    with pytest.raises(AssertionError, match=said):
        container((SEEDS / "container" / "film.mgv").read_bytes())


@pytest.mark.parametrize("seed", PAYLOADS, ids=lambda path: path.name)
def test_an_entropy_coded_payload_of_any_bytes_is_decoded_or_refused(
    seed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, rng = seed.read_bytes(), random.Random(seed.name)
    coded: list[bytes] = []  # what was decoded, coded again, which the target decodes once more
    monkeypatch.setattr(entropies, "encode_groups", lambda groups: coded.append(encode_groups(groups)) or coded[-1])
    entropy(data)
    assert len(coded) == 1
    for _ in range(250):
        entropy(mutated(data, rng))
    assert len(coded) > 200  # most are decoded: it is only a zero at the end that is refused


@pytest.mark.parametrize("seed", PAYLOADS, ids=lambda path: path.name)
def test_a_payload_that_decodes_to_something_else_is_noticed(seed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entropies, "encode_groups", lambda groups: encode_groups([(1 - bits, p) for bits, p in groups]))
    with pytest.raises(AssertionError, match="coded again they are others"):
        entropy(seed.read_bytes())


def test_right_checksums_leave_a_whole_file_as_it_is() -> None:
    for path in GOLDEN.glob("*.mgv"):
        assert with_right_checksums(path.read_bytes()) == path.read_bytes()
