"""What has been measured once is not measured again: coded files, their figures and a picture, by content.

An entry is named by the hash of all that it depends on, so that nothing here is ever out of date; it can be thrown
away at any time. Every file appears whole or not at all, the figures last: an entry with figures is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nvcodec.benchmarks.results import Cost

from nvcodec.files import atomic_output

FOLDER_VARIABLE = "NVCODEC_BENCH_CACHE"


@dataclass(frozen=True)
class Coded:
    """A coded file: its size, and what coding and decoding it took."""

    bytes: int
    encode: Cost
    decode: Cost


def default_folder() -> Path:
    """$NVCODEC_BENCH_CACHE, or below the user's cache folder."""
    own = os.environ.get(FOLDER_VARIABLE)
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nvcodec" / "bench"


def key_of(facts: Mapping[str, Any]) -> str:
    """The name of what depends on `facts`, which are JSON."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class Cache:
    """Entries in a folder, which is made when the first is stored."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stream(self, key: str) -> Path:
        """The coded file."""
        return self._path(key, "stream")

    def png(self, key: str) -> Path:
        """A decoded picture."""
        return self._path(key, "png")

    def coded(self, key: str) -> Coded | None:
        """The figures of an entry; None where it is not complete or not readable."""
        values = self._read(key, "json")
        if values is None or not (self.stream(key).is_file() and self.png(key).is_file()):
            return None
        try:
            return Coded(values["bytes"], Cost(**values["encode"]), Cost(**values["decode"]))
        except (KeyError, TypeError):
            return None

    def store(self, key: str, coded: Coded, stream: Path, png: bytes) -> None:
        """Keep an entry."""
        self._write(self.stream(key), stream.read_bytes())
        self._write(self.png(key), png)
        self._write(self._path(key, "json"), json.dumps(asdict(coded)).encode())

    def metrics(self, key: str, version: str, names: Iterable[str]) -> dict[str, float] | None:
        """What a meter of that version found, of `names`; None where it has not measured the entry."""
        found = (self._read(key, "metrics.json") or {}).get(version)
        if not isinstance(found, dict):
            return None
        return {name: float(found[name]) for name in names if name in found}

    def store_metrics(self, key: str, version: str, values: Mapping[str, float]) -> None:
        """Keep what a meter found, beside what others did."""
        others = self._read(key, "metrics.json") or {}
        self._write(self._path(key, "metrics.json"), json.dumps({**others, version: dict(values)}).encode())

    def _path(self, key: str, suffix: str) -> Path:
        return self.folder / key[:2] / f"{key}.{suffix}"

    def _read(self, key: str, suffix: str) -> dict[str, Any] | None:
        try:
            values = json.loads(self._path(key, suffix).read_bytes())
        except (OSError, ValueError):
            return None
        return values if isinstance(values, dict) else None

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_output(path, force=True) as file:
            file.write(data)
