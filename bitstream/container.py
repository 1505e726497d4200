"""The `.mgv` file: a signature, a header, GOPs and packets as they came, an index. Written front to back.

Neither writing nor reading needs to seek; only `ContainerReader.index` and `read_gop`, which jump about, do.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from .chunk import CRC_BYTES, GOP, HEADER, INDEX, PACKETS, SYNC, Chunk, encode_chunk, read_chunk
from .errors import BitstreamError, TruncatedFile, UnsupportedVersion
from .gop import GopChunk, decode_gop, encode_gop
from .header import StreamHeader, decode_header, encode_header
from .index import SIZE_BYTES, Index, IndexEntry, decode_index, encode_index
from .limits import Limits
from .source import ByteSource
from .tracks import PacketChunk, decode_packets, encode_packets

# As PNG's: a byte that is not text, a name, and line ends that tell when somebody translated them.
SIGNATURE = b"\x8aMGV\r\n\x1a\n"
MAJOR_VERSION = 1


@dataclass
class _Contents:
    """What a file has held so far; writer and reader both keep it, and the index says it again."""

    tracks: int = 0
    entries: list[IndexEntry] = field(default_factory=list)
    packets: int = 0
    last_pts: int | None = None
    end: int = 0

    def add_gop(self, gop: GopChunk, offset: int) -> None:
        if self.last_pts is not None and gop.pts[0] <= self.last_pts:
            raise BitstreamError(f"a GOP begins at time {gop.pts[0]}, not after the frames before it")
        self.entries.append(IndexEntry(offset, gop.pts[0], len(gop.pts)))
        self.last_pts, self.end = gop.pts[-1], gop.end

    def add_packets(self, chunk: PacketChunk) -> None:
        for packet in chunk.packets:
            if packet.track >= self.tracks:
                raise BitstreamError(f"a packet of track {packet.track}, of {self.tracks} counted from 0")
        self.packets += len(chunk.packets)

    def index(self) -> Index:
        return Index(tuple(self.entries), self.packets, self.end)


class ContainerWriter:
    """Writes a file: `write_header`, then GOPs and packets as they come, then `finish`.

    `file` needs to be written to and flushed, and is left open. BitstreamError for values that no file can
    hold, before any of their bytes are written.
    """

    def __init__(self, file: BinaryIO, limits: Limits = Limits()) -> None:
        self.bytes_written = 0
        self._file, self._limits = file, limits
        self._contents: _Contents | None = None
        self._finished = False

    def write_header(self, header: StreamHeader) -> None:
        """The signature and the first chunk."""
        if self._contents is not None:
            raise RuntimeError("the header is written already")
        chunk = encode_chunk(HEADER, encode_header(header, self._limits), self._limits)
        self._contents = _Contents(len(header.tracks))
        self._put(SIGNATURE + bytes([MAJOR_VERSION]) + chunk)

    def write_gop(self, gop: GopChunk) -> None:
        """The next group of pictures, in order of time."""
        contents = self._open_contents()
        chunk = encode_chunk(GOP, encode_gop(gop, self._limits), self._limits)
        contents.add_gop(gop, self.bytes_written)
        self._put(chunk)

    def write_packets(self, packets: PacketChunk) -> None:
        """Sound and subtitles that belong about here."""
        contents = self._open_contents()
        chunk = encode_chunk(PACKETS, encode_packets(packets, self._limits), self._limits)
        contents.add_packets(packets)
        self._put(chunk)

    def finish(self) -> None:
        """The index. A file without it counts as cut off."""
        index = self._open_contents().index()
        self._put(encode_chunk(INDEX, encode_index(index, self._limits), self._limits))
        self._finished = True

    def _open_contents(self) -> _Contents:
        if self._contents is None:
            raise RuntimeError("the header comes first")
        if self._finished:
            raise RuntimeError("the file is finished already")
        return self._contents

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = self._file.write(view)  # an unbuffered pipe takes less than it is given
            if written is None:
                raise BlockingIOError("a non-blocking file cannot be written to now")
            view = view[written:]
        self._file.flush()
        self.bytes_written += len(data)


class ContainerReader:
    """Reads a file: `header` at once, then `chunks`, front to back.

    `file` needs to be read from, and is left open. Offsets count from where it stood when it was given.
    """

    header: StreamHeader
    chunks_read: int

    def __init__(self, file: BinaryIO, limits: Limits = Limits()) -> None:
        """BitstreamError for a file that begins wrong, UnsupportedVersion for one of another version."""
        self.chunks_read = 0
        self._file, self._limits = file, limits
        self._start = file.tell() if file.seekable() else None
        self._source = ByteSource(file)
        self._contents = _Contents()
        self._damaged = self._ended = False
        _read_signature(self._source)
        with self._located():
            chunk = self._read_chunk()
            if chunk.type != HEADER:
                raise BitstreamError("it is not the header, which comes first")
            self.header = decode_header(chunk.body, limits)
        self._contents.tracks = len(self.header.tracks)

    @property
    def bytes_read(self) -> int:
        """The place in the file after what was read last."""
        return self._source.offset

    def chunks(self, damage: list[BitstreamError] | None = None) -> Iterator[GopChunk | PacketChunk]:
        """All GOPs and packets that are left, in the file's order.

        Without `damage`, what is wrong ends the reading: BitstreamError; TruncatedFile if the file ends
        early. With it, errors are put there instead, and reading goes on at the next chunk that is whole.
        """
        while not self._ended:
            try:
                with self._located():
                    content = self._take(self._read_chunk())
            except BitstreamError as error:
                if damage is None:
                    raise
                damage.append(error)
                if len(damage) >= self._limits.damaged_places or not self._source.find(SYNC):
                    return
            else:
                if content is not None:
                    yield content

    def index(self) -> Index:
        """Where the GOPs are. Only for files that can seek; `chunks` is not disturbed.

        From the end of the file; if what is there is damaged, by reading the file through.
        """
        with self._elsewhere() as (file, start):
            try:
                return self._index_at_end(file, start)
            except BitstreamError:
                file.seek(start)
                again = ContainerReader(file, self._limits)
                for _ in again.chunks(damage=[]):
                    pass
                return again._contents.index()

    def read_gop(self, entry: IndexEntry) -> GopChunk:
        """One GOP of the index. Only for files that can seek; `chunks` is not disturbed."""
        with self._elsewhere() as (file, start):
            file.seek(start + entry.offset)
            try:
                chunk = read_chunk(ByteSource(file, entry.offset), self._limits)
                if chunk is None or chunk.type != GOP:
                    raise BitstreamError("there is no GOP, though the index says so")
                gop = decode_gop(chunk.body, self._limits)
                if (gop.pts[0], len(gop.pts)) != (entry.pts, entry.frames):
                    raise BitstreamError("there is another GOP than the index says")
                return gop
            except BitstreamError as error:
                raise error.at(None, entry.offset) from None

    def _index_at_end(self, file: BinaryIO, start: int) -> Index:
        end = file.seek(0, io.SEEK_END)
        file.seek(max(start, end - SIZE_BYTES - CRC_BYTES))
        begin = end - int.from_bytes(file.read(SIZE_BYTES), "little")
        if begin < start:
            raise BitstreamError("the file does not end in an index")
        file.seek(begin)
        chunk = read_chunk(ByteSource(file, begin - start), self._limits)
        if chunk is None or chunk.type != INDEX:
            raise BitstreamError("the file does not end in an index")
        return decode_index(chunk.body, self._limits)

    def _read_chunk(self) -> Chunk:
        chunk = read_chunk(self._source, self._limits)
        if chunk is None:
            raise TruncatedFile("the file ends here, without an index")
        return chunk

    def _take(self, chunk: Chunk) -> GopChunk | PacketChunk | None:
        """The content of a chunk that carries any; types that are not known are passed over."""
        if chunk.type == GOP:
            gop = decode_gop(chunk.body, self._limits)
            self._contents.add_gop(gop, chunk.offset)
            return gop
        if chunk.type == PACKETS:
            packets = decode_packets(chunk.body, self._limits)
            self._contents.add_packets(packets)
            return packets
        if chunk.type == INDEX:
            self._check_end(decode_index(chunk.body, self._limits))
        elif chunk.type == HEADER:
            raise BitstreamError("it is a second header")
        return None

    def _check_end(self, index: Index) -> None:
        self._ended = True
        if not self._damaged and index != self._contents.index():
            raise BitstreamError("the index does not agree with the file; chunks are missing or were put in")
        if self._source.read(1):
            raise BitstreamError("the file goes on after the index")

    @contextmanager
    def _located(self) -> Iterator[None]:
        """Tells errors inside it which chunk they are about: the one that begins here."""
        number, offset = self.chunks_read, self._source.offset
        self.chunks_read += 1
        try:
            yield
        except BitstreamError as error:
            self._damaged = True
            if isinstance(error, TruncatedFile):
                error.gops = len(self._contents.entries)
            error.at(number, offset)
            raise

    @contextmanager
    def _elsewhere(self) -> Iterator[tuple[BinaryIO, int]]:
        """The file, free to be moved in, and where in it the container begins; put back afterwards."""
        if self._start is None:
            raise BitstreamError("a pipe can only be read front to back")
        position = self._file.tell()
        try:
            yield self._file, self._start
        finally:
            self._file.seek(position)


def _read_signature(source: ByteSource) -> None:
    signature, major = source.read(len(SIGNATURE)), source.read(1)
    if signature != SIGNATURE:
        if SIGNATURE.startswith(signature):
            raise TruncatedFile("the file ends inside its signature" if signature else "the file is empty")
        raise BitstreamError("this is not an .mgv file (its first bytes are not .mgv's)")
    if not major:
        raise TruncatedFile("the file ends after its signature")
    if major[0] != MAJOR_VERSION:
        raise UnsupportedVersion(
            f"the file is of format version {major[0]} and this nvcodec reads version {MAJOR_VERSION}; "
            "another release of nvcodec is needed"
        )
