"""One output file or pipe through FFmpeg: pictures encoded, packets of sound and subtitles beside them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

from nvcodec.interruption import called_back

from .encoders import MUXER_OPTIONS, Encoder
from .formats import Packet, Picture, Track, VideoFormat
from .matroska import header_length, with_display_aspect
from .pictures import picture_to_frame, set_colour
from .subtitles import SILENCE, converted_packet, converted_track, convertible
from .tracks import add_track

if TYPE_CHECKING:
    from av.stream import Stream

MATROSKA_FAMILY = ("matroska", "webm")
HEADER_LIMIT = 16 << 20  # bytes of Matroska header searched for its first cluster


class Muxer:
    """Writes one container. `target` is a path (its suffix plays no part) or a binary file, never seeked.

    `warnings` says which tracks the container cannot hold; their packets are dropped.
    """

    def __init__(
        self,
        target: str | BinaryIO,
        container: str,
        encoder: Encoder,
        video: VideoFormat,
        tracks: Sequence[Track],
        tags: dict[str, str],
        threads: int,
    ) -> None:
        import av

        self.warnings = list(encoder.warnings)
        self._path = target if isinstance(target, str) else None
        self._video, self._encoder = video, encoder
        self._reshaped = container in MATROSKA_FAMILY and video.sample_aspect_ratio != 1
        file: Any = (
            target if isinstance(target, str) else _Pipe(target, self._aspect if self._reshaped else None)
        )
        self._pipe = None if isinstance(file, str) else file
        options = MUXER_OPTIONS[container]
        self._container = av.open(file, "w", format=container, container_options=options)
        self._container.metadata.update(tags)
        self._film = self._add_video(threads)
        self._tracks = tuple(tracks)
        self._streams: dict[int, Stream] = {}
        self._conversions: dict[int, str] = {}
        self._last_dts: dict[int, int] = {}
        for index, track in enumerate(tracks):
            self._add_track(index, track, container)

    @property
    def _aspect(self) -> Fraction:
        return Fraction(self._video.width, self._video.height) * self._video.sample_aspect_ratio

    def write(self, item: Picture | Packet) -> None:
        """Encodes a picture, or passes a packet on."""
        if isinstance(item, Picture):
            self._container.mux(self._film.encode(picture_to_frame(item, self._video, self._encoder.pixels)))
        else:
            self._write_packet(item)

    def close(self) -> None:
        """Writes what is still in the encoder and the end of the file."""
        self._container.mux(self._film.encode(None))
        self._container.close()
        if self._pipe is not None:
            self._pipe.finish()
        elif self._reshaped and self._path is not None:
            _reshape_file(self._path, self._aspect)

    def abandon(self) -> None:
        """Lets go of the file without caring for what is in it."""
        if self._pipe is not None:
            self._pipe.abandon()
        with suppress(Exception):  # a full disk, a closed pipe: the file is thrown away in any case
            self._container.close()

    def _add_video(self, threads: int) -> Any:
        video, encoder = self._video, self._encoder
        stream: Any = self._container.add_stream(
            encoder.codec, rate=video.frame_rate or Fraction(25), options=dict(encoder.options)
        )
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, encoder.pixels
        stream.codec_context.time_base = video.time_base
        stream.time_base = video.time_base
        stream.sample_aspect_ratio = video.sample_aspect_ratio
        set_colour(stream, video.colour)
        if video.colour.chroma_location:
            stream.options["chroma_sample_location"] = str(video.colour.chroma_location)
        if video.rotation:
            stream.set_display_rotation(video.rotation)
        stream.codec_context.thread_count = threads
        stream.codec_context.thread_type = "AUTO"  # x264: frames side by side, not slices
        return stream

    def _add_track(self, index: int, track: Track, container: str) -> None:
        codec = convertible(track, container)
        try:
            self._streams[index] = add_track(
                self._container, converted_track(track, codec) if codec else track
            )
        except ValueError:
            name = {"matroska": "Matroska", "webm": "WebM"}.get(container, "MP4")
            remedy = "" if container == "matroska" else "; a .mkv file can"
            self.warnings.append(
                f"{name} cannot hold {track.kind} in {track.codec}, which is left out{remedy}"
            )
            return
        if codec:
            self._conversions[index] = codec

    def _write_packet(self, item: Packet) -> None:
        import av

        stream = self._streams.get(item.track)
        if stream is None:
            return
        codec = self._conversions.get(item.track)
        kept = converted_packet(item, codec) if codec else item
        if kept is None or (self._tracks[item.track].codec == "mov_text" and kept.data == SILENCE):
            return
        dts = kept.dts if kept.dts is not None else kept.pts
        last = self._last_dts.get(kept.track)
        if dts is None:
            dts = 0 if last is None else last + max(kept.duration, 1)
        if last is not None and dts <= last:  # containers want them increasing
            dts = last + 1
        duration = kept.duration
        if not duration and last is not None and self._tracks[kept.track].kind == "audio":
            duration = dts - last  # without one, MP4 drops the last packet
        self._last_dts[kept.track] = dts
        packet = av.Packet(kept.data)
        packet.stream = stream
        packet.time_base = self._tracks[kept.track].time_base
        packet.pts = max(kept.pts, dts) if kept.pts is not None else dts
        packet.dts, packet.duration, packet.is_keyframe = dts, duration, kept.keyframe
        self._container.mux(packet)


class _Pipe:
    """A file object of which FFmpeg sees writing alone; puts the pictures' shape into a Matroska header."""

    def __init__(self, file: BinaryIO, aspect: Fraction | None) -> None:
        self._file, self._aspect = file, aspect
        self._header = b""
        self._open = True

    @called_back
    def write(self, data: bytes) -> int:
        if self._open and self._aspect is None:
            self._file.write(data)
            self._file.flush()  # FFmpeg has a buffer of its own, and empties it when it is time
        elif self._open:
            self._header += data
            if header_length(self._header) is not None or len(self._header) > HEADER_LIMIT:
                self.finish()
        return len(data)

    def finish(self) -> None:
        """Passes on what was held back."""
        if self._aspect is not None:
            self._file.write(_reshaped(self._header, self._aspect))
            self._header, self._aspect = b"", None
        self._file.flush()

    def abandon(self) -> None:
        """Nothing more goes out."""
        self._open = False


def _reshaped(data: bytes, aspect: Fraction) -> bytes:
    """The start of a Matroska file with the display aspect in its header."""
    end = header_length(data)
    return data if end is None else with_display_aspect(data[:end], aspect) + data[end:]


def _reshape_file(path: str, aspect: Fraction) -> None:
    """The same for a whole file, in place: its header keeps its length."""
    with open(path, "r+b") as file:
        head = b""
        while header_length(head) is None and len(head) <= HEADER_LIMIT:
            more = file.read(65536)
            if not more:
                break
            head += more
        reshaped = _reshaped(head, aspect)
        if len(reshaped) == len(head):
            file.seek(0)
            file.write(reshaped)
