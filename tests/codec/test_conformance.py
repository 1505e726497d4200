"""The test vectors of SPEC.md, section 12: golden files, and what their planes are, to the bit.

`make_golden.py` writes them.
"""

from __future__ import annotations

import importlib.util
import io
import json
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from nvcodec.bitstream import ContainerReader, GopChunk, PacketChunk, verify
from safetensors import safe_open

from nvcodec.codec.decode import levels_of
from nvcodec.codec.headers import model_of
from nvcodec.weights.catalogue import installed

FOLDER = Path(__file__).parents[1] / "bitstream" / "golden"
VECTORS_FILE = FOLDER.parent / "conformance.json"
VECTORS: dict[str, dict[str, Any]] = (
    json.loads(VECTORS_FILE.read_text(encoding="utf-8")) if VECTORS_FILE.exists() else {}
)
REAL = sorted(name for name, vector in VECTORS.items() if "gops" in vector)


def second_reader(room: str) -> ModuleType:
    """The reader beside the tests of another room, which imports nothing of nvcodec."""
    spec = importlib.util.spec_from_file_location(
        f"{room}_second_reader", FOLDER.parents[1] / room / "second_reader.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


read_file = second_reader("bitstream").read_file
Levels = second_reader("prior").Levels


def hashes(levels: np.ndarray) -> list[str]:
    """SHA-256 of every latent frame of levels `[T, h·w, D]`."""
    return [sha256(latent.astype("<i2").tobytes()).hexdigest() for latent in levels]


def model_of_file(data: bytes) -> str:
    """The id of the model that coded it, hexadecimal."""
    return ContainerReader(io.BytesIO(data)).header.model_id.hex()


def decoded(data: bytes) -> list[list[str]]:
    """The hashes of every GOP, by nvcodec."""
    reader = ContainerReader(io.BytesIO(data))
    model = model_of(reader.header, "cpu")
    gops = [content for content in reader.chunks() if isinstance(content, GopChunk)]
    return [hashes(levels_of(model, reader.header, n, gop).numpy()) for n, gop in enumerate(gops)]


def test_every_golden_file_has_a_vector_and_is_the_file_it_was() -> None:
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.mgv")}
    assert found == {name: vector["sha256"] for name, vector in VECTORS.items()}


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_the_reader_written_from_the_page_parses_every_golden_file_as_nvcodec_does(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    chunks = read_file(data)
    reader = ContainerReader(io.BytesIO(data))
    header = chunks[0][1]
    for field in ("width", "height", "tokens", "profile", "model_id", "time_base", "tags"):
        assert header[field] == getattr(reader.header, field)
    contents = [fields for kind, fields in chunks if kind in "GP"]
    for fields, content in zip(contents, reader.chunks(), strict=True):
        if isinstance(content, PacketChunk):
            assert [vars(packet) for packet in content.packets] == fields["packets"]
        else:
            said = {name: value for name, value in vars(content).items() if name != "room"}  # which is no field
            assert {name: fields[name] for name in said} == said
    hashed = [fields["sha256"].hex() for kind, fields in chunks if kind == "S"]
    report = verify(io.BytesIO(data))
    assert report.whole and report.sha256 == "".join(hashed)


@pytest.mark.parametrize("name", REAL)
def test_the_planes_of_golden_files_are_those_of_the_vectors(name: str) -> None:
    """Fails, and must, where the weights that coded them are no longer installed: users' files would not decode."""
    data = (FOLDER / name).read_bytes()
    assert model_of_file(data) == VECTORS[name]["model"]
    assert decoded(data) == VECTORS[name]["gops"]


@pytest.mark.parametrize("name", REAL)
def test_readers_written_from_the_page_alone_decode_the_planes_of_the_vectors(name: str) -> None:
    chunks = read_file((FOLDER / name).read_bytes())
    header = chunks[0][1]
    (weights,) = (m.path for m in installed() if m.model_id == header["model_id"])
    with safe_open(weights, "numpy") as file:
        sizes = json.loads(file.metadata()["nvcodec"])["prior"]
        tensors = {key: file.get_tensor(key) for key in list(file.keys()) if key.startswith(("prior.", "tables."))}
    gop = next(fields for kind, fields in chunks if kind == "G")
    size, latents = (-(-header["height"] // 8), -(-header["width"] // 8)), 1 + -(-(len(gop["pts"]) - 1) // 4)
    for _ in range(gop["halvings"]):
        size = -(-size[0] // 2), -(-size[1] // 2)
    levels = Levels(tensors, sizes).decode(
        gop["payload"], list(gop["plane_counts"]), gop["first_quality"], gop["quality"], size, latents
    )
    assert hashes(levels) == VECTORS[name]["gops"][0]
