"""Media in and out: whatever FFmpeg reads as 4:2:0 pictures and untouched packets, and the way back.

`MediaReader` and `MediaWriter` are mirror images; what passes between them is in `formats`. FFmpeg (PyAV) is
imported when the first file is opened.
"""

from .formats import Colour, Packet, Picture, Track, VideoFormat, parse_scale
from .reader import MediaReader
from .writer import MediaWriter

__all__ = ["Colour", "MediaReader", "MediaWriter", "Packet", "Picture", "Track", "VideoFormat", "parse_scale"]
