"""Networks that are no codec as files: the language model, its tokenizer, and what measures and names clips.

| names | what | type |
| --- | --- | --- |
| `NAME` | a parameter or buffer | float16, or as it is where it is not of floating point |
| `NAME`, `NAME.scale` | a large matrix packed as "int8": whole numbers, and what one is in a row | int8, float32 |

The metadata has one key, CONFIG, with a JSON text: the format, the kind of network and its configuration. The sizes
in it are looked at, and every tensor compared with what they make, before memory is reserved for a network.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from nvcodec.errors import NvcodecError
from nvcodec.files import atomic_output

from .catalogue import CARD_SUFFIX, CONFIG, METADATA, SCALE, InstalledModel, header_of, kind_of

FORMAT = 1
PACKINGS = ("float16", "int8")
INT8_MAX = 127
PACKED_FROM = 4096  # numbers of a matrix: in smaller ones int8 saves nothing worth its error
SIZE_MAX, REPEATS_MAX, ITEMS_MAX, TEXT_MAX = 1 << 20, 128, 1 << 16, 4096
REPEATED = ("blocks", "layers", "depth")  # how names of sizes end that say how often a part is repeated

# Every kind of network: the module where it is at home, the class of its configuration and its own, which takes one.
# Names, for the rooms behind this one know it and it does not know them.
KINDS = {
    "compact": ("nvcodec.tokenizer.compact", "CompactConfig", "CompactTokenizer"),
    "lm": ("nvcodec.generate.model", "LmDescription", "LmNetwork"),
    "probe": ("nvcodec.understand.video_transformer", "ProbeConfig", "VideoTransformer"),
    "features": ("nvcodec.understand.feature_network", "FeatureConfig", "FeatureNetwork"),
}


@dataclass(frozen=True, eq=False)
class LoadedNetwork:
    """A network ready to use, and where it is from; `sha256` is that of its file, in hexadecimal."""

    kind: str
    module: nn.Module
    card: dict[str, Any]
    sha256: str
    name: str


def save_network(
    path: Path, kind: str, module: nn.Module, config: dict[str, Any], card: dict[str, Any], *, packing: str = "float16"
) -> str:
    """Write a network to `path` (.safetensors) and its card beside it, over what is there; the SHA-256 of the file.

    `config` is what `dataclasses.asdict` makes of the configuration that `module` is of, and `card` anything that JSON
    can say: data, command, seed, figures. The same network makes the same bytes. ValueError for a kind or packing that
    there is not, a configuration that makes another network, and for values that float16 cannot hold.
    """
    if packing not in PACKINGS:
        raise ValueError(f"weights are packed as one of {', '.join(PACKINGS)}, not {packing!r}")
    state = module.state_dict()
    shapes = {key: like.shape for key, like in _shapes(kind, config).state_dict().items()}
    if shapes != {key: value.shape for key, value in state.items()}:
        raise ValueError(f"the configuration is not that of the {kind}")
    tensors: dict[str, Tensor] = {}
    for key, value in state.items():
        tensors |= _packed(key, value.detach().cpu(), int8=packing == "int8")
    description = {"format": FORMAT, "kind": kind, "config": config}
    data = tensors_to_bytes(
        {key: value.contiguous() for key, value in sorted(tensors.items())},
        {CONFIG: json.dumps(description, sort_keys=True)},
    )
    sha256 = hashlib.sha256(data).hexdigest()
    whole_card = {"name": path.stem, "sha256": sha256, "kind": kind} | card
    with atomic_output(path, force=True) as file:
        file.write(data)
    with atomic_output(path.with_suffix(CARD_SUFFIX), force=True) as file:
        file.write((json.dumps(whole_card, indent=2, ensure_ascii=False) + "\n").encode())
    return sha256


def network_of(data: bytes, installed: InstalledModel) -> LoadedNetwork:
    """The network in `data`, the bytes of the file that `installed` tells of, in float32 on the CPU.

    Mirror of `save_network`. NvcodecError for any other bytes.
    """
    path = installed.path
    if hashlib.sha256(data).hexdigest() != installed.sha256:
        raise NvcodecError(f"{path} is damaged or not the file its card describes (its SHA-256 differs)")
    try:
        header = header_of(data)
        description = json.loads(header[METADATA][CONFIG])
        kind, config = kind_of(header), description["config"]
        if description["format"] != FORMAT:
            raise ValueError(f"format {description['format']}")
        tensors = tensors_from_bytes(data)
        shapes = _shapes(kind, config).state_dict()
        state = {key: _unpacked(key, like, tensors) for key, like in shapes.items()}
    except (SafetensorError, NvcodecError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise NvcodecError(f"{path} is not a network that this nvcodec knows ({error})") from error
    if tensors:
        raise NvcodecError(f"{path} holds tensors that its {kind} does not have: {', '.join(sorted(tensors)[:3])}")
    with torch.random.fork_rng(devices=[]):  # the weights it is born with are drawn from nobody's numbers
        module = _build(kind, config)
    module.load_state_dict(state)
    module.eval().requires_grad_(False)
    return LoadedNetwork(kind, module, installed.card, installed.sha256, installed.name)


def _build(kind: str, config: dict[str, Any]) -> nn.Module:
    """A new network of that kind. ValueError for one that there is not, or no sizes of it."""
    if kind not in KINDS:
        raise ValueError(f"a network is one of {', '.join(KINDS)}, not {kind!r}")
    home, config_class, network = KINDS[kind]
    module = import_module(home)
    return getattr(module, network)(_of_table(getattr(module, config_class), config))


def _shapes(kind: str, config: dict[str, Any]) -> nn.Module:
    """The same without memory for it: a wrong configuration costs none."""
    with torch.device("meta"):
        return _build(kind, config)


def _of_table(kind: Any, values: Any) -> Any:
    """The dataclass `kind` of a table as JSON gives it. ValueError for what is not of its types and moderate sizes."""
    if not isinstance(values, dict):
        raise ValueError(f"{kind.__name__} is no table")
    hints = get_type_hints(kind)
    strange = values.keys() - hints.keys()
    if strange:
        raise ValueError(f"{kind.__name__} has no {sorted(strange)[0][:TEXT_MAX]!r}")
    return kind(**{name: _of_type(name, hints[name], value) for name, value in values.items()})


def _of_type(name: str, hint: Any, value: Any) -> Any:
    """`value` as a field's type has it."""
    if dataclasses.is_dataclass(hint):
        return _of_table(hint, value)
    if isinstance(hint, types.UnionType) and type(None) in get_args(hint):
        return None if value is None else _of_type(name, get_args(hint)[0], value)
    if get_origin(hint) is tuple and isinstance(value, list | tuple) and len(value) <= ITEMS_MAX:
        return tuple(_of_type(name, get_args(hint)[0], item) for item in value)
    limit = REPEATS_MAX if name.endswith(REPEATED) else SIZE_MAX
    fits = {
        bool: lambda: True,
        int: lambda: 0 <= value <= limit,
        float: lambda: math.isfinite(value),
        str: lambda: len(value) <= TEXT_MAX,
    }
    if hint is float and type(value) is int:
        value = float(value)
    if hint not in fits or type(value) is not hint or not fits[hint]():
        wanted = getattr(hint, "__name__", hint)
        raise ValueError(f"{name} is {str(value)[:64]!r}, which is no {wanted} of a size to believe (up to {limit})")
    return value


def _packed(key: str, value: Tensor, *, int8: bool) -> dict[str, Tensor]:
    if not value.is_floating_point():
        return {key: value}
    if not torch.isfinite(value.to(torch.float16)).all():
        raise ValueError(f"{key} has values that float16 cannot hold")
    if not int8 or value.dim() < 2 or value.numel() < PACKED_FROM:
        return {key: value.to(torch.float16)}
    rows = value.float().flatten(1)
    scale = rows.abs().amax(1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / INT8_MAX
    whole = (rows / scale).round().to(torch.int8).reshape(value.shape)
    return {key: whole, key + SCALE: scale[:, 0]}


def _unpacked(key: str, like: Tensor, tensors: dict[str, Tensor]) -> Tensor:
    """One of `tensors`, which it leaves, of the shape and type of `like`. Mirror of `_packed`."""
    if key not in tensors:
        raise ValueError(f"it lacks the tensor {key}")
    value = tensors.pop(key)
    if value.shape != like.shape:
        raise ValueError(f"{key} is {list(value.shape)}, not {list(like.shape)}")
    if value.is_floating_point() != like.is_floating_point() and value.dtype != torch.int8:
        raise ValueError(f"{key} is of {value.dtype}, not {like.dtype}")
    if like.is_floating_point() and value.dtype == torch.int8:
        scale = tensors.pop(key + SCALE)
        if scale.shape != value.shape[:1]:
            raise ValueError(f"{key}{SCALE} is {list(scale.shape)}, not {list(value.shape[:1])}")
        value = value.float() * scale.float().reshape(-1, *[1] * (value.dim() - 1))
    return value.to(like.dtype)
