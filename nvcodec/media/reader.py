"""Reading: any file, picture or pipe that FFmpeg understands, as 4:2:0 pictures and untouched packets."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from nvcodec.errors import UnsupportedInput
from nvcodec.live import Meanwhile

from .formats import Packet, Picture, Track, VideoFormat, parse_scale, scaled_aspect
from .pictures import bit_depth_of, chroma_of, colour_of, frame_to_picture, has_transparency, orientation_of
from .source import is_seekable, name_of, open_source
from .timeline import PictureClock
from .tracks import padding_of, read_track, user_tags

if TYPE_CHECKING:
    from av.packet import Packet as AvPacket
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

INTERLACED_FIELD_ORDERS = (2, 3, 4, 5)  # AVFieldOrder: TT, BB, TB, BT
STILL_FORMATS = ("image2", "_pipe")  # how FFmpeg names its readers of single pictures
PEEKED_PACKETS = 256  # how far to look for the first packets of sound
MAX_FRAME_RATE = 1000  # beyond, it is the clock of a file that does not tell its frame rate
LATE_SOUND_S = Fraction(2)  # how far behind the pictures of the same moment sound may lie in a file


class MediaReader:
    """Opens a video, a still picture (a one-frame video) or a pipe, and reads it once, front to back.

    `source` is a path or URL, "-" for standard input, or a binary file, which need not be seekable (y4m,
    Matroska and the other streamable formats). `start_s` and `duration_s` choose a part, counted in seconds
    from the first picture; with a start, times are shifted so that the part's first picture is at 0 and sound
    keeps its place beside it. `scale` is "WIDTHxHEIGHT" or a factor, applied to the stored size. Without
    `audio`, sound tracks are left out (subtitles stay). `meanwhile` is called while nothing comes out of a pipe
    (`nvcodec/live.py`); what it raises comes out of `items`.

    >>> with MediaReader("in.mp4") as media:      # doctest: +SKIP
    ...     print(media.video.width, media.video.height, media.tracks)
    ...     for item in media.items():            # Picture or Packet
    ...         ...

    Raises UnsupportedInput when there is no such file, FFmpeg cannot read it, or it has no video.
    """

    video: VideoFormat
    tracks: tuple[Track, ...]
    tags: dict[str, str]
    frame_count: int | None  # an estimate, for progress only
    warnings: list[str]

    def __init__(
        self,
        source: str | Path | BinaryIO,
        *,
        start_s: float = 0.0,
        duration_s: float | None = None,
        scale: str | None = None,
        audio: bool = True,
        threads: int = 0,
        meanwhile: Meanwhile | None = None,
    ) -> None:
        self._name = name_of(source)
        self.warnings = []
        self._container = open_source(source, self._name, meanwhile)
        try:
            self._stream = self._choose_video(threads)
            self.tags = user_tags(self._container.metadata)
            self._cut = start_s > 0
            self._start = Fraction(str(start_s)) + self._first_time()  # 0.1 as a tenth
            self._duration = None if duration_s is None else Fraction(str(duration_s))
            if self._cut and is_seekable(source):
                self._seek()
            self._read_ahead: deque[Packet] = deque()
            self._damaged = 0
            self._demuxed = Fraction(0)  # the time in seconds that reading has come to
            self.tracks = self._choose_tracks(audio)
            self._frames = self._demux()
            self._first = self._first_frame()
            self._describe(self._first, scale)
            self.frame_count = self._count_frames(start_s, duration_s)
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file. A file object that was handed in stays open."""
        self._container.close()

    def items(self) -> Iterator[Picture | Packet]:
        """Pictures, their times strictly increasing, and packets, as they lie in the file; reads but once."""
        from av.video.reformatter import VideoReformatter

        reformatter = VideoReformatter()
        tick = self.video.time_base
        first_time = self._time(self._first) or Fraction(0)
        origin = first_time if self._cut else self._origin(first_time)
        end = None if self._duration is None else first_time + self._duration
        shift = int(origin / tick)
        clock = PictureClock(tick, self.video.frame_rate, first=int(first_time / tick))

        def picture_of(frame: VideoFrame) -> Picture:
            pts = clock.place(frame.pts) - shift
            return frame_to_picture(frame, self.video, pts, reformatter, mirrored=self._mirrored)

        def packets() -> Iterator[Packet]:
            while self._read_ahead:
                kept = self._place_packet(self._read_ahead.popleft(), origin, end)
                if kept is not None:
                    yield kept

        yield from packets()
        yield picture_of(self._first)
        over = False
        for item in self._frames:
            if isinstance(item, Packet):
                kept = self._place_packet(item, origin, end)
                if kept is not None:
                    yield kept
            elif over or (end is not None and (self._time(item) or first_time) >= end):
                over = True  # sound of the last pictures may still follow
            else:
                yield picture_of(item)
            if over and end is not None and (not self.tracks or self._demuxed > end + LATE_SOUND_S):
                break
        if clock.repaired:
            self.warnings.append(
                f"{clock.repaired} pictures had no usable time stamp; the frame rate gave one"
            )
        if self._damaged:
            self.warnings.append(f"{self._damaged} damaged packets of video were skipped")

    # Opening

    def _choose_video(self, threads: int) -> VideoStream:
        from av.stream import Disposition

        streams = self._container.streams
        films = [stream for stream in streams.video if not stream.disposition & Disposition.attached_pic]
        if not films:
            kinds = sorted({stream.type for stream in streams}) or ["nothing"]
            raise UnsupportedInput(f"{self._name} has no video (FFmpeg finds {' and '.join(kinds)} in it)")
        film = films[0]
        if film.codec_context is None:
            raise UnsupportedInput(f"{self._name} has video in a format that this FFmpeg cannot decode")
        if len(films) > 1:
            self.warnings.append(f"{len(films) - 1} further video streams are left out")
        film.codec_context.thread_type = "AUTO"
        film.codec_context.thread_count = threads
        return film

    def _choose_tracks(self, audio: bool) -> tuple[Track, ...]:
        """Describes the tracks to carry, and starts reading: only their first packets tell the whole."""
        kinds = ("subtitle", "audio") if audio else ("subtitle",)
        streams = [stream for stream in self._container.streams if stream.type in kinds]
        self._packets = self._read_packets([self._stream, *streams])
        paddings = self._peek({stream.index for stream in streams if stream.type == "audio"})
        tracks: list[Track] = []
        self._track_of_stream: dict[int, int] = {}
        for stream in streams:
            track = read_track(stream, paddings.get(stream.index, 0))
            if track is None:
                codec = stream.codec_context.name if stream.codec_context else "an unknown codec"
                self.warnings.append(f"{stream.type} in {codec} cannot be carried and is left out")
            else:
                self._track_of_stream[stream.index] = len(tracks)
                tracks.append(track)
        for stream in self._container.streams:
            if stream.type == "attachment":
                self.warnings.append(f"attachment {stream.metadata.get('filename', '')!r} is left out")
        return tuple(tracks)

    def _peek(self, sounds: set[int]) -> dict[int, int]:
        """Samples to skip at the start of each sound stream, by its index; what was read is put back."""
        paddings: dict[int, int] = {}
        peeked: list[AvPacket] = []
        while sounds - paddings.keys() and len(peeked) < PEEKED_PACKETS:
            packet = next(self._packets, None)
            if packet is None:
                break
            peeked.append(packet)
            if packet.stream_index in sounds:
                paddings.setdefault(packet.stream_index, padding_of(packet))
        self._packets = chain(peeked, self._packets)
        return paddings

    def _first_time(self) -> Fraction:
        """When the video begins, in seconds, as far as the file says so up front."""
        if self._stream.start_time is None or self._stream.time_base is None:
            return Fraction(0)
        return self._stream.start_time * self._stream.time_base

    def _origin(self, first_time: Fraction) -> Fraction:
        """When the first stream begins, if after 0 (as in broadcasts), in whole ticks of the video."""
        streams = [self._stream, *(self._container.streams[index] for index in self._track_of_stream)]
        starts = [s.start_time * s.time_base for s in streams if s.start_time is not None and s.time_base]
        tick = self.video.time_base
        return max(Fraction(0), int(min([first_time, *starts]) / tick) * tick)

    def _seek(self) -> None:
        """Goes near the start of the wanted part; where that cannot be, all before it is read instead."""
        from av.error import FFmpegError

        if self._stream.time_base:
            with suppress(FFmpegError, OSError, ValueError):
                self._container.seek(int(self._start / self._stream.time_base), stream=self._stream)

    def _first_frame(self) -> VideoFrame:
        """The first picture of the wanted part; packets met on the way are kept for items()."""
        for item in self._frames:
            if isinstance(item, Packet):
                self._read_ahead.append(item)
            elif self._cut and (self._time(item) or Fraction(0)) < self._start:
                # Sound from before the last picture known to be too early cannot be wanted.
                horizon = self._time(item) or Fraction(0)
                while self._read_ahead and self._ends_before(self._read_ahead[0], horizon):
                    self._read_ahead.popleft()
            else:
                return item
        if self._cut:
            raise UnsupportedInput(f"{self._name} ends before the start asked for")
        raise UnsupportedInput(f"{self._name} holds no picture that FFmpeg can decode")

    def _describe(self, frame: VideoFrame, scale: str | None) -> None:
        stream, name = self._stream, self._container.format.name
        still = any(name == part or name.endswith(part) for part in STILL_FORMATS)
        self._still = still = still and (stream.frames or stream.duration or 1) == 1
        size = (frame.width, frame.height)
        wanted = parse_scale(scale, *size) if scale else size
        rotation, self._mirrored = orientation_of(frame)
        rate = stream.average_rate or stream.guessed_rate
        alpha = has_transparency(frame) or stream.metadata.get("alpha_mode") == "1"
        interlaced = frame.interlaced_frame or stream.codec_context.field_order in INTERLACED_FIELD_ORDERS
        self.video = VideoFormat(
            width=wanted[0],
            height=wanted[1],
            time_base=frame.time_base or stream.time_base or Fraction(1, 25),
            frame_rate=None if still or not rate or rate > MAX_FRAME_RATE else rate,
            sample_aspect_ratio=scaled_aspect(stream.sample_aspect_ratio or Fraction(1), size, wanted),
            rotation=rotation,
            chroma=chroma_of(frame.format),
            bit_depth=bit_depth_of(frame.format),
            colour=colour_of(frame),
            interlaced=interlaced,
            alpha=alpha,
        )
        if alpha:
            self.warnings.append("transparency is dropped: pictures are coded opaque")
        if interlaced:
            self.warnings.append(
                "the video is interlaced; its pictures are coded as they are, two fields in one"
            )

    def _count_frames(self, start_s: float, duration_s: float | None) -> int | None:
        if self._still:
            return 1
        stream, rate = self._stream, self.video.frame_rate
        total_s: float | None = None
        if stream.duration and stream.time_base:
            total_s = float(stream.duration * stream.time_base)
        elif self._container.duration:
            total_s = self._container.duration / 1e6
        whole = stream.frames or (round(total_s * rate) if total_s and rate else None)
        if not start_s and duration_s is None:
            return whole
        left_s = None if total_s is None else max(total_s - start_s, 0.0)
        part_s = min((value for value in (left_s, duration_s) if value is not None), default=None)
        if part_s is None or rate is None:
            return whole
        count = max(1, round(part_s * rate))
        return count if whole is None else min(count, whole)

    # Reading

    def _read_packets(self, streams: list[Stream]) -> Iterator[AvPacket]:
        """One pass over the file. A read error ends it, as the end of the file does: decoders are emptied."""
        from av.error import FFmpegError
        from av.packet import Packet as AvPacket

        try:
            yield from self._container.demux(streams)
        except FFmpegError as error:
            self.warnings.append(f"reading stopped early: {error.strerror}")
            end = AvPacket()
            end.stream = self._stream
            yield end

    def _demux(self) -> Iterator[VideoFrame | Packet]:
        """Decoded frames, and packets of the tracks with the file's own times."""
        for packet in self._packets:
            if packet.dts is not None and packet.time_base:
                self._demuxed = max(self._demuxed, packet.dts * packet.time_base)
            if packet.stream_index == self._stream.index and packet.stream is self._stream:
                yield from self._decode(packet)
            elif packet.size and packet.stream_index in self._track_of_stream:
                yield self._packet_of(packet)

    def _decode(self, packet: AvPacket) -> Iterator[VideoFrame]:
        from av.error import EOFError as AvEndOfFile
        from av.error import FFmpegError

        try:
            yield from self._stream.decode(packet)
        except AvEndOfFile:
            return
        except FFmpegError:
            self._damaged += 1

    def _packet_of(self, packet: AvPacket) -> Packet:
        return Packet(
            track=self._track_of_stream[packet.stream_index],
            pts=packet.pts,
            dts=packet.dts,
            duration=packet.duration or 0,
            keyframe=packet.is_keyframe,
            data=bytes(packet),
        )

    def _place_packet(self, packet: Packet, origin: Fraction, end: Fraction | None) -> Packet | None:
        """The packet with its times counted from `origin`; None when it is not within the wanted part."""
        track = self.tracks[packet.track]
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None:
            return packet
        begins = pts * track.time_base
        if end is not None and begins >= end:
            return None
        shift = round(origin / track.time_base)
        dts = None if packet.dts is None else packet.dts - shift
        duration, pts = packet.duration, pts - shift
        if self._cut and begins < origin:
            if track.kind == "audio" or begins + duration * track.time_base <= origin:
                return None
            duration, pts, dts = duration + pts, 0, 0  # a subtitle that is on when the part begins
        return Packet(packet.track, pts, dts, duration, packet.keyframe, packet.data)

    def _ends_before(self, packet: Packet, time: Fraction) -> bool:
        pts = packet.pts if packet.pts is not None else packet.dts
        return pts is not None and (pts + packet.duration) * self.tracks[packet.track].time_base < time

    def _time(self, frame: VideoFrame) -> Fraction | None:
        """Time of a frame in seconds, None when the file does not say."""
        base = frame.time_base or self._stream.time_base
        return None if frame.pts is None or base is None else frame.pts * base
