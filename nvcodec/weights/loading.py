"""From a model's name, or the hash in a file, to networks."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from pathlib import Path

import torch

from nvcodec.errors import ModelMismatch, NvcodecError
from nvcodec.tokenizer.compact import CompactTokenizer

from .catalogue import CARD_SUFFIX, CODEC, SUFFIX, InstalledModel, describe, every_model, installed, own_folder
from .model import Model
from .networks import LoadedNetwork, network_of
from .store import read_model, read_weights

DEVICES = ("cpu", "cuda", "mps")


def load(name: str = "tiny", device: str = "cpu") -> Model:
    """The model of that name, its tokenizer on `device`. NvcodecError when either is not here."""
    chosen = _named(name)
    if chosen.kind != CODEC:
        raise NvcodecError(f"{name} is no codec but of the kind {chosen.kind!r}: it codes no files")
    return _load(chosen.path.as_posix(), chosen.sha256, checked_device(device))


def load_by_id(model_id: bytes, device: str = "cpu") -> Model:
    """The model a `.mgv` file names; ModelMismatch when it is not here."""
    models = [model for model in every_model() if model.kind == CODEC]
    chosen = next((model for model in models if model.model_id == model_id), None)
    if chosen is None:
        raise ModelMismatch(
            f"the file needs the model whose SHA-256 begins with {model_id.hex()}, which is not here; "
            f"{_known(models)}. If you have its weights: nvcodec models add FILE.safetensors; "
            f"the release of nvcodec that wrote the file may have them too"
        )
    return _load(chosen.path.as_posix(), chosen.sha256, checked_device(device))


def load_network(name_or_path: str | Path, device: str = "cpu") -> LoadedNetwork:
    """A network that is no codec (`networks.py`): of that name, or in that file of weights with its card beside it.

    NvcodecError when it is not here, is a codec, or is not what its card describes.
    """
    path = Path(name_or_path)
    chosen = describe(path) if path.suffix == SUFFIX else _named(str(name_or_path))
    if chosen.kind == CODEC:
        raise NvcodecError(f"{name_or_path} is a codec, where another kind of network is wanted")
    loaded = network_of(read_weights(chosen.path), chosen)
    loaded.module.to(checked_device(device))
    return loaded


def load_network_by_hash(sha256: str, user: str, beside: Path, device: str = "cpu") -> LoadedNetwork:
    """The network whose file has that SHA-256: one of the installed models, or in the folder `beside`.

    ModelMismatch when it is not here; `user` is the name of what needs it.
    """
    near = (describe(path) for path in sorted(beside.glob("*" + SUFFIX)) if path.with_suffix(CARD_SUFFIX).is_file())
    found = next((model for model in chain(every_model(), near) if model.sha256 == sha256), None)
    if found is None:
        raise ModelMismatch(
            f"{user} needs the network whose SHA-256 begins with {sha256[:12]}, which is neither installed nor "
            f"beside it; if you have its weights: nvcodec models add FILE{SUFFIX}"
        )
    return load_network(found.path, device)


def checked_device(device: str) -> str:
    """`device` itself; NvcodecError when PyTorch has none such here."""
    if device not in DEVICES:
        raise NvcodecError(f"there is no device {device!r}; {', '.join(DEVICES)} are known")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[device]:
        raise NvcodecError(f"PyTorch finds no {device} device here; the device cpu works everywhere")
    return device


def tokenizer_dtype(device: str) -> torch.dtype:
    """What the tokenizer computes in: half the bits where that is faster, for pixels need no more."""
    if device == "cpu":
        fast = torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if device == "cuda" else torch.float32


@lru_cache(maxsize=4)
def _load(path: str, sha256: str, device: str) -> Model:
    chosen = next(model for model in every_model() if (model.path.as_posix(), model.sha256) == (path, sha256))
    model = read_model(chosen)
    model.tokenizer.to(device).speed_up(tokenizer_dtype(device))
    return model


def tokenizer_of(loaded: LoadedNetwork) -> CompactTokenizer:
    """The tokenizer that was loaded. NvcodecError for any other network."""
    if not isinstance(loaded.module, CompactTokenizer):
        raise NvcodecError(f"{loaded.name} is no tokenizer, but of the kind {loaded.kind!r}")
    return loaded.module


def _named(name: str) -> InstalledModel:
    models = installed()
    chosen = next((model for model in models if model.name == name), None)
    if chosen is None:
        raise NvcodecError(f"there is no model {name!r}; {_known(models)}")
    return chosen


def _known(models: list[InstalledModel]) -> str:
    if not models:
        return f"no model is installed, neither with nvcodec nor in {own_folder()}"
    return "installed are " + ", ".join(f"{model.name} ({model.sha256[:12]}…)" for model in models)
