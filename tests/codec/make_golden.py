"""Writes the golden files and their test vectors: `python -m tests.codec.make_golden`, from the repository's folder.

What is there is never changed: files that were released must be read for ever. Only what is missing is written, so a
new file needs a line in `RECIPES`. A format that no release has written yet may still change; then the files and
`conformance.json` are removed before.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any

from ..bitstream.samples import FULL_CONTENTS, FULL_HEADER, PLAIN_CONTENTS, PLAIN_HEADER, without_hash, write
from .support import BUNNY, CARPHONE, coded
from .test_conformance import FOLDER, VECTORS_FILE, decoded, model_of_file


def encoded(source: Any, **options: Any) -> bytes:
    """The `.mgv` file of a source, without its sound."""
    return coded(source, audio=False, threads=1, **options)[0]


# `plain` and `full` hold invented planes, and no hash, which files need not have.
RECIPES: dict[str, Callable[[], bytes]] = {
    "plain-1.0.mgv": lambda: without_hash(write(PLAIN_HEADER, PLAIN_CONTENTS)),
    "full-1.0.mgv": lambda: without_hash(write(FULL_HEADER, FULL_CONTENTS)),
    "hashed-1.0.mgv": partial(encoded, CARPHONE, duration_s=0.6, scale="64x48", gop=9, quality=50),
    "tokens-1.0.mgv": partial(encoded, CARPHONE, duration_s=0.33, scale="64x48", gop=5, tokens=True),
    "smaller-1.0.mgv": partial(encoded, BUNNY, duration_s=0.68, scale="150x90", gop=9, quality=8),
    "checked-1.0.mgv": partial(encoded, CARPHONE, duration_s=0.16, scale="128x96", gop=5, quality=90),
}
INVENTED = {"plain-1.0.mgv", "full-1.0.mgv"}


def vector(name: str, data: bytes) -> dict[str, Any]:
    """What `conformance.json` says of a file."""
    found: dict[str, Any] = {"sha256": sha256(data).hexdigest()}
    if name not in INVENTED:
        found |= {"model": model_of_file(data), "gops": decoded(data)}
    return found


def main() -> None:
    """Write what is missing."""
    vectors = json.loads(VECTORS_FILE.read_text(encoding="utf-8")) if VECTORS_FILE.exists() else {}
    for name, make in RECIPES.items():
        path = FOLDER / name
        if not path.exists():
            path.write_bytes(make())
        if name not in vectors:
            vectors[name] = vector(name, path.read_bytes())
    VECTORS_FILE.write_text(json.dumps(vectors, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
