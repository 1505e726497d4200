"""What `nvcodec bench` has measured: plain values, and their JSON, from which reports are made."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

SCHEMA = 1
OURS = "nvcodec"  # the family of this project's own coders


@dataclass(frozen=True)
class Clip:
    """A clip as every coder got it: 8-bit 4:2:0 at one size. `sha256` is of these samples."""

    name: str
    sha256: str
    width: int
    height: int
    frames: int
    frame_rate: float  # frames a second

    @property
    def pixels(self) -> int:
        """Luma samples of all frames together: what bits per pixel are counted over."""
        return self.width * self.height * self.frames


@dataclass(frozen=True)
class Coder:
    """One way of coding: a curve in the plots.

    `family` is what `--against` names (hevc, vvc, av1, h264) or OURS; `series` how it may refer in time: "long" (one
    I-frame), "random-access" (nvcodec's GOP) or "low-delay"; `tuned` for "psnr" or for "eyes" (the encoder's own
    perceptual defaults); `scale` the share of width and height it codes at before scaling back.
    """

    key: str  # unique, for example "x265-slow-psnr-long"
    label: str  # for people, for example "x265 slow"
    family: str
    version: str
    series: str
    tuned: str
    arguments: tuple[str, ...]  # the encoder's, in full, {quality} standing for the setting
    scale: float = 1.0


@dataclass(frozen=True)
class Cost:
    """What a run took."""

    seconds: float
    peak_bytes: int
    threads: int


@dataclass(frozen=True)
class Measurement:
    """One coded file, or, with an `error`, the reason why there is none."""

    clip: str  # a Clip's name
    coder: str  # a Coder's key
    setting: float  # -q, CRF or QP
    bytes: int = 0
    bits_per_pixel: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)  # by name, see `metrics/`; absent where not measured
    encode: Cost | None = None
    decode: Cost | None = None
    error: str | None = None


@dataclass(frozen=True)
class Results:
    """A whole run."""

    date: str  # ISO 8601
    machine: str
    versions: dict[str, str]  # of nvcodec, its weights (SHA-256), ffmpeg, metrics' packages
    clips: tuple[Clip, ...]
    coders: tuple[Coder, ...]
    measurements: tuple[Measurement, ...]

    def curve(self, clip: str, coder: str, metric: str) -> list[tuple[float, float]]:
        """(bits per pixel, metric) of a coder's files of a clip that have the metric, by rate."""
        return sorted(
            (m.bits_per_pixel, m.metrics[metric])
            for m in self.measurements
            if (m.clip, m.coder) == (clip, coder) and metric in m.metrics
        )

    def up_to(self, rate: float) -> Results:
        """The same without the files of more than `rate` bits per pixel."""
        return replace(self, measurements=tuple(m for m in self.measurements if m.bits_per_pixel <= rate))

    def to_json(self) -> str:
        """The text of `results.json`. An infinite metric, for which JSON has no number, is the text "inf"."""
        values = asdict(self)
        for measurement in values["measurements"]:
            measurement["metrics"] = {
                name: value if math.isfinite(value) else str(value) for name, value in measurement["metrics"].items()
            }
        return json.dumps({"schema": SCHEMA, **values}, indent=1, allow_nan=False) + "\n"


def read_results(path: Path) -> Results:
    """`results.json` as it was written. ValueError for another schema."""
    values: dict[str, Any] = json.loads(path.read_text())
    if values.pop("schema", None) != SCHEMA:
        raise ValueError(f"{path} is not the result of this version of nvcodec bench")
    return Results(
        **{key: values[key] for key in ("date", "machine", "versions")},
        clips=tuple(Clip(**clip) for clip in values["clips"]),
        coders=tuple(Coder(**{**coder, "arguments": tuple(coder["arguments"])}) for coder in values["coders"]),
        measurements=tuple(_measurement(m) for m in values["measurements"]),
    )


def _measurement(values: dict[str, Any]) -> Measurement:
    costs = {key: None if values[key] is None else Cost(**values[key]) for key in ("encode", "decode")}
    metrics = {name: float(value) for name, value in values["metrics"].items()}
    return Measurement(**{**values, **costs, "metrics": metrics})
