"""Which FFmpeg programs are here, for what the libraries inside of PyAV cannot do: the one of imageio-ffmpeg first."""

from __future__ import annotations

import shutil
from contextlib import suppress
from importlib.util import find_spec

INSTALL = "pip install 'nvcodec[bench]'"  # brings one


def ffmpeg_programs() -> list[str]:
    """Where there is a program, the one to prefer first."""
    paths = []
    if find_spec("imageio_ffmpeg") is not None:
        from imageio_ffmpeg import get_ffmpeg_exe

        with suppress(RuntimeError):  # a package without a program, as on systems it has none for
            paths.append(get_ffmpeg_exe())
    on_path = shutil.which("ffmpeg")
    return list(dict.fromkeys([*paths, *([on_path] if on_path else [])]))
