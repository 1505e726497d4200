"""`nvcodec info`: what a .mgv file is and where its bits went."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from nvcodec.files import check_output

from .messages import count_text, one_line, print_json, size_text
from .options import Coded, Debug, Force, Json
from .streams import is_pipe, name_of, open_coded, refuse_same_file

if TYPE_CHECKING:
    from fractions import Fraction

    from nvcodec.bitstream import StreamHeader, TrackHeader

    from nvcodec.codec import PlaneReport

# ITU-T H.273, tables 2 to 4: those that video files carry.
PRIMARIES = {
    1: "BT.709",
    4: "BT.470 M",
    5: "BT.601 625",
    6: "BT.601 525",
    9: "BT.2020",
    11: "P3 DCI",
    12: "P3 D65",
}
TRANSFER = {
    1: "BT.709",
    6: "BT.601",
    8: "linear",
    13: "sRGB",
    14: "BT.2020",
    15: "BT.2020",
    16: "PQ",
    18: "HLG",
}
MATRIX = {0: "RGB", 1: "BT.709", 5: "BT.601", 6: "BT.601", 9: "BT.2020", 10: "BT.2020 constant luminance"}
NOT_SAID = 2

Heatmap = Annotated[
    Path | None,
    typer.Option(
        "--heatmap",
        metavar="MAP.png",
        help="Draw where in the picture the bits went; brighter is more. Implies --planes.",
        show_default=False,
    ),
]
Planes = Annotated[
    bool, typer.Option("--planes", help="Bits for each plane; decodes the planes, not the pixels.")
]


@dataclasses.dataclass(frozen=True)
class GopFacts:
    """One group of pictures. `start_s` and `duration_s` in seconds, `bits` those of its planes."""

    start_s: float
    duration_s: float
    frames: int
    quality: int
    first_quality: int
    halvings: int
    plane_counts: tuple[int, ...]
    bits: int
    bits_per_pixel: float


@dataclasses.dataclass(frozen=True)
class FileFacts:
    """All that can be said without decoding. `bytes` counts the file, `video_bytes` the planes."""

    header: StreamHeader
    bytes: int
    video_bytes: int
    track_bytes: tuple[int, ...]
    gops: tuple[GopFacts, ...]

    @property
    def frames(self) -> int:
        """Frames of all groups."""
        return sum(gop.frames for gop in self.gops)

    @property
    def duration_s(self) -> float:
        """From the first frame's beginning to the last one's end."""
        return self.gops[-1].start_s + self.gops[-1].duration_s - self.gops[0].start_s if self.gops else 0.0

    @property
    def bits_per_pixel(self) -> float:
        """Of the whole file, headers and checksums too, less the sound and subtitles."""
        return (
            8
            * (self.bytes - sum(self.track_bytes))
            / max(1, self.frames * self.header.width * self.header.height)
        )


def info(
    source: Coded,
    planes: Planes = False,
    heatmap: Heatmap = None,
    force: Force = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a .mgv file is and where its bits went.

    Size, duration, bits per pixel, per GOP and per plane, model, tracks and colour.
    """
    if heatmap is not None:
        refuse_same_file(source, heatmap)
        check_output(heatmap, force)
    if (planes or heatmap is not None) and is_pipe(source):
        raise typer.BadParameter("--planes and --heatmap read the file twice; a pipe can be read once")
    measured: PlaneReport | None = None
    with open_coded(source) as file:
        facts = read_facts(file)
        if planes or heatmap is not None:
            from nvcodec.codec import inspect

            file.seek(0)
            measured = inspect(file)
    if heatmap is not None and measured is not None:
        from .heatmap import write_heatmap

        write_heatmap(heatmap, measured.heat)
    bits_by_plane = None if measured is None else measured.bits_by_plane
    if as_json:
        print_json(as_dict(facts, bits_by_plane))
    else:
        from .info_table import print_facts

        print_facts(name_of(source), facts, rows(facts), bits_by_plane)


def read_facts(file: BinaryIO) -> FileFacts:
    """Reads the container through; a damaged or cut file raises BitstreamError."""
    from nvcodec.bitstream import ContainerReader, GopChunk

    reader = ContainerReader(file)
    header = reader.header
    pixels = header.width * header.height
    gops: list[GopFacts] = []
    track_bytes = [0] * len(header.tracks)
    for chunk in reader.chunks():
        if isinstance(chunk, GopChunk):
            bits = 8 * len(chunk.payload)
            gops.append(
                GopFacts(
                    start_s=float(chunk.pts[0] * header.time_base),
                    duration_s=float((chunk.end - chunk.pts[0]) * header.time_base),
                    frames=len(chunk.pts),
                    quality=chunk.quality,
                    first_quality=chunk.first_quality,
                    halvings=chunk.halvings,
                    plane_counts=tuple(chunk.plane_counts),
                    bits=bits,
                    bits_per_pixel=bits / (len(chunk.pts) * pixels),
                )
            )
        else:
            for packet in chunk.packets:
                track_bytes[packet.track] += len(packet.data)
    video_bytes = sum(gop.bits for gop in gops) // 8
    return FileFacts(header, reader.bytes_read, video_bytes, tuple(track_bytes), tuple(gops))


def model_name(model_id: bytes) -> str | None:
    """The installed model of that hash; None if there is none."""
    from nvcodec import weights

    names = [model.name for model in weights.installed() if model.sha256.startswith(model_id.hex())]
    return names[0] if names else None


def rows(facts: FileFacts) -> list[tuple[str, str]]:
    """The file in words: a name and a value each."""
    header = facts.header
    name = model_name(header.model_id)
    return [
        (
            "size",
            f"{size_text(facts.bytes)} ({facts.bytes:,} bytes; the pictures {size_text(facts.video_bytes)})",
        ),
        ("pictures", _pictures_text(header)),
        (
            "duration",
            f"{facts.duration_s:.3f} s, {count_text(facts.frames, 'frame')}{_rate_text(header.frame_rate)}",
        ),
        ("bits per pixel", f"{facts.bits_per_pixel:.4f} ({_bit_rate_text(facts)})"),
        ("colour", colour_text(header)),
        ("codes", "tokens: 18 sign planes" if header.tokens else "significance, sign and refinement planes"),
        (
            "model",
            f"{name or 'not installed'}, hash {header.model_id.hex()}, arithmetic profile {header.profile}",
        ),
        *(
            (f"track {n}", _track_text(t, b))
            for n, (t, b) in enumerate(zip(header.tracks, facts.track_bytes, strict=True))
        ),
        *((f"tag {key}", one_line(value)) for key, value in header.tags.items()),
    ]


def as_dict(facts: FileFacts, bits_by_plane: dict[str, float] | None) -> dict[str, Any]:
    """The file for programs. Fractions are texts such as "30000/1001"; what is not known is null."""
    header = facts.header
    colour = {
        name: getattr(header, name)
        for name in ("primaries", "transfer", "matrix", "full_range", "chroma_location")
    }
    return {
        "bytes": facts.bytes,
        "video_bytes": facts.video_bytes,
        "frames": facts.frames,
        "duration_s": facts.duration_s,
        "bits_per_pixel": facts.bits_per_pixel,
        "width": header.width,
        "height": header.height,
        "rotation": header.rotation,
        "sample_aspect_ratio": str(header.sample_aspect_ratio),
        "frame_rate": None if header.frame_rate is None else str(header.frame_rate),
        "time_base": str(header.time_base),
        "chroma": header.chroma,
        "bit_depth": header.bit_depth,
        "interlaced": header.interlaced,
        "colour": colour,
        "tokens": header.tokens,
        "model": {
            "name": model_name(header.model_id),
            "hash": header.model_id.hex(),
            "profile": header.profile,
        },
        "tracks": [
            {
                "kind": track.kind,
                "codec": track.codec,
                "language": track.language,
                "title": track.title,
                "default": track.default,
                "parameters": track.parameters,
                "bytes": count,
            }
            for track, count in zip(header.tracks, facts.track_bytes, strict=True)
        ],
        "tags": header.tags,
        "gops": [dataclasses.asdict(gop) for gop in facts.gops],
        "bits_by_plane": bits_by_plane,
    }


def colour_text(header: StreamHeader) -> str:
    """Primaries, transfer, matrix and range in words; what the file does not say is left out."""
    codes = ((PRIMARIES, header.primaries), (TRANSFER, header.transfer), (MATRIX, header.matrix))
    said = [names.get(code, f"code {code}") for names, code in codes if code != NOT_SAID]
    text = " / ".join(dict.fromkeys(said)) or "not said"
    return f"{text}, {'full' if header.full_range else 'limited'} range"


def _pictures_text(header: StreamHeader) -> str:
    chroma = "grey" if header.chroma == "400" else ":".join(header.chroma)
    parts = [f"{header.width}x{header.height}", chroma, f"{header.bit_depth} bits"]
    if header.sample_aspect_ratio != 1:
        parts.append(
            f"pixels {header.sample_aspect_ratio.numerator}:{header.sample_aspect_ratio.denominator}"
        )
    if header.rotation:
        parts.append(f"shown turned by {header.rotation}°")
    if header.interlaced:
        parts.append("interlaced")
    return ", ".join(parts)


def _rate_text(rate: Fraction | None) -> str:
    return "" if rate is None else f" ({float(rate):.5g} a second)"


def _bit_rate_text(facts: FileFacts) -> str:
    if not facts.duration_s:
        return "a still"
    return f"{8 * facts.bytes / facts.duration_s / 1000:.1f} kbit/s"


def _track_text(track: TrackHeader, count: int) -> str:
    parameters = track.parameters
    parts = [track.kind, track.codec]
    if "sample_rate" in parameters:
        parts.append(f"{parameters['sample_rate']} Hz")
    parts += [str(parameters[key]) for key in ("layout",) if key in parameters]
    parts += [text for text in (track.language, f'"{one_line(track.title)}"' if track.title else "") if text]
    return ", ".join([*parts, size_text(count)])
