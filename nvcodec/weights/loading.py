"""From a model's name, or the hash in a file, to networks."""

from __future__ import annotations

from functools import lru_cache

import torch

from nvcodec.errors import ModelMismatch, NvcodecError

from .catalogue import InstalledModel, every_model, installed, own_folder
from .model import Model
from .store import read_model

DEVICES = ("cpu", "cuda", "mps")


def load(name: str = "tiny", device: str = "cpu") -> Model:
    """The model of that name, its tokenizer on `device`. NvcodecError when either is not here."""
    models = installed()
    chosen = next((model for model in models if model.name == name), None)
    if chosen is None:
        raise NvcodecError(f"there is no model {name!r}; {_known(models)}")
    return _load(chosen.path.as_posix(), chosen.sha256, checked_device(device))


def load_by_id(model_id: bytes, device: str = "cpu") -> Model:
    """The model a `.mgv` file names; ModelMismatch when it is not here."""
    models = list(every_model())
    chosen = next((model for model in models if model.model_id == model_id), None)
    if chosen is None:
        raise ModelMismatch(
            f"the file needs the model whose SHA-256 begins with {model_id.hex()}, which is not here; "
            f"{_known(models)}. If you have its weights: nvcodec models add FILE.safetensors; "
            f"the release of nvcodec that wrote the file may have them too"
        )
    return _load(chosen.path.as_posix(), chosen.sha256, checked_device(device))


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


def _known(models: list[InstalledModel]) -> str:
    if not models:
        return f"no model is installed, neither with nvcodec nor in {own_folder()}"
    return "installed are " + ", ".join(f"{model.name} ({model.sha256[:12]}…)" for model in models)
