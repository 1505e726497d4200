"""The user's own models: taken into a folder where every command finds them, and out of it again."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nvcodec.errors import NvcodecError, OutputError
from nvcodec.files import atomic_output

from .catalogue import (
    CARD_SUFFIX,
    CODEC,
    SHA256,
    SUFFIX,
    InstalledModel,
    describe,
    every_model,
    header_of,
    kind_of,
    own_folder,
    read_card,
)
from .networks import network_of
from .store import model_of, read_weights

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Added:
    """A model that is here now; `new` unless it was here already."""

    model: InstalledModel
    new: bool


def add(path: str | Path, name: str | None = None, sha256: str | None = None) -> Added:
    """Copy the weights `path`, and the card beside them if there is one, to where every command finds them.

    The model is called `name`, else as the file. Its hash must be what the card says, and `sha256` (or its beginning)
    if that is given; the file must hold networks of a kind this nvcodec knows, all their tensors and no others.
    NvcodecError when it is not so, and when another model has the name. The same weights twice are no error.
    """
    path = Path(path)
    name = path.name.removesuffix(SUFFIX) if name is None else name
    if not NAME.fullmatch(name):
        raise NvcodecError(f"{name!r} is no name for a model: letters, digits, dots, dashes; say another with --name")
    data = read_weights(path)
    here = hashlib.sha256(data).hexdigest()
    if sha256 is not None and not (sha256 and here.startswith(sha256.lower())):
        raise NvcodecError(f"{path} has the SHA-256 {here}, not {sha256}")
    beside = path.with_suffix(CARD_SUFFIX)
    card: dict[str, Any] = read_card(beside) if beside.is_file() else {"sha256": here}
    # of the file's own bytes, read once: what is checked is what is copied
    kind = _kind_of(data)
    read = model_of if kind == CODEC else network_of
    read(data, InstalledModel(name, card["sha256"], path, len(data), 0, card, kind))
    for other in every_model():
        if other.sha256 == here:
            return Added(other, new=False)
        if other.name == name:
            raise NvcodecError(f"there is another model {name!r} ({other.path}); give this one another with --name")
    return Added(_store(own_folder(), name, data, card), new=True)


def _kind_of(data: bytes) -> str:
    """The kind of what the bytes of a file are; CODEC where they say none, for reading them tells what is amiss."""
    try:
        return kind_of(header_of(data))
    except ValueError:
        return CODEC


def _store(folder: Path, name: str, data: bytes, card: dict[str, Any]) -> InstalledModel:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror or error}") from error
    weights = folder / (name + SUFFIX)
    with atomic_output(weights, force=True) as file:  # no model until its card is here
        file.write(data)
    with atomic_output(weights.with_suffix(CARD_SUFFIX), force=True) as file:
        file.write((json.dumps(card | {"name": name}, indent=2, ensure_ascii=False) + "\n").encode())
    return describe(weights)


def remove(name: str) -> InstalledModel:
    """Delete a model that was added. NvcodecError when there is none, and for those that came with nvcodec."""
    if not SHA256.fullmatch(name) and not NAME.fullmatch(name):
        raise NvcodecError(f"{name!r} is no name of a model")
    named = [model for model in every_model() if name in (model.name, model.sha256)]
    chosen = next((model for model in named if model.path.parent == own_folder()), None)
    if chosen is None and named:
        raise NvcodecError(f"{name} came with nvcodec and stays; only what was added can be removed")
    if chosen is None:
        raise NvcodecError(f"there is no model {name!r}; nvcodec models lists them")
    try:
        chosen.path.with_suffix(CARD_SUFFIX).unlink()  # first, for weights without a card are no model
        chosen.path.unlink()
    except OSError as error:
        raise OutputError(f"{chosen.path} cannot be removed: {error.strerror or error}") from error
    return chosen
