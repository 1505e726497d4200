"""Which models there are: from their cards and the headers of their files, without PyTorch.

A model `name` is two files, `name.safetensors` and its card, `name.json`, which holds the first one's
SHA-256.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from nvcodec.errors import NvcodecError

FOLDER_VARIABLE = "NVCODEC_WEIGHTS"
SUFFIX, CARD_SUFFIX = ".safetensors", ".json"
SHA256 = re.compile(r"[0-9a-f]{64}")
MODEL_ID_HEX = 32  # the half of the hash that .mgv files name a model by
CARD_BYTES = 1 << 20
HEADER_BYTES = 4 << 20
LENGTH_BYTES = 8  # of the header's length, at the start of a safetensors file
CONFIG = "nvcodec"  # the one key of a file's metadata
METADATA = "__metadata__"
SCALE = ".scale"  # how the name ends of what a packed tensor's whole numbers stand for
CODEC = "codec"  # the kind of a model that codes files
NETWORKS = ("tokenizer.", "prior.")  # what the names of a codec's parameters begin with


@dataclass(frozen=True)
class InstalledModel:
    """A model that can be loaded. `parameters` counts trained numbers; `card` says where they come from.

    `kind` is CODEC for one that codes files, else what network it is (`networks.py`).
    """

    name: str
    sha256: str
    path: Path
    bytes: int
    parameters: int
    card: dict[str, Any]
    kind: str = CODEC

    @property
    def model_id(self) -> bytes:
        """What a `.mgv` file calls the model: the first 16 bytes of its hash."""
        return bytes.fromhex(self.sha256[:MODEL_ID_HEX])


def own_folder() -> Path:
    """The user's models: the folder that $NVCODEC_WEIGHTS names, or one where this system keeps a user's data."""
    own = os.environ.get(FOLDER_VARIABLE)
    if own:
        return Path(own)
    return user_data_path("nvcodec", appauthor=False) / "weights"


def folders() -> list[Path]:
    """Where models are looked for; the first that has a name counts."""
    return [own_folder(), Path(__file__).parent]


def every_model() -> Iterator[InstalledModel]:
    """All models, folder by folder; a name may come twice. NvcodecError for a card or header that cannot be read."""
    for folder in folders():
        for path in sorted(folder.glob("*" + SUFFIX)):
            if not path.name.startswith(".") and path.with_suffix(CARD_SUFFIX).is_file():
                yield describe(path)


def installed() -> list[InstalledModel]:
    """All models that have a name of their own, by name. NvcodecError for a card or header that cannot be read."""
    models: dict[str, InstalledModel] = {}
    for model in every_model():
        models.setdefault(model.name, model)
    return [models[name] for name in sorted(models)]


def describe(path: Path) -> InstalledModel:
    """The model in the file `path`, whose card lies beside it."""
    card = read_card(path.with_suffix(CARD_SUFFIX))
    header = read_header(path)
    kind = kind_of(header)
    shapes = {name: tensor["shape"] for name, tensor in header.items() if name != METADATA}
    if kind == CODEC:
        own = [name for name in shapes if name.startswith(NETWORKS)]
    else:
        own = [name for name in shapes if not (name.endswith(SCALE) and name.removesuffix(SCALE) in shapes)]
    count = sum(math.prod(shapes[name]) for name in own)
    return InstalledModel(path.stem, card["sha256"], path, path.stat().st_size, count, card, kind)


def header_of(data: bytes) -> Any:
    """The header of a safetensors file whose bytes are `data`. ValueError for one that is no JSON."""
    return json.loads(data[LENGTH_BYTES : LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")])


def kind_of(header: dict[str, Any]) -> str:
    """What a file is of, from its header: the kind of network that it names, else CODEC."""
    try:
        return str(json.loads(header[METADATA][CONFIG]).get("kind", CODEC))
    except (ValueError, KeyError, TypeError, AttributeError):
        return CODEC


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file: tensors by name, and `__metadata__`."""
    try:
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(LENGTH_BYTES), "little")
            if size > HEADER_BYTES:
                raise NvcodecError(f"{path} is not a file of weights (its header is too long)")
            header = json.loads(file.read(size))
    except OSError as error:
        raise NvcodecError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise NvcodecError(f"{path} is not a file of weights (its header cannot be read)") from error
    if not isinstance(header, dict):
        raise NvcodecError(f"{path} is not a file of weights (its header is no table)")
    return header


def read_card(path: Path) -> dict[str, Any]:
    """What a model's card says; it has a `sha256`. NvcodecError for any other file."""
    try:
        with open(path, "rb") as file:
            card = json.loads(file.read(CARD_BYTES))
    except OSError as error:
        raise NvcodecError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise NvcodecError(f"{path} is not a model's card: {error}") from error
    if not isinstance(card, dict) or not SHA256.fullmatch(str(card.get("sha256"))):
        raise NvcodecError(f"{path} is not a model's card: it has no sha256")
    return card
