"""A run of the benchmark: every clip through every coder at every setting, measured, kept, and given as `Results`."""

from __future__ import annotations

import datetime
import importlib.metadata
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from nvcodec.benchmarks.axes import axis_of
from nvcodec.benchmarks.cache import Cache, Coded, key_of
from nvcodec.benchmarks.clips import Prepared, names_of, prepare
from nvcodec.benchmarks.coders.ffmpeg import Ffmpeg
from nvcodec.benchmarks.coders.ours import code_version, weights_sha256
from nvcodec.benchmarks.coders.process import Programs
from nvcodec.benchmarks.coders.table import RANDOM_ACCESS
from nvcodec.benchmarks.coders.way import Way
from nvcodec.benchmarks.machine import machine_name, places, processors
from nvcodec.benchmarks.metrics import NAMES, Meter, Pair, meters
from nvcodec.benchmarks.plan import Plan, ffmpeg_for, settings_of, usual_gop, ways_of
from nvcodec.benchmarks.report.wipe import SOURCE
from nvcodec.benchmarks.results import Clip, Measurement, Results

from nvcodec.errors import NvcodecError

ENTRY = 1  # of the cache: another number for files made in another way


@dataclass(frozen=True)
class Progress:
    """`done` of `total` files, the last of which was `label`'s of `clip`."""

    done: int
    total: int
    clip: str
    label: str


Watcher = Callable[[Progress], None]


@dataclass(frozen=True)
class Frames:
    """The frame in the middle of originals and decoded files, as PNG: a report's `FrameSource`."""

    originals: dict[str, bytes]
    decoded: dict[tuple[str, str, float], Path]

    def __call__(self, clip: str, coder: str, setting: float) -> bytes | None:
        """None where there is none."""
        if coder == SOURCE:
            return self.originals.get(clip)
        path = self.decoded.get((clip, coder, setting))
        return path.read_bytes() if path is not None and path.is_file() else None


@dataclass(frozen=True)
class Run:
    """What came of it. `notes`: what was left out, and why."""

    results: Results
    frames: Frames
    notes: tuple[str, ...]


def run(plan: Plan, cache: Cache, watch: Watcher | None = None) -> Run:
    """Measure.

    What the cache holds is taken from there, so that a run which was broken off goes on, and one that is repeated
    is over at once. A file that cannot be made or measured has its reason in the results; what is wrong with all of
    the plan is an NvcodecError before anything is coded.
    """
    ffmpeg = ffmpeg_for(plan)
    threads = plan.threads or max(1, len(processors()) // plan.jobs)
    programs = Programs(places(plan.jobs, threads))
    chosen = meters(plan.metrics, ffmpeg, programs, threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = names_of(plan.clips)
        clips = [
            prepare(source, folder, name, plan.scale, plan.frames)
            for source, name in zip(plan.clips, names, strict=True)
        ]
        wanted = [metric for meter in chosen.meters for metric in meter.names if metric in (plan.metrics or NAMES)]
        tunings = {axis_of(metric).tuned for metric in wanted}
        ways = ways_of(plan, [each.clip for each in clips], ffmpeg, programs, threads, tunings)
        gop = usual_gop([each.clip for each in clips])
        pairs = [
            (clip, way) for clip in clips for way in ways if way.coder.series != RANDOM_ACCESS or clip.clip.frames > gop
        ]
        bench = _Bench(plan, cache, chosen.meters, tuple(wanted), folder, _Count(plan, pairs, watch))
        measured = _all(bench, pairs, programs)
        originals = {each.clip.name: each.middle_png(each.yuv) for each in clips}
    coders = [way.coder for way in ways if any(way is other for _, other in pairs)]
    results = Results(
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        machine=f"{machine_name()}; {plan.jobs} at a time with {threads} thread{'s' * (threads != 1)}",
        versions=_versions(plan, ffmpeg),
        clips=tuple(each.clip for each in clips),
        coders=tuple(coders),
        measurements=tuple(measurement for walk in measured for measurement in walk),
    )
    notes = [f"{', '.join(absent.names)} left out: {absent.reason}" for absent in chosen.absent]
    return Run(results, Frames(originals, bench.pngs), (*notes, *_short(plan, clips, gop)))


def _all(bench: _Bench, pairs: Sequence[tuple[Prepared, Way]], programs: Programs) -> list[list[Measurement]]:
    """The walks of all pairs, as many at a time as the plan says, in the order of the pairs."""
    with ThreadPoolExecutor(bench.plan.jobs) as pool:
        try:
            walks = [pool.submit(lambda pair: list(bench.walk(*pair)), pair) for pair in pairs]
            for walk in as_completed(walks):
                walk.result()
        except BaseException:  # Ctrl-C most of all: the programs must not outlive us
            programs.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [walk.result() for walk in walks]


class _Count:
    """Tells the watcher how far the run has come."""

    def __init__(self, plan: Plan, pairs: Sequence[tuple[Prepared, Way]], watch: Watcher | None) -> None:
        self._watch, self._lock, self._done = watch, threading.Lock(), 0
        self._total = sum(len(settings_of(plan, way)[0]) for _, way in pairs)

    def add(self, files: int, clip: Clip, way: Way) -> None:
        """So many more need no work any more."""
        with self._lock:
            self._done += files
            if self._watch is not None:
                self._watch(Progress(self._done, self._total, clip.name, way.coder.label))


class _Bench:
    """Measures one file after another; several threads may."""

    def __init__(
        self,
        plan: Plan,
        cache: Cache,
        meters: Sequence[Meter],
        wanted: tuple[str, ...],
        folder: Path,
        count: _Count,
    ) -> None:
        self.plan = plan
        self.pngs: dict[tuple[str, str, float], Path] = {}
        self._cache, self._meters, self._wanted, self._folder, self._count = cache, meters, wanted, folder, count
        self._machine = machine_name()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def walk(self, clip: Prepared, way: Way) -> Iterator[Measurement]:
        """A coder's files of a clip, from the lowest rate up until nobody would want more."""
        settings, limit = settings_of(self.plan, way)
        for number, setting in enumerate(settings, start=1):
            measurement = self._measure(clip, way, setting)
            yield measurement
            if limit is not None and measurement.bits_per_pixel > limit:
                self._count.add(1 + len(settings) - number, clip.clip, way)
                return
            self._count.add(1, clip.clip, way)

    def _measure(self, clip: Prepared, way: Way, setting: float) -> Measurement:
        key = key_of(self._facts(clip, way, setting))
        try:
            with self._locks[key], tempfile.TemporaryDirectory(dir=self._folder) as name:
                decoded = Path(name) / "decoded.yuv"
                coded = self._cache.coded(key) or self._code(key, clip, way, setting, decoded)
                metrics = self._metrics(key, clip, way, decoded)
        except NvcodecError as error:
            return Measurement(clip.clip.name, way.coder.key, setting, error=str(error))
        self.pngs[clip.clip.name, way.coder.key, setting] = self._cache.png(key)
        return Measurement(
            clip=clip.clip.name,
            coder=way.coder.key,
            setting=setting,
            bytes=coded.bytes,
            bits_per_pixel=8 * coded.bytes / clip.clip.pixels,
            metrics=metrics,
            encode=coded.encode,
            decode=coded.decode,
        )

    def _facts(self, clip: Prepared, way: Way, setting: float) -> dict[str, object]:
        """All that a file, and what it takes to make it, depend on."""
        return {
            "entry": ENTRY,
            "samples": [clip.clip.sha256, clip.clip.width, clip.clip.height, clip.clip.frames, str(clip.rate)],
            "coder": [way.coder.version, way.coder.arguments],
            "setting": setting,
            "machine": [self._machine, self.plan.jobs],
        }

    def _code(self, key: str, clip: Prepared, way: Way, setting: float, decoded: Path) -> Coded:
        stream = decoded.with_name("stream")
        encode = way.encode(clip, setting, stream)
        coded = Coded(stream.stat().st_size, encode, way.decode(stream, clip, decoded))
        self._cache.store(key, coded, stream, clip.middle_png(decoded))
        return coded

    def _metrics(self, key: str, clip: Prepared, way: Way, decoded: Path) -> dict[str, float]:
        """From the cache; what is not there is measured, for which the file is decoded once more if need be."""
        values: dict[str, float] = {}
        for meter in self._meters:
            version = f"{meter.names[0]} {meter.version}"
            found = self._cache.metrics(key, version, meter.names)
            if found is None:
                if not decoded.exists():
                    way.decode(self._cache.stream(key), clip, decoded)
                found = meter.measure(Pair(clip, decoded))
                self._cache.store_metrics(key, version, found)
            values |= found
        return {name: value for name, value in values.items() if name in self._wanted}


def _versions(plan: Plan, ffmpeg: Ffmpeg) -> dict[str, str]:
    return {
        "nvcodec": code_version(),
        f"weights {plan.model}": weights_sha256(plan.model),
        "PyTorch": importlib.metadata.version("torch"),
        "FFmpeg": ffmpeg.version,
        "bjontegaard": importlib.metadata.version("bjontegaard"),
    }


def _short(plan: Plan, clips: Sequence[Prepared], gop: int) -> list[str]:
    """Clips that are no random-access series of."""
    if RANDOM_ACCESS not in plan.series:
        return []
    short = [each.clip.name for each in clips if each.clip.frames <= gop]
    return [f"{RANDOM_ACCESS} left out for {name}: one group of {gop} frames holds all of it" for name in short]
