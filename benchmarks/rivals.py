"""What users would reach for instead: JPEG for a picture, x265 for a video, at good practical settings."""

from __future__ import annotations

import io
import subprocess
import tempfile
from pathlib import Path

import numpy as np

X265 = ("-c:v", "libx265", "-preset", "slow", "-tune", "psnr", "-pix_fmt", "yuv420p")
X265_PARAMS = "info=0:keyint=9999:min-keyint=9999:scenecut=0:log-level=error"


def jpeg(rgb: np.ndarray, quality: int) -> tuple[int, np.ndarray]:
    """Bytes of the smaller of a baseline and a progressive JPEG, 4:2:0, Huffman tables optimised; and the picture."""
    from PIL import Image

    files = []
    for progressive in (False, True):
        file = io.BytesIO()
        Image.fromarray(rgb).save(
            file, "JPEG", quality=quality, optimize=True, progressive=progressive, subsampling="4:2:0"
        )
        files.append(file.getvalue())
    smallest = min(files, key=len)
    return len(smallest), np.asarray(Image.open(io.BytesIO(smallest)).convert("RGB"))


def x265(source: Path, crf: float, folder: Path) -> Path:
    """The raw H.265 stream of a y4m file: preset slow, tuned for PSNR, one I-frame, no needless headers."""
    from imageio_ffmpeg import get_ffmpeg_exe

    out = Path(tempfile.mkstemp(suffix=".hevc", dir=folder)[1])
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(source), *X265]
    subprocess.run([*command, "-crf", str(crf), "-x265-params", X265_PARAMS, str(out)], check=True)
    return out
