"""From folders and shards of videos and photographs to prepared files: decoded once, at a few sizes, to be mapped.

A source becomes arrays `[T, 6, H/2, W/2]` of 8-bit 4:2:0, one .npy file a size, and a manifest beside them that
names them or says why there are none. All are known by the source's own bytes, so that neither its folder or shard nor
the machine matters, two files of one name are two, and a video found twice is prepared once. Of several processes each
prepares every so manieth source.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nvcodec.errors import NvcodecError
from nvcodec.media import MediaReader, Picture
from nvcodec.media.packing import pack
from nvcodec.train.processes import place, wait_for_all
from nvcodec.train.sources import Source, kind, known_by, readable, sources_at

log = logging.getLogger(__name__)

HEIGHTS = (720, 480, 360, 240, 160)  # sizes kept of every source, none above its own
MAX_PIXELS = 1280 * 720
MIN_SIDE = 128


@dataclass(frozen=True)
class Prepared:
    """What became of a source: its files, or the error for which there are none."""

    files: tuple[str, ...]
    error: str | None = None


def warn(source: Source, error: str) -> None:
    """Says in the log that a source was left out."""
    log.warning("left out %s: %s", source, error)


def prepare(
    places: list[Path],
    folder: Path,
    leave_out: Callable[[Source, str], None] = warn,
    heights: tuple[int, ...] = HEIGHTS,
) -> list[Path]:
    """Decode every video and still at `places` (`sources_at`) into `folder`; the files, in a stable order.

    A source that cannot be read, or only in part, is reported to `leave_out` and left out. What is there is not
    made again. Every process of a run calls this, and all get the same.
    """
    found = sources_at(places)
    folder.mkdir(parents=True, exist_ok=True)
    manifests = _manifests(found, folder, heights)
    once = dict(zip(reversed(manifests), reversed(found), strict=True))  # of the same bytes twice, the first
    rank, processes = place()
    for manifest in sorted(once)[rank::processes]:
        _prepare_one(once[manifest], manifest, heights)
    wait_for_all()
    made: dict[str, None] = {}
    for source, manifest in zip(found, manifests, strict=True):
        prepared = _read_manifest(manifest)
        if prepared is None or prepared.error is not None:
            leave_out(source, "it is gone" if prepared is None else str(prepared.error))
        else:
            made |= dict.fromkeys(prepared.files)
    return [folder / name for name in made]


def _manifests(sources: list[Source], folder: Path, heights: tuple[int, ...]) -> list[Path]:
    """The manifest of each source: the one that is there of its bytes, whatever they were called then, or a new one."""
    sizes = "" if heights == HEIGHTS else "-" + "-".join(map(str, heights))
    there: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.glob(f"*{sizes}.json")):
        what, _, name = path.name.partition("-")
        there.setdefault((what, name.removesuffix(f"{sizes}.json").rpartition("-")[2]), path)
    out: list[Path] = []
    for source in sources:
        known = known_by(source)
        new = folder / f"{kind(source)}-{source.stem}-{known}{sizes}.json"
        out.append(there.setdefault((kind(source), known), new))
    return out


def _read_manifest(path: Path) -> Prepared | None:
    """What a manifest says; None for one that is not there, or whose files are not."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        prepared = Prepared(tuple(values["files"]), values["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return prepared if all((path.parent / name).is_file() for name in prepared.files) else None


def _prepare_one(source: Source, manifest: Path, heights: tuple[int, ...]) -> None:
    there = _read_manifest(manifest)
    if there is not None and there.error is None:
        return
    try:
        prepared = Prepared(tuple(_decode_all(source, manifest, heights)))
    except (NvcodecError, ValueError, OSError) as error:
        prepared = Prepared((), " ".join(str(error).split()))
    text = json.dumps({"source": source.name, "files": prepared.files, "error": prepared.error})
    partial = manifest.with_suffix(f".{os.getpid()}.partial")  # two equal files may be prepared at once
    partial.write_text(text, encoding="utf-8")
    partial.replace(manifest)


def _decode_all(source: Source, manifest: Path, heights: tuple[int, ...]) -> Iterator[str]:
    """Decode at every size, into files beside the manifest; gives their names."""
    with readable(source) as media, MediaReader(media, audio=False) as reader:
        width, height = reader.video.width, reader.video.height
    sizes = [h for h in heights if h <= height and min(h, h * width // height) >= MIN_SIDE] or [height]
    for rows in sizes:
        columns = round(width * rows / height)
        if rows * columns > MAX_PIXELS * 1.01:
            continue
        out = manifest.with_name(f"{manifest.stem}-{rows}.npy")
        if not out.exists():
            _decode(source, out, columns // 2 * 2, rows // 2 * 2)
        yield out.name


def _decode(source: Source, out: Path, width: int, height: int) -> None:
    """Frame by frame to a .npy file, so that no video is too long for the memory."""
    shape = (6, height // 2, width // 2)
    partial = out.with_suffix(f".{os.getpid()}.partial")
    try:
        with (
            partial.open("wb") as file,
            readable(source) as media,
            MediaReader(media, audio=False, scale=f"{width}x{height}") as reader,
        ):
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
