"""Trained weights: which there are, and how they become networks.

`installed` reads cards and headers alone and answers at once; `load`, `load_by_id` and `load_network` bring PyTorch.
A model is a codec, or a network of another kind: the language model, its tokenizer, what measures and names clips.
Models lie beside this file, and in the folder that the environment variable NVCODEC_WEIGHTS names or else in one
of the user's, where `add` puts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .catalogue import FOLDER_VARIABLE, InstalledModel, installed

if TYPE_CHECKING:
    from .loading import load, load_by_id, load_network, load_network_by_hash, tokenizer_of
    from .model import PROFILE, Model
    from .networks import LoadedNetwork, save_network
    from .registry import Added, add, remove
    from .store import export

__all__ = [
    "FOLDER_VARIABLE",
    "PROFILE",
    "Added",
    "InstalledModel",
    "LoadedNetwork",
    "Model",
    "add",
    "export",
    "installed",
    "load",
    "load_by_id",
    "load_network",
    "load_network_by_hash",
    "remove",
    "save_network",
    "tokenizer_of",
]

_HOMES = {
    "load": "loading",
    "load_by_id": "loading",
    "load_network": "loading",
    "load_network_by_hash": "loading",
    "tokenizer_of": "loading",
    "LoadedNetwork": "networks",
    "save_network": "networks",
    "Model": "model",
    "PROFILE": "model",
    "export": "store",
    "Added": "registry",
    "add": "registry",
    "remove": "registry",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
