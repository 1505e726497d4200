"""Files as a whole: what is written is what is read, through pipes too, and by the specification's reader."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvcodec.bitstream import (
    BitstreamError,
    ContainerReader,
    ContainerWriter,
    GopChunk,
    IndexEntry,
    Limits,
    PacketChunk,
    PacketRecord,
    StreamHeader,
    TrackHeader,
    verify,
)
from nvcodec.bitstream.gop import decode_gop, encode_gop
from nvcodec.bitstream.header import decode_header, encode_header
from nvcodec.bitstream.tracks import decode_packets, encode_packets

from . import strategies
from .samples import FULL_CONTENTS, FULL_HEADER, PLAIN_CONTENTS, PLAIN_HEADER, Contents, read, write
from .second_reader import read_file

LIMITS = Limits()
BOTH = pytest.mark.parametrize(
    ("header", "contents"),
    [(PLAIN_HEADER, PLAIN_CONTENTS), (FULL_HEADER, FULL_CONTENTS)],
    ids=["plain", "full"],
)


class Pipe:
    """A file that can be read or written front to back, a few bytes at a time, and nothing else."""

    def __init__(self, data: bytes = b"", step: int = 3) -> None:
        self.data, self.step = data, step

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        part = self.data[: min(size, self.step)]
        self.data = self.data[len(part) :]
        return part

    def write(self, data: memoryview) -> int:
        self.data += bytes(data[: self.step])
        return min(len(data), self.step)

    def flush(self) -> None:
        pass


@BOTH
def test_a_file_comes_back(header: StreamHeader, contents: Contents) -> None:
    assert read(write(header, contents)) == (header, contents)


@given(strategies.headers)
def test_any_header_comes_back(header: StreamHeader) -> None:
    decoded = decode_header(encode_header(header, LIMITS), LIMITS)
    assert decoded == header
    assert list(decoded.tags.items()) == list(header.tags.items())  # in their order


@given(strategies.gops)
def test_any_gop_comes_back(gop: GopChunk) -> None:
    assert decode_gop(encode_gop(gop, LIMITS), LIMITS) == gop


@given(st.lists(strategies.packets, max_size=8).map(tuple))
def test_any_packets_come_back(packets: tuple[PacketRecord, ...]) -> None:
    chunk = PacketChunk(packets)
    assert decode_packets(encode_packets(chunk, LIMITS), LIMITS) == chunk


@BOTH
def test_a_reader_written_from_the_specification_reads_the_same(
    header: StreamHeader, contents: Contents
) -> None:
    data = write(header, contents)
    chunks = read_file(data)
    kinds = ["P" if isinstance(content, PacketChunk) else "G" for content in contents]
    assert [kind for kind, _ in chunks] == ["H", *kinds, "S", "I"]

    def agree(found: dict[str, Any], expected: Any) -> None:
        as_dict = asdict(expected)
        as_dict.pop("room", None)  # where it lies in the file, which is no part of it
        assert {name: found[name] for name in as_dict} == as_dict

    first, last = chunks[0][1], chunks[-1][1]
    agree(first | {"tracks": tuple(first["tracks"])}, header)
    for (_, found), content in zip(chunks[1:-2], contents, strict=True):
        agree(found | {"packets": tuple(found.get("packets", ()))}, content)
    gops = [found for kind, found in chunks if kind == "G"]
    assert last["entries"] == [(gop["begin"], gop["pts"][0], len(gop["pts"])) for gop in gops]
    assert last["packets"] == sum(len(c.packets) for c in contents if isinstance(c, PacketChunk))
    assert last["end"] == gops[-1]["pts"][-1] + gops[-1]["duration"]
    assert last["own_size"] == last["size"]
    assert int.from_bytes(data[-8:-4], "little") == len(data) - last["begin"]


@BOTH
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_pipes_that_give_and_take_a_little_at_a_time_will_do(
    header: StreamHeader, contents: Contents, step: int
) -> None:
    pipe = Pipe(step=step)
    writer = ContainerWriter(cast(BinaryIO, pipe))
    writer.write_header(header)
    for content in contents:
        writer.write_gop(content) if isinstance(content, GopChunk) else writer.write_packets(content)
    writer.finish()
    assert pipe.data == write(header, contents)
    assert writer.bytes_written == len(pipe.data)
    reader = ContainerReader(cast(BinaryIO, pipe))
    assert reader.header == header
    assert list(reader.chunks()) == contents


def test_a_gop_can_be_read_from_a_pipe_before_the_next_is_written() -> None:
    read_end, write_end = os.pipe()
    went_on = threading.Event()
    gops = [content for content in FULL_CONTENTS if isinstance(content, GopChunk)]

    def produce() -> None:
        with open(write_end, "wb") as file:
            writer = ContainerWriter(file)
            writer.write_header(PLAIN_HEADER)
            writer.write_gop(gops[0])
            assert went_on.wait(60)
            writer.write_gop(gops[1])
            writer.finish()

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    with open(read_end, "rb", buffering=0) as file:
        chunks = ContainerReader(cast(BinaryIO, file)).chunks()
        assert next(chunks) == gops[0]
        went_on.set()
        assert list(chunks) == [gops[1]]
    thread.join()


def test_a_pipe_has_no_random_access() -> None:
    reader = ContainerReader(cast(BinaryIO, Pipe(write(PLAIN_HEADER, PLAIN_CONTENTS))))
    with pytest.raises(BitstreamError, match="front to back"):
        reader.index()


def test_the_index_leads_to_every_gop_without_disturbing_the_reading() -> None:
    reader = ContainerReader(io.BytesIO(write(FULL_HEADER, FULL_CONTENTS)))
    chunks = reader.chunks()
    begun = [next(chunks), next(chunks)]
    index = reader.index()
    gops = [content for content in FULL_CONTENTS if isinstance(content, GopChunk)]
    assert [reader.read_gop(entry) for entry in reversed(index.entries)] == gops[::-1]
    assert (index.frames, index.packets, index.end) == (15, 7, 5040)
    assert begun + list(chunks) == FULL_CONTENTS


def test_an_index_entry_that_points_elsewhere_is_an_error_that_says_where() -> None:
    reader = ContainerReader(io.BytesIO(write(FULL_HEADER, FULL_CONTENTS)))
    with pytest.raises(BitstreamError, match="the chunk at byte 9: there is no GOP"):
        reader.read_gop(IndexEntry(9, 0, 1))
    entry = reader.index().entries[0]
    with pytest.raises(BitstreamError, match=f"byte {entry.offset}: there is another GOP"):
        reader.read_gop(replace(entry, frames=entry.frames + 1))


def test_a_file_inside_another_is_read_from_where_it_begins() -> None:
    file = io.BytesIO(b"before" + write(FULL_HEADER, FULL_CONTENTS))
    file.seek(6)
    reader = ContainerReader(file)
    assert reader.read_gop(reader.index().entries[1]) == FULL_CONTENTS[3]
    assert list(reader.chunks()) == FULL_CONTENTS


def test_a_file_without_pictures_is_a_file() -> None:
    data = write(PLAIN_HEADER, [])
    assert read(data) == (PLAIN_HEADER, [])
    assert ContainerReader(io.BytesIO(data)).index().entries == ()
    assert verify(io.BytesIO(data)).whole


def test_one_gop_without_tracks_takes_at_most_175_bytes_besides_its_payload() -> None:
    header = replace(PLAIN_HEADER, width=1920, height=1080, frame_rate=Fraction(30000, 1001))
    gop = GopChunk(tuple(range(0, 97 * 3003, 3003)), 3003, 50, 68, bytes(5), 0xDEADBEEF, bytes(2500))
    assert len(write(header, [gop])) - len(gop.payload) <= 175


def test_sound_of_constant_pace_takes_three_bytes_a_packet_besides_its_data() -> None:
    def size(count: int) -> int:
        packets = tuple(PacketRecord(0, 1024 * i, 1024 * i, 1024, True, bytes(300)) for i in range(count))
        return len(encode_packets(PacketChunk(packets), LIMITS))

    assert size(100) - size(50) == 50 * (300 + 3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"width": 0}, "0x144"),
        ({"height": 16385}, "176x16385"),
        ({"chroma": "411"}, "chroma"),
        ({"bit_depth": 7}, "7 bits"),
        ({"rotation": 361}, "361 degrees"),
        ({"model_id": b"short"}, "16 bytes, not 5"),
        ({"time_base": Fraction(0)}, "positive"),
        ({"primaries": 256}, "does not fit"),
        ({"tags": {"title": "x" * (1 << 20) + "x"}}, "limit"),
        ({"tracks": (TrackHeader("video", "h264", Fraction(1)),)}, "kind"),
        ({"tracks": (TrackHeader("audio", "aac", Fraction(1)),) * 65}, "tracks is 65; the limit is 64"),
    ],
)
def test_a_header_no_reader_takes_is_not_written(change: dict[str, Any], reason: str) -> None:
    file = io.BytesIO()
    with pytest.raises(BitstreamError, match=reason):
        ContainerWriter(file).write_header(replace(PLAIN_HEADER, **change))
    assert not file.getvalue()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pts": ()}, "no frames"),
        ({"pts": (0, 0)}, "do not increase"),
        ({"pts": (-1,)}, "not after"),
        ({"pts": tuple(range(600, 1700))}, "limit is 1024"),
        ({"pts": (2**63 - 1,), "duration": 1}, "end of a GOP .* 64 bits"),
        ({"duration": -1}, "before it begins"),
        ({"quality": 256}, "does not fit"),
        ({"first_quality": 256}, "does not fit"),
        ({"plane_counts": b"\x10"}, "16 planes"),
        ({"planes_crc": -1}, "does not fit"),
        ({"payload": bytes(300)}, "limit is 300"),
    ],
)
def test_a_gop_no_reader_takes_is_not_written(change: dict[str, Any], reason: str) -> None:
    file = io.BytesIO()
    writer = ContainerWriter(file, Limits(chunk_bytes=300))
    writer.write_header(PLAIN_HEADER)
    writer.write_gop(GopChunk((512,), 512, 50, 50, b"", 0, b""))
    before = file.getvalue()
    with pytest.raises(BitstreamError, match=reason):
        writer.write_gop(replace(GopChunk((9999,), 0, 0, 0, b"", 0, b""), **change))
    assert file.getvalue() == before


def test_a_packet_of_a_track_that_is_not_declared_is_not_written() -> None:
    writer = ContainerWriter(io.BytesIO())
    writer.write_header(FULL_HEADER)
    with pytest.raises(BitstreamError, match="track 2, of 2"):
        writer.write_packets(PacketChunk((PacketRecord(2, 0, 0, 0, True, b""),)))


def test_a_writer_keeps_to_its_order() -> None:
    writer = ContainerWriter(io.BytesIO())
    with pytest.raises(RuntimeError, match="header comes first"):
        writer.finish()
    writer.write_header(PLAIN_HEADER)
    with pytest.raises(RuntimeError, match="already"):
        writer.write_header(PLAIN_HEADER)
    writer.finish()
    with pytest.raises(RuntimeError, match="finished"):
        writer.finish()


def modules_loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_container_loads_nothing_heavy() -> None:
    loaded = modules_loaded_by("nvcodec.bitstream.container")
    assert "nvcodec.bitstream.container" in loaded
    assert not loaded & {"numpy", "constriction", "torch", "av"}


def test_the_bitstream_needs_nothing_else_of_the_project() -> None:
    loaded = modules_loaded_by("nvcodec.bitstream, nvcodec.bitstream.ans")
    own = {name for name in loaded if name.startswith("nvcodec.")}
    assert "nvcodec.bitstream.ans" in own
    assert all(name.startswith("nvcodec.bitstream") for name in own)
    assert "torch" not in loaded
