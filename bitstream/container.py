"""The `.mgv` file: a signature, a header, GOPs and packets as they came, a hash, an index. Written front to back.

Neither writing nor reading needs to seek; only `ContainerReader.index` and `read_gop`, which jump about, do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast, overload

from .checks import TornGop, checks_chunk, decode_checks, rest_of
from .chunk import CHECKS, FILLER, GOP, HEADER, INDEX, PACKETS, SYNC, WHOLE, Chunk, encode_chunk, read_chunk
from .claims import filler_for
from .errors import BitstreamError, TruncatedFile, UnsupportedVersion
from .gop import GopChunk, decode_gop, encode_gop
from .header import StreamHeader, decode_header, encode_header
from .index import Index, IndexEntry, decode_index, encode_index
from .limits import Limits
from .parity_mending import MendedFile
from .parity_writing import ParityWriter
from .places import Places
from .source import READ_BYTES, ByteSource
from .tracks import PacketChunk, decode_packets, encode_packets
from .whole import WholeHash

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
    gop_end: int = 0  # place in the file after the last GOP

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
    hold, before any of their bytes are written. `parity`, in ten-thousandths of the file's size, is added so that lost
    bytes can be brought back; None adds none. BitstreamError, too, for a share that is none, and where the package is
    missing that parity needs.
    """

    def __init__(self, file: BinaryIO, limits: Limits = Limits(), parity: int | None = None) -> None:
        self.bytes_written = 0
        self._parity = None if parity is None else ParityWriter(parity, limits)
        self._file, self._limits = file, limits
        self._contents: _Contents | None = None
        self._header: StreamHeader | None = None
        self._whole = WholeHash()
        self._finished = False

    def write_header(self, header: StreamHeader) -> None:
        """The signature and the first chunk."""
        if self._contents is not None:
            raise RuntimeError("the header is written already")
        chunk = encode_chunk(HEADER, encode_header(header, self._limits), self._limits)
        self._contents, self._header = _Contents(len(header.tracks)), header
        self._put(SIGNATURE + bytes([MAJOR_VERSION]) + chunk)

    def write_gop(self, gop: GopChunk) -> None:
        """The next group of pictures, in order of time; before it its checks, and filler if it claims much."""
        contents = self._open_contents()
        chunk = encode_chunk(GOP, encode_gop(gop, self._limits), self._limits)
        before = checks_chunk(gop, self._limits)
        room = self.bytes_written + len(before) + len(chunk) - contents.gop_end
        before = self._filler(len(gop.pts), room) + before
        contents.add_gop(gop, self.bytes_written + len(before))
        self._put(before + chunk)
        contents.gop_end = self.bytes_written

    def write_packets(self, packets: PacketChunk) -> None:
        """Sound and subtitles that belong about here."""
        contents = self._open_contents()
        chunk = encode_chunk(PACKETS, encode_packets(packets, self._limits), self._limits)
        contents.add_packets(packets)
        self._put(chunk)

    def finish(self) -> None:
        """The hash of all that was written, and the index. A file without that counts as cut off."""
        index = self._open_contents().index()
        last = encode_chunk(INDEX, encode_index(index, self._limits), self._limits)
        self._put(encode_chunk(WHOLE, self._whole.digest(), self._limits))
        self._put_parity()
        self._write(last)
        self._finished = True

    def _filler(self, frames: int, room: int) -> bytes:
        assert self._header is not None
        size = filler_for(self._header, frames, room, self._limits)
        return encode_chunk(FILLER, bytes(size), self._limits) if size else b""

    def _open_contents(self) -> _Contents:
        if self._contents is None:
            raise RuntimeError("the header comes first")
        if self._finished:
            raise RuntimeError("the file is finished already")
        return self._contents

    def _put(self, data: bytes) -> None:
        """What parity is for, and parity if it is time for it."""
        self._write(data)
        if self._parity is not None:
            self._parity.put(data)
            if self._parity.is_full:
                self._put_parity()

    def _put_parity(self) -> None:
        if self._parity is not None:
            for parity in self._parity.due(self.bytes_written):
                self._write(parity)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = self._file.write(view)  # an unbuffered pipe takes less than it is given
            if written is None:
                raise BlockingIOError("a non-blocking file cannot be written to now")
            view = view[written:]
        self._file.flush()
        self._whole.add(data)
        self.bytes_written += len(data)


class ContainerReader:
    """Reads a file: `header` at once, then `chunks`, front to back.

    `file` needs to be read from, and is left open. Offsets count from where it stood when it was given.
    `places` is the way to any place in it, None for a pipe; `header_end` is where the header ends; `last_index` the
    index that was met last, None before that. `chunks_read` counts the chunks, `chunk_offset` is where the last of
    them begins. `sha256` is the hash of the whole once it was met and found right; None in a file without one.
    """

    header: StreamHeader
    header_end: int
    chunks_read: int
    chunk_offset: int
    sha256: bytes | None
    places: Places | None
    mended: MendedFile | None
    last_index: Index | None

    def __init__(
        self,
        file: BinaryIO,
        limits: Limits = Limits(),
        damage: list[BitstreamError] | None = None,
        *,
        mend: bool = True,
    ) -> None:
        """BitstreamError for a file that begins wrong, UnsupportedVersion for one of another version.

        With `damage`, errors before a header that is whole are put there. Without a header nothing can be read.
        Without `mend` parity is not used.
        """
        self.chunks_read = self.chunk_offset = 0
        self.sha256, self._whole = None, WholeHash()
        self.limits, self.last_index = limits, None
        self._start = file.tell() if file.seekable() else None
        self.mended = MendedFile(file, self._start, limits) if mend and self._start is not None else None
        self._file = file if self.mended is None else cast(BinaryIO, self.mended)
        self.places = None if self._start is None else Places(self._file, self._start, limits, self.mends)
        self._source = ByteSource(self._file)
        self._contents = _Contents()
        self._damaged = self._ended = False
        self._checks: tuple[bytes, int] | None = None  # the body of those that came last, and where their GOP begins
        self._read_begin(damage)
        self.header_end = self._source.offset
        self._contents.tracks = len(self.header.tracks)

    @property
    def bytes_read(self) -> int:
        """The place in the file after what was read last."""
        return self._source.offset

    @overload
    def chunks(self, damage: list[BitstreamError] | None = None) -> Iterator[GopChunk | PacketChunk]: ...

    @overload
    def chunks(
        self, damage: list[BitstreamError], *, torn: bool
    ) -> Iterator[GopChunk | TornGop | PacketChunk]: ...

    def chunks(
        self, damage: list[BitstreamError] | None = None, *, torn: bool = False
    ) -> Iterator[GopChunk | TornGop | PacketChunk]:
        """All GOPs and packets that are left, in the file's order.

        Without `damage`, what is wrong ends the reading: BitstreamError; TruncatedFile if the file ends
        early. With it, errors are put there instead, and reading goes on at the next chunk that is whole. With `torn`
        what is left of damaged GOPs is given, too.
        """
        while not self._ended:
            content: GopChunk | TornGop | PacketChunk | None = None
            try:
                with self._located():
                    content = self._take(self._read_chunk())
                whole = True
            except BitstreamError as error:
                if damage is None:
                    raise
                whole = False
                damage.append(error.with_traceback(None))  # which would keep what was read alive
                if torn:
                    content = self._rest()
            if content is not None:
                yield content
            if not whole and not self._finds_next(len(damage or ())):
                return

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
            again = ContainerReader(self._file, self.limits, damage, mend=False)
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
            self._read_signature()
            self._whole.add(SIGNATURE, bytes([MAJOR_VERSION]))
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
                    self._whole.add(*chunk.raw)
                    return
            except BitstreamError as error:
                first = first or error
                lost = chunk is not None and chunk.type != HEADER
                if damage is None or lost:
                    raise first from None
                damage.append(error.with_traceback(None))
                if not self._finds_next(len(damage)):
                    raise first from None

    def _finds_next(self, damaged: int) -> bool:
        """Goes to where the next chunk may begin; False where nothing is left to be read, or too much is `damaged`."""
        spent = damaged >= self.limits.damaged_places or self._source.unread_bytes >= self.limits.unread_bytes
        return not spent and self._source.find(SYNC)

    def _read_signature(self) -> None:
        """After an error of damage the source stands at the file's begin."""
        try:
            _read_signature(self._source)
        except BitstreamError:
            if self.mended is None:
                raise
            near = self._source.find(SYNC, within=READ_BYTES)  # else it is no such file, and not looked through
            mended = near and self.mends()
            self._go_to(0)
            if not mended:
                raise
            _read_signature(self._source)

    def _read_chunk(self) -> Chunk:
        offset = self._source.offset
        try:
            return _chunk_here(self._source, self.limits)
        except BitstreamError:
            if not self.mends():
                raise
        self._go_to(offset)
        return _chunk_here(self._source, self.limits)

    def _go_to(self, offset: int) -> None:
        self._file.seek((self._start or 0) + offset)
        before, self._source = self._source, ByteSource(self._file, offset)
        self._source.unread_bytes = before.unread_bytes

    def mends(self) -> bool:
        """Bring back what parity can, if nobody has yet; whether what was damaged before now reads otherwise."""
        return self.mended is not None and self.mended.mend(_lost_index)

    def _take(self, chunk: Chunk) -> GopChunk | PacketChunk | None:
        """The content of a chunk that carries any; types that are not known are passed over."""
        self._checks = (chunk.body, self._source.offset) if chunk.type == CHECKS else None
        if chunk.type == WHOLE:
            self._whole.meet(chunk.body)
        elif chunk.type != INDEX:
            self._whole.add(*chunk.raw, content=chunk.type in (GOP, PACKETS))
        if chunk.type == GOP:
            gop = decode_gop(chunk.body, self.limits)
            self._contents.add_gop(gop, chunk.offset)
            room, self._contents.gop_end = self._source.offset - self._contents.gop_end, self._source.offset
            return replace(gop, room=room)
        if chunk.type == PACKETS:
            packets = decode_packets(chunk.body, self.limits)
            self._contents.add_packets(packets)
            return packets
        if chunk.type == INDEX:
            self._check_end(decode_index(chunk.body, self.limits))
        elif chunk.type == HEADER:
            raise BitstreamError("it is a second header")
        return None

    def _rest(self) -> GopChunk | TornGop | None:
        """What is left of the GOP that could not be read here, by its checks; None if nothing is, or it has none."""
        found, self._checks, contents = self._checks, None, self._contents
        if found is None or self._source.offset != found[1] + 1:
            return None
        try:
            checks = decode_checks(found[0], self.limits)
        except BitstreamError:
            return None
        if contents.last_pts is not None and checks.head.begin <= contents.last_pts:
            return None
        gop = rest_of(checks, self._source, self.limits)
        if gop is None:
            return None
        room, contents.gop_end = self._source.offset - contents.gop_end, self._source.offset
        contents.last_pts, contents.end = gop.pts[-1], gop.end
        return replace(gop, room=room) if isinstance(gop, GopChunk) else replace(gop, gop=replace(gop.gop, room=room))

    def _check_end(self, index: Index) -> None:
        self.last_index = index
        if more := self._source.read(1):
            self._source.unread(more)
            raise BitstreamError("the file goes on after the index")
        self._ended = True
        if not self._damaged and index != self._contents.index():
            raise BitstreamError("the index does not agree with the file; chunks are missing or were put in")
        if not self._damaged:  # after damage no hash can be right, and what is wrong was said
            self.sha256 = self._whole.checked()

    @contextmanager
    def _located(self) -> Iterator[None]:
        """Tells errors inside it which chunk they are about: the one that begins here."""
        number, offset = self.chunks_read, self._source.offset
        self.chunk_offset = offset
        self.chunks_read += 1
        try:
            yield
        except BitstreamError as error:
            self._damaged = True
            if isinstance(error, TruncatedFile):
                error.gops = len(self._contents.entries)
            error.at(number, offset)
            raise


def _chunk_here(source: ByteSource, limits: Limits) -> Chunk:
    chunk = read_chunk(source, limits)
    if chunk is None:
        raise TruncatedFile("the file ends here, without an index")
    return chunk


def _lost_index(file: MendedFile, start: int, limits: Limits) -> tuple[int, bytes] | None:
    """The place and the bytes of the index of a file that is whole but for that; None if it has one, or is not."""
    try:
        Places(cast(BinaryIO, file), start, limits, lambda: False).index()
        return None
    except BitstreamError:
        file.seek(start)
    reader: ContainerReader | None = None
    try:
        reader = ContainerReader(cast(BinaryIO, file), limits, mend=False)
        for _ in reader.chunks():
            pass
    except BitstreamError as error:
        if reader is not None and error.offset is not None and reader._whole.is_right:
            return error.offset, encode_chunk(INDEX, encode_index(reader._contents.index(), limits), limits)
    return None


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
