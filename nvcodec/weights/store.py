"""A model as a file: safetensors, read back to exactly the integers that were written.

| names | what | type |
| --- | --- | --- |
| `tokenizer.*` | parameters of the tokenizer | float16 |
| `prior.*` | parameters of the frozen prior | int8 where they fit, else int32 |
| `tables.tokenizer.*`, `tables.prior.*` | buffers of both | as the parameters |
| `tables.coder.*` | cumulative tables of the entropy coder | int32 |

Tables that follow from formulas are shipped too, so that no machine computes them anew, perhaps otherwise.
The metadata has one key, CONFIG, with everything in one JSON text: safetensors orders several as it likes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from nvcodec.errors import NvcodecError
from nvcodec.files import atomic_output
from nvcodec.prior.cumulative import make_tables
from nvcodec.prior.fixed_point import INT8
from nvcodec.prior.transformer import Prior, PriorConfig
from nvcodec.tokenizer.tiny import TinyConfig, TinyTokenizer

from .catalogue import CARD_SUFFIX, CONFIG, SUFFIX, InstalledModel, describe
from .model import PROFILE, Model

FORMAT = 1
FILE_BYTES = 1 << 30
INT8_MIN, INT8_MAX = -128, 127
MAX_WIDTH, MAX_BLOCKS = 1 << 14, 128  # of the networks that a file may ask for
EXACT = 2**24  # integers up to here are exact in float32


def export(
    path: str | Path,
    name: str,
    tokenizer: TinyTokenizer,
    prior: Prior,
    config: dict[str, Any],
    card: dict[str, Any],
) -> InstalledModel:
    """Write `name.safetensors` and its card into the folder `path`, over what is there. The same bytes each
    time.

    `prior` is frozen. `config` is what the networks were trained with and goes into the card, as does `card`:
    data, command, seed, figures, anything JSON can say. ValueError for a prior that isn't integers.
    """
    tensors: dict[str, Tensor] = {}
    for prefix, module, pack in (("tokenizer", tokenizer, _pack_float), ("prior", prior, _pack_integer)):
        tensors |= {f"{prefix}.{key}": pack(key, value) for key, value in module.named_parameters()}
        tensors |= {f"tables.{prefix}.{key}": pack(key, value) for key, value in _persistent_buffers(module)}
    tensors |= {f"tables.coder.{key}": table.to(torch.int32) for key, table in make_tables().items()}
    description = {
        "format": FORMAT,
        "profile": PROFILE,
        "tokenizer": dataclasses.asdict(tokenizer.config),
        "prior": dataclasses.asdict(prior.config),
    }
    data = tensors_to_bytes(
        {key: value.detach().cpu().contiguous() for key, value in sorted(tensors.items())},
        {CONFIG: json.dumps(description, sort_keys=True)},
    )
    whole_card = {"name": name, "sha256": hashlib.sha256(data).hexdigest()} | card | {"training": config}
    weights = Path(path) / (name + SUFFIX)
    with atomic_output(weights, force=True) as file:
        file.write(data)
    with atomic_output(weights.with_suffix(CARD_SUFFIX), force=True) as file:
        file.write((json.dumps(whole_card, indent=2, ensure_ascii=False) + "\n").encode())
    return describe(weights)


def read_model(installed: InstalledModel) -> Model:
    """Mirror of `export`: the networks in float32 on the CPU, as written. NvcodecError for any other file."""
    return model_of(read_weights(installed.path), installed)


def read_weights(path: Path) -> bytes:
    """The bytes of a file of weights. NvcodecError for one that cannot be read or is too large."""
    try:
        if path.stat().st_size > FILE_BYTES:
            raise NvcodecError(f"{path} is too large for weights (the limit is {FILE_BYTES >> 20} MiB)")
        return path.read_bytes()
    except OSError as error:
        raise NvcodecError(f"{path} cannot be read: {error.strerror or error}") from error


def model_of(data: bytes, installed: InstalledModel) -> Model:
    """The networks in `data`, the bytes of the file that `installed` tells of. NvcodecError for any others."""
    path = installed.path
    if hashlib.sha256(data).hexdigest() != installed.sha256:
        raise NvcodecError(f"{path} is damaged or not the file its card describes (its SHA-256 differs)")
    try:
        tensors = tensors_from_bytes(data)
        description = _read_description(data)
        tokenizer_config = TinyConfig(**_sizes(description["tokenizer"]))
        prior_config = PriorConfig(**_sizes(description["prior"]))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise NvcodecError(f"{path} is not a model that this nvcodec knows ({error})") from error
    with torch.device("meta"):  # shapes alone, so that a wrong configuration costs no memory
        shapes = (TinyTokenizer(tokenizer_config), Prior(prior_config))
    states = [_take_state(path, tensors, *part) for part in zip(("tokenizer", "prior"), shapes, strict=True)]
    tables = {key: _take(path, tensors, f"tables.coder.{key}", like) for key, like in make_tables().items()}
    if tensors:
        raise NvcodecError(
            f"{path} holds tensors that its model does not have: {', '.join(sorted(tensors)[:3])}"
        )
    with torch.random.fork_rng(devices=[]):  # the weights they are born with are drawn from nobody's numbers
        tokenizer, prior = TinyTokenizer(tokenizer_config), _frozen(Prior(prior_config))
    for module, state in zip((tokenizer, prior), states, strict=True):
        module.load_state_dict(state)
        module.eval().requires_grad_(False)
    if any(int(p.int().abs().max()) > INT8 for key, p in prior.named_parameters() if key.endswith(".weight")):
        raise NvcodecError(f"{path}: the prior has factors beyond ±{INT8}, whose sums would not be exact")
    return Model(installed.name, installed.sha256, tokenizer, prior, tables)


def _read_description(data: bytes) -> dict[str, Any]:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    description = json.loads(header["__metadata__"][CONFIG])
    if (description["format"], description["profile"]) != (FORMAT, PROFILE):
        raise ValueError(f"format {description['format']}, arithmetic profile {description['profile']}")
    return description


def _sizes(values: dict[str, Any]) -> dict[str, int]:
    """`values` as they are. ValueError for what is no size, or one that not even networks' shapes are made of."""
    if not isinstance(values, dict):
        raise ValueError("a network's sizes are no table")
    for key, value in values.items():
        limit = MAX_BLOCKS if key.endswith("_blocks") else MAX_WIDTH
        if type(value) is not int or not 0 < value <= limit:
            raise ValueError(f"{key} is {value!r}, not a whole number from 1 to {limit}")
    return values


def _take_state(path: Path, tensors: dict[str, Tensor], prefix: str, shapes: nn.Module) -> dict[str, Tensor]:
    """The state of a module with those `shapes`, taken out of `tensors`."""
    parameters = {key for key, _ in shapes.named_parameters()}
    return {
        key: _take(path, tensors, f"{prefix}.{key}" if key in parameters else f"tables.{prefix}.{key}", like)
        for key, like in shapes.state_dict().items()
    }


def _take(path: Path, tensors: dict[str, Tensor], name: str, like: Tensor) -> Tensor:
    """One of `tensors`, of the shape and type of `like`. NvcodecError for what is missing or misshapen."""
    tensor = tensors.pop(name, None)
    if tensor is None:
        raise NvcodecError(f"{path} lacks the tensor {name}")
    if tensor.shape != like.shape:
        raise NvcodecError(f"{path}: {name} is {list(tensor.shape)}, not {list(like.shape)}")
    return tensor.to(like.dtype)


def _frozen(prior: Prior) -> Prior:
    prior.freeze()
    return prior


def _persistent_buffers(module: nn.Module) -> list[tuple[str, Tensor]]:
    state = module.state_dict()
    return [(key, value) for key, value in module.named_buffers() if key in state]


def _pack_float(key: str, value: Tensor) -> Tensor:
    packed = value.to(torch.float16)
    if not torch.isfinite(packed).all():
        raise ValueError(f"the tokenizer's {key} has values that float16 cannot hold")
    return packed


def _pack_integer(key: str, value: Tensor) -> Tensor:
    exact = value.double()
    if not torch.equal(exact, exact.round().clamp(-EXACT, EXACT)):
        raise ValueError(f"the prior's {key} is not of integers; freeze it first")
    low, high = (int(exact.min()), int(exact.max())) if exact.numel() else (0, 0)
    return exact.to(torch.int8 if low >= INT8_MIN and high <= INT8_MAX else torch.int32)
