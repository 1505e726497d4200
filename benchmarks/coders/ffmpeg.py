"""Which FFmpeg runs the rivals and measures: the one of imageio-ffmpeg, or else the one on the PATH."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nvcodec.errors import NvcodecError
from nvcodec.media.ffmpeg_program import INSTALL, ffmpeg_programs

# How each library names its version, in FFmpeg's messages or in the stream.
VERSIONS = {
    "libx264": r"x264 - core (\d+)",
    "libx265": r"HEVC encoder version (\S+)",
    "libvvenc": r"libvvenc version: (\S+)",
    "libsvtav1": r"SVT-AV1 Encoder Lib v?(\S+)",
}


class FfmpegMissing(NvcodecError):
    """No FFmpeg is here, or none that has what is needed."""


@dataclass(frozen=True)
class Ffmpeg:
    """A program, and the names of what it can do."""

    path: str
    version: str
    encoders: frozenset[str]
    decoders: frozenset[str]
    filters: frozenset[str]

    def lacks(self, encoders: Collection[str], decoders: Collection[str]) -> list[str]:
        """What of these it does not have, in words."""
        missing = [f"the encoder {name}" for name in encoders if name not in self.encoders]
        return missing + [f"the decoder {name}" for name in decoders if name not in self.decoders]


def find_ffmpeg(encoders: Collection[str] = (), decoders: Collection[str] = ()) -> Ffmpeg:
    """The first FFmpeg that has all of these. FfmpegMissing says what each of those that are here lacks."""
    found = [describe(path) for path in ffmpeg_programs()]
    if not found:
        raise FfmpegMissing(f"nvcodec bench needs an ffmpeg, and there is none: {INSTALL} brings one")
    for ffmpeg in found:
        if not ffmpeg.lacks(encoders, decoders):
            return ffmpeg
    faults = "; ".join(f"{f.path} lacks {', '.join(f.lacks(encoders, decoders))}" for f in found)
    raise FfmpegMissing(f"{faults} ({INSTALL} brings one for most systems; or leave the codec out of --against)")


@cache
def describe(path: str) -> Ffmpeg:
    """What the program at `path` can do. FfmpegMissing when it does not run."""
    version = re.match(r"ffmpeg version (\S+)", _said(path, "-version"))
    if version is None:
        raise FfmpegMissing(f"{path} does not say that it is FFmpeg")
    return Ffmpeg(
        path,
        version[1],
        *(_names(_said(path, f"-{kind}")) for kind in ("encoders", "decoders", "filters")),
    )


@cache
def library_version(path: str, library: str) -> str:
    """The version of an encoder library in the program at `path`, found by letting it code a picture."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        picture = ("-f", "lavfi", "-i", "color=gray:size=128x128", "-frames:v", "1")
        muxer = ("-f", "rawvideo")  # as the packets are
        command = [path, "-hide_banner", "-v", "info", *picture, "-c:v", library, *muxer, str(out)]
        said = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        stream = out.read_bytes() if out.exists() else b""
    match = re.search(VERSIONS[library].encode(), said.stderr + said.stdout + stream)
    return match[1].decode() if match else "of unknown version"


def _said(path: str, option: str) -> str:
    try:
        return subprocess.run(
            [path, "-hide_banner", option], capture_output=True, text=True, errors="replace", check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise FfmpegMissing(f"{path} cannot be run: {error}") from error


def _names(listing: str) -> frozenset[str]:
    """Second words of lines that begin with flags, as in " V....D libx265   libx265 H.265"."""
    return frozenset(re.findall(r"^ [A-Z.]{2,7} +([\w-]+) ", listing, re.MULTILINE))
