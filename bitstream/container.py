"""The `.mgv` file: a signature, a header, GOPs and packets as they came, an index. Written front to back.

Neither writing nor reading needs to seek; only `ContainerReader.index` and `read_gop`, which jump about, do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from .chunk import GOP, HEADER, INDEX, PACKETS, SYNC, Chunk, encode_chunk, read_chunk
from .errors import BitstreamError, TruncatedFile, UnsupportedVersion
from .gop import GopChunk, decode_gop, encode_gop
from .header import StreamHeader, decode_header, encode_header
from .index import Index, IndexEntry, decode_index, encode_index
from .limits import Limits
from .places import Places
from .source import READ_BYTES, ByteSource
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
        chunk.check_tracks(self.tracks)
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
    `places` is the way to any place in it, None for a pipe; `header_end` is where the header ends; `last_index` the
    index that was met last, None before that.
    """

    header: StreamHeader
    header_end: int
    chunks_read: int
    places: Places | None
    last_index: Index | None

    def __init__(
        self, file: BinaryIO, limits: Limits = Limits(), damage: list[BitstreamError] | None = None
    ) -> None:
        """BitstreamError for a file that begins wrong, UnsupportedVersion for one of another version.

        With `damage`, errors before a header that is whole are put there. Without a header nothing can be read.
        """
        self.chunks_read = 0
        self.limits, self.last_index = limits, None
        self._file = file
        self._start = file.tell() if file.seekable() else None
        self.places = None if self._start is None else Places(file, self._start, limits)
        self._source = ByteSource(file)
        self._contents = _Contents()
        self._damaged = self._ended = False
        self._read_begin(damage)
        self.header_end = self._source.offset
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
                if not self._goes_on_after(error, damage):
                    return
            else:
                if content is not None:
                    yield content

    def index(self) -> Index:
        """Where the GOPs are. Only for files that can seek; `chunks` is not disturbed.

        From the end of the file; if what is there is damaged, by reading the file through.
        """
        if self.places is None or self._start is None:
            raise BitstreamError("a pipe can only be read front to back")
        try:
            return self.places.index()[0]
        except BitstreamError:
            position = self._file.tell()
            self._file.seek(self._start)
            damage: list[BitstreamError] = []
            again = ContainerReader(self._file, self.limits, damage)
            for _ in again.chunks(damage):
                pass
            self._file.seek(position)
            return again._contents.index()

    def read_gop(self, entry: IndexEntry) -> GopChunk:
        """One GOP of the index. Only for files that can seek; `chunks` is not disturbed."""
        if self.places is None:
            raise BitstreamError("a pipe can only be read front to back")
        return self.places.gop(entry)

    def _read_begin(self, damage: list[BitstreamError] | None) -> None:
        """Signature and header; over damage, if it may be, to the first chunk that is whole."""
        try:
            _read_signature(self._source)
        except UnsupportedVersion:
            raise
        except BitstreamError as error:
            if damage is None or not self._source.find(SYNC, within=READ_BYTES):
                raise
            self._damaged = True
            damage.append(error.with_traceback(None))
        first: BitstreamError | None = None
        while True:
            chunk = None
            try:
                with self._located():
                    chunk = self._read_chunk()
                    if chunk.type != HEADER:
                        raise BitstreamError("it is not the header, which comes first")
                    self.header = decode_header(chunk.body, self.limits)
                    return
            except BitstreamError as error:
                first = first or error
                lost = chunk is not None and chunk.type != HEADER
                if damage is None or lost or not self._goes_on_after(error, damage):
                    raise first from None

    def _goes_on_after(self, error: BitstreamError, damage: list[BitstreamError]) -> bool:
        """Notes the error and goes to where the next chunk may begin; False where nothing is left to be read."""
        damage.append(error.with_traceback(None))  # which would keep what was read alive
        spent = len(damage) >= self.limits.damaged_places or self._source.unread_bytes >= self.limits.unread_bytes
        return not spent and self._source.find(SYNC)

    def _read_chunk(self) -> Chunk:
        chunk = read_chunk(self._source, self.limits)
        if chunk is None:
            raise TruncatedFile("the file ends here, without an index")
        return chunk

    def _take(self, chunk: Chunk) -> GopChunk | PacketChunk | None:
        """The content of a chunk that carries any; types that are not known are passed over."""
        if chunk.type == GOP:
            gop = decode_gop(chunk.body, self.limits)
            self._contents.add_gop(gop, chunk.offset)
            return gop
        if chunk.type == PACKETS:
            packets = decode_packets(chunk.body, self.limits)
            self._contents.add_packets(packets)
            return packets
        if chunk.type == INDEX:
            self._check_end(decode_index(chunk.body, self.limits))
        elif chunk.type == HEADER:
            raise BitstreamError("it is a second header")
        return None

    def _check_end(self, index: Index) -> None:
        self.last_index = index
        if more := self._source.read(1):
            self._source.unread(more)
            raise BitstreamError("the file goes on after the index")
        self._ended = True
        if not self._damaged and index != self._contents.index():
            raise BitstreamError("the index does not agree with the file; chunks are missing or were put in")

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


def _read_signature(source: ByteSource) -> None:
    """After an error of damage `source` stands where it stood."""
    signature, major = source.read(len(SIGNATURE)), source.read(1)
    if signature == SIGNATURE and major == bytes([MAJOR_VERSION]):
        return
    source.unread(signature + major)
    if signature != SIGNATURE:
        if SIGNATURE.startswith(signature):
            raise TruncatedFile("the file ends inside its signature" if signature else "the file is empty")
        raise BitstreamError("this is not an .mgv file (its first bytes are not .mgv's)")
    if not major:
        raise TruncatedFile("the file ends after its signature")
    if major == SYNC[:1]:
        raise BitstreamError("the byte that tells the format's version is missing")
    raise UnsupportedVersion(
        f"the file is of format version {major[0]} and this nvcodec reads version {MAJOR_VERSION}; "
        "another release of nvcodec is needed"
    )
