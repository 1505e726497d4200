"""From folders of videos and photographs to prepared files: decoded once, at a few sizes, for training to map.

A source becomes arrays `[T, 6, H/2, W/2]` of 8-bit 4:2:0, one .npy file a size, and a manifest beside them that
names them or says why there are none. All are named by the source's own bytes, so that neither its folder nor the
machine matters, and two files of one name are two. Of several processes each prepares every so manieth source.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.media import MediaReader, Picture
from nvcodec.train.processes import place, wait_for_all

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = {".mp4", ".avi", ".mkv", ".webm", ".mov", ".y4m"}
STILL_SUFFIXES = {".jpg", ".jpeg", ".png"}
HEIGHTS = (720, 480, 360, 240, 160)  # sizes kept of every source, none above its own
MAX_PIXELS = 1280 * 720
MIN_SIDE = 128
ENDS = 1 << 16  # bytes at either end of a file, by which, with its length, it is known


@dataclass(frozen=True)
class Prepared:
    """What became of a source: its files, or the error for which there are none."""

    files: tuple[str, ...]
    error: str | None = None


def pack(y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """4:2:0 planes of even size to `[6, H/2, W/2]`: the four luma phases, U, V."""
    return np.stack([y[0::2, 0::2], y[0::2, 1::2], y[1::2, 0::2], y[1::2, 1::2], u, v])


def to_frames(packed: Tensor) -> Tensor:
    """Packed 8-bit samples `[6, …]` to the tokenizer's floats: luma − ½, and twice chroma − ½ (H.273 mid grey).

    A chroma sample stands for four pixels, so the factor two makes the squared error of the six channels
    weigh as it does in RGB (BT.601: R and B differ from Y by 1.402 and 1.772 times a chroma difference).
    """
    x = packed.float() / 255
    return torch.cat([x[:4] - 0.5, 2 * (x[4:] - 128 / 255)])


def warn(source: Path, error: str) -> None:
    """Says in the log that a source was left out."""
    log.warning("left out %s: %s", source.name, error)


def sources_below(folders: list[Path]) -> list[Path]:
    """Every video and still in `folders` and the folders in them, in a stable order."""
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return sorted({path for path in found if path.suffix.lower() in VIDEO_SUFFIXES | STILL_SUFFIXES})


def overlap(folders: list[Path], others: list[Path]) -> Path | None:
    """A source that is below both, however its path is written; None if there is none."""
    real = {path.resolve() for path in sources_below(folders)}
    return next((path for path in sources_below(others) if path.resolve() in real), None)


def prepare(
    sources: list[Path],
    folder: Path,
    leave_out: Callable[[Path, str], None] = warn,
    heights: tuple[int, ...] = HEIGHTS,
) -> list[Path]:
    """Decode every video and still below the folders `sources` into `folder`; the files, in a stable order.

    A source that cannot be read, or only in part, is reported to `leave_out` and left out. What is there is not
    made again. Every process of a run calls this, and all get the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = sources_below(sources)
    rank, processes = place()
    for source in found[rank::processes]:
        _prepare_one(source, folder, heights)
    wait_for_all()
    made: dict[str, None] = {}  # of the same picture twice, one
    for source in found:
        prepared = _read_manifest(_manifest(source, folder, heights))
        if prepared is None or prepared.error is not None:
            leave_out(source, "it is gone" if prepared is None else str(prepared.error))
        else:
            made |= dict.fromkeys(prepared.files)
    return [folder / name for name in made]


def _kind(source: Path) -> str:
    return "video" if source.suffix.lower() in VIDEO_SUFFIXES else "still"


def _manifest(source: Path, folder: Path, heights: tuple[int, ...]) -> Path:
    try:
        known_by = _fingerprint(source)
    except OSError:
        known_by = "unread-" + hashlib.sha256(str(source).encode()).hexdigest()[:12]
    sizes = "" if heights == HEIGHTS else "-" + "-".join(map(str, heights))
    return folder / f"{_kind(source)}-{source.stem}-{known_by}{sizes}.json"


def _fingerprint(source: Path) -> str:
    """What a file is known by: its length and its two ends, hashed."""
    size = source.stat().st_size
    with source.open("rb") as file:
        head = file.read(ENDS)
        file.seek(max(0, size - ENDS))
        tail = file.read(ENDS)
    return hashlib.sha256(size.to_bytes(8, "little") + head + tail).hexdigest()[:12]


def _read_manifest(path: Path) -> Prepared | None:
    """What a manifest says; None for one that is not there, or whose files are not."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        prepared = Prepared(tuple(values["files"]), values["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return prepared if all((path.parent / name).is_file() for name in prepared.files) else None


def _prepare_one(source: Path, folder: Path, heights: tuple[int, ...]) -> None:
    manifest = _manifest(source, folder, heights)
    there = _read_manifest(manifest)
    if there is not None and there.error is None:
        return
    try:
        prepared = Prepared(tuple(_decode_all(source, manifest.stem, folder, heights)))
    except (NvcodecError, ValueError, OSError) as error:
        prepared = Prepared((), " ".join(str(error).split()))
    text = json.dumps({"source": source.name, "files": prepared.files, "error": prepared.error})
    partial = manifest.with_suffix(f".{os.getpid()}.partial")  # two equal files may be prepared at once
    partial.write_text(text, encoding="utf-8")
    partial.replace(manifest)


def _decode_all(source: Path, stem: str, folder: Path, heights: tuple[int, ...]) -> Iterator[str]:
    """Decode at every size; gives the names of the files."""
    with MediaReader(source, audio=False) as reader:
        width, height = reader.video.width, reader.video.height
    sizes = [h for h in heights if h <= height and min(h, h * width // height) >= MIN_SIDE] or [height]
    for rows in sizes:
        columns = round(width * rows / height)
        if rows * columns > MAX_PIXELS * 1.01:
            continue
        out = folder / f"{stem}-{rows}.npy"
        if not out.exists():
            _decode(source, out, columns // 2 * 2, rows // 2 * 2)
        yield out.name


def _decode(source: Path, out: Path, width: int, height: int) -> None:
    """Frame by frame to a .npy file, so that no video is too long for the memory."""
    shape = (6, height // 2, width // 2)
    partial = out.with_suffix(f".{os.getpid()}.partial")
    try:
        with partial.open("wb") as file, MediaReader(source, audio=False, scale=f"{width}x{height}") as reader:
            shift, count = reader.video.bit_depth - 8, 0
            _write_header(file, (0, *shape))
            for item in reader.items():
                if isinstance(item, Picture):
                    planes = ((plane >> shift).astype(np.uint8) for plane in (item.y, item.u, item.v))
                    file.write(pack(*planes).tobytes())
                    count += 1
            if not count:
                raise ValueError("it has no picture")
            file.seek(0)
            _write_header(file, (count, *shape))
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _write_header(file: Any, shape: tuple[int, ...]) -> None:
    """The header of a .npy file, of one length however many frames there are (NumPy leaves room for growth)."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
