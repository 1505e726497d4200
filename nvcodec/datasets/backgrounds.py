"""Photographs as backgrounds: those that scikit-learn and scikit-image ship in their packages, and folders of more."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from nvcodec.errors import UnsupportedInput
from nvcodec.media.formats import STILL_SUFFIXES

# Photographs in the packages themselves, in colour first; the functions that load others download them.
SHIPPED = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "skimage": tuple(
        f"data/{name}"
        for name in (
            "astronaut.png",
            "chelsea.png",
            "coffee.png",
            "rocket.jpg",
            "motorcycle_left.png",
            "hubble_deep_field.jpg",
            "ihc.png",
            "camera.png",
            "brick.png",
            "grass.png",
            "gravel.png",
            "coins.png",
        )
    ),
}
ZOOMS = (1.25, 1.8, 2.6, 3.8)  # shorter side of a photograph, in widths of a clip


@dataclass(frozen=True)
class Background:
    """A photograph at several sizes, each `[H, W, 3]` uint8 RGB, and the name and hash that it is listed by."""

    name: str
    sha256: str
    sizes: tuple[np.ndarray, ...]


def shipped_photographs() -> list[Path]:
    """The photographs of the packages that are installed here."""
    found = []
    for package, names in SHIPPED.items():
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            found += [Path(spec.origin).parent / name for name in names]
    return [path for path in found if path.is_file()]


def photographs_below(folder: Path) -> list[Path]:
    """Every JPEG and PNG file in `folder` and the folders in it, in a stable order.

    Raises UnsupportedInput when there is no such folder or none in it.
    """
    if not folder.is_dir():
        raise UnsupportedInput(f"{folder}: there is no such folder")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in STILL_SUFFIXES and path.is_file())
    if not found:
        raise UnsupportedInput(f"{folder} has no photographs (.jpg, .jpeg or .png)")
    return found


def load_background(path: Path, size: int) -> Background:
    """The photograph at sizes from which clips `size` pixels a side are cut; UnsupportedInput for what is none."""
    from skimage.io import imread
    from skimage.transform import downscale_local_mean, resize

    try:
        pixels = np.asarray(imread(path))
        data = path.read_bytes()
    except (OSError, ValueError, SyntaxError) as error:  # a broken PNG is a SyntaxError
        raise UnsupportedInput(f"{path} is not a picture that can be read") from error
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype != np.uint8:
        raise UnsupportedInput(f"{path} is not a picture of 8 bits a sample in grey or colour")
    pixels = pixels[..., :3]
    factor = max(1, int(min(pixels.shape[:2]) / (ZOOMS[-1] * size)))
    pixels = downscale_local_mean(pixels, (factor, factor, 1))  # most of the way, for it is fast
    sizes = []
    for zoom in ZOOMS:
        shape = tuple(max(size, round(side * zoom * size / min(pixels.shape[:2]))) for side in pixels.shape[:2])
        scaled = resize(pixels, shape, order=1, anti_aliasing=True, preserve_range=True)
        sizes.append(np.clip(np.rint(np.asarray(scaled)), 0, 255).astype(np.uint8))
    return Background(path.name, hashlib.sha256(data).hexdigest(), tuple(sizes))
