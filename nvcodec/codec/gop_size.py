"""How long a GOP may be. Its levels are kept in memory whole, so large pictures mean short GOPs.

A cell is one position of one latent frame: 8 × 8 pixels, 1 or 4 frames, one level for each latent dimension. What
a reader believes by default (`nvcodec.bitstream.Limits`) is the most that is written.
"""

from __future__ import annotations

from nvcodec.bitstream import Limits, cells
from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.frames import GRID, padded_size
from nvcodec.tokenizer.motion import STEP_FRAMES

DEFAULT_FRAMES = 97
MAX_FRAMES = 1021  # the longest 1 + 4k that the container takes
USUAL_CELLS = 1 << 19  # whole GOPs of 97 frames up to 1280×720, 61 frames at 1920×1080, 13 at 3840×2160


def grid_size(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of positions, (h, w), of pictures of that size."""
    wide, high = padded_size(width, height)
    return high // GRID, wide // GRID


def gop_frames(width: int, height: int, wanted: int | None) -> int:
    """Frames of the GOPs of a video: `wanted`, or as many as are usual. NvcodecError when that can't be."""
    positions = cells(width, height, 1)
    longest = min(MAX_FRAMES, 1 + STEP_FRAMES * (Limits().cells_per_gop // positions - 1))
    if wanted is None:
        usual = max(2, USUAL_CELLS // positions)  # large pictures, too, lean on the one before
        return min(DEFAULT_FRAMES, 1 + STEP_FRAMES * (usual - 1), longest)
    if wanted < 1 or (wanted - 1) % STEP_FRAMES:
        below = max(1, wanted - (wanted - 1) % STEP_FRAMES)
        nearest = f"{below} or {below + STEP_FRAMES}" if wanted > 1 else "1"
        raise NvcodecError(f"a GOP has 1 + {STEP_FRAMES}k frames, not {wanted}; the nearest is {nearest}")
    if wanted > longest:
        raise NvcodecError(f"a GOP of {width}x{height} pictures has at most {longest} frames, not {wanted}")
    return wanted
