"""Hypothesis strategies for everything a file can hold."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise

from hypothesis import strategies as st
from nvcodec.bitstream import GopChunk, PacketRecord, StreamHeader, TrackHeader

times = st.integers(-(2**61), 2**61)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
fractions = st.builds(Fraction, st.integers(1, 2**32), st.integers(1, 2**32))
codes = st.integers(0, 255)

tracks = st.builds(
    TrackHeader,
    kind=st.sampled_from(["audio", "subtitle"]),
    codec=texts,
    time_base=fractions,
    extradata=st.binary(max_size=20),
    parameters=st.dictionaries(texts, texts | times, max_size=4),
    language=texts,
    title=texts,
    default=st.booleans(),
)

headers = st.builds(
    StreamHeader,
    width=st.integers(1, 16384),
    height=st.integers(1, 16384),
    time_base=fractions,
    model_id=st.binary(min_size=16, max_size=16),
    frame_rate=st.none() | fractions,
    sample_aspect_ratio=fractions,
    rotation=st.integers(-360, 360),
    chroma=st.sampled_from(["400", "420", "422", "444"]),
    bit_depth=st.integers(8, 16),
    primaries=codes,
    transfer=codes,
    matrix=codes,
    full_range=st.booleans(),
    chroma_location=codes,
    interlaced=st.booleans(),
    profile=st.integers(0, 2**32),
    tokens=st.booleans(),
    tracks=st.lists(tracks, max_size=3).map(tuple),
    tags=st.dictionaries(texts, texts, max_size=3),
)

# Steps between frames: any, all alike, or a rate rounded to a coarse clock.
varying_steps = st.lists(st.integers(1, 2**40), max_size=30)
constant_steps = st.builds(lambda step, count: [step] * count, st.integers(1, 2**40), st.integers(0, 30))


@st.composite
def rounded_steps(draw: st.DrawFn) -> list[int]:
    den = draw(st.integers(1, 2000))
    num, phase = draw(st.integers(den, 100 * den)), draw(st.integers(0, den - 1))
    points = [(i * num + phase) // den for i in range(draw(st.integers(1, 40)))]
    return [after - before for before, after in pairwise(points)]


increasing_times = st.builds(
    lambda first, steps: tuple(accumulate(steps, initial=first)),
    times,
    varying_steps | constant_steps | rounded_steps(),
)

gops = st.builds(
    GopChunk,
    pts=increasing_times,
    duration=st.integers(0, 2**40),
    quality=codes,
    first_quality=codes,
    plane_counts=st.lists(st.integers(0, 15), max_size=9).map(bytes),
    planes_crc=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=50),
    halvings=st.integers(0, 7),
)

packets = st.builds(
    PacketRecord,
    track=st.integers(0, 20),
    pts=st.none() | times | st.integers(-3, 3),
    dts=st.none() | times | st.integers(-3, 3),
    duration=st.integers(0, 2**40) | st.integers(0, 1),
    keyframe=st.booleans(),
    data=st.binary(max_size=10),
)
