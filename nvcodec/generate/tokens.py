"""Videos and `.mgv` files become tokens, and tokens become either again.

Tokens of a codec's model are its token reading, and all the work is the codec's: its closed loop chooses them, its
prior and ANS make a `.mgv` file of them, its decoder shows them. Tokens of the language model's tokenizer become a
video (`compact_tokens.py`) and no `.mgv` file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import ContainerReader, ContainerWriter, GopChunk
from nvcodec.codec import Progress, Watcher
from nvcodec.codec.decode import DecodedGop, levels_of, pictures_of
from nvcodec.codec.gop import TOKENS, GopQuality, analyse
from nvcodec.codec.gop_coding import AnalysedGop, chunk_of
from nvcodec.codec.gop_size import gop_frames, grid_size
from nvcodec.codec.headers import header_of, model_of, video_of
from nvcodec.codec.intake import Steps, parts_of
from nvcodec.codec.threads import torch_threads
from nvcodec.errors import NvcodecError, UnsupportedInput
from nvcodec.media import MediaReader, MediaWriter, Picture
from nvcodec.prior.choosing import LevelChooser
from nvcodec.tokenizer.frames import from_planes
from nvcodec.tokenizer.lfq import pack, unpack
from nvcodec.tokenizer.motion import MOTION_DIMS
from nvcodec.weights import Model, installed, load, load_by_id, load_network, load_network_by_hash
from nvcodec.weights.catalogue import CODEC, every_model, own_folder

from .archive import TOKENS_MAX
from .clip import TOKEN_BITS, GopTimes, TokenClip
from .compact_tokens import checked_tokenizer, pictures_of_tokens, tokens_of_steps

Size = tuple[int, int]  # h and w, in positions
Gop = tuple[GopTimes, np.ndarray]  # with its tokens [T', h, w]


def clip_of_video(
    source: str | Path | BinaryIO,
    *,
    model: str = "tiny",
    device: str = "cpu",
    gop: int | None = None,
    start_s: float = 0.0,
    duration_s: float | None = None,
    scale: str | None = None,
    threads: int = 0,
    progress: Watcher | None = None,
) -> TokenClip:
    """The tokens of what `source` holds, as `MediaReader` takes it; the options are those of `EncodeOptions`.

    NvcodecError and its kin for what cannot be read, or has more tokens than an archive may hold.
    """
    with (
        torch_threads(threads),
        MediaReader(source, start_s=start_s, duration_s=duration_s, scale=scale, audio=False, threads=threads) as media,
    ):
        video = media.video
        reading, sha256 = _reading_of(model, device)
        size = grid_size(video.width, video.height)
        done = 0

        def tokens_of_gop(steps: Steps, own: GopQuality) -> Gop:
            nonlocal done
            seen: list[Picture] = []

            def tensors() -> Iterator[Tensor]:
                for step in steps:
                    seen.extend(step)
                    yield torch.stack([from_planes(p.y, p.u, p.v, video.bit_depth) for p in step], dim=1)

            tokens = reading(tensors(), own, size)
            done += len(seen)
            if progress is not None:
                progress(Progress("tokenizing", done, media.frame_count))
            return GopTimes(tuple(p.pts for p in seen), seen[-1].duration), tokens

        parts = parts_of(media, gop_frames(video.width, video.height, gop), 0, tokens_of_gop)
        gops = list(_bounded(part.gop for part in parts if part.gop is not None))
    return _joined(gops, partial(TokenClip, video=video, model_sha256=sha256))


def clip_of_coded(file: BinaryIO, progress: Watcher | None = None) -> TokenClip:
    """The tokens of a `.mgv` file that `encode --tokens` wrote, without computing a pixel; `file` is left open.

    UnsupportedInput for a file of pictures, BitstreamError and NvcodecError for a damaged one.
    """
    reader = ContainerReader(file)
    header = reader.header
    if not header.tokens:
        raise UnsupportedInput(
            "the file holds levels, not tokens; nvcodec decode makes a video of it, and that has tokens"
        )
    model, size = _checked(model_of(header, "cpu")), grid_size(header.width, header.height)
    done = 0

    def tokens_of_chunk(number: int, chunk: GopChunk) -> Gop:
        nonlocal done
        tokens = tokens_of_levels(levels_of(model, header, number, chunk), size)
        done += len(chunk.pts)
        if progress is not None:
            progress(Progress("reading", done, None))
        return GopTimes(chunk.pts, chunk.duration), tokens

    chunks = (chunk for chunk in reader.chunks() if isinstance(chunk, GopChunk))
    gops = list(_bounded(tokens_of_chunk(number, chunk) for number, chunk in enumerate(chunks)))
    return _joined(gops, partial(TokenClip, video=video_of(header), model_sha256=model.sha256))


def write_coded(clip: TokenClip, file: BinaryIO, progress: Watcher | None = None) -> int:
    """Write the tokens to `file` as `.mgv`, without loss; how many bytes that took. `file` need not seek.

    Mirror of `clip_of_coded`. ModelMismatch when the weights that the tokens are of are not here, NvcodecError when
    these are no codec.
    """
    if _kind_of(clip.model_sha256) != CODEC:
        raise NvcodecError("a .mgv file holds a codec's tokens, and these are another model's; make a video of them")
    model = _model_of(clip, "cpu")
    size = clip.tokens.shape[1:]
    writer = ContainerWriter(file)
    writer.write_header(header_of(clip.video, (), {}, model, tokens=True))
    done = 0
    for gop, tokens in clip.by_gop():
        chooser = LevelChooser(model.prior, *size)
        frames = []
        with torch.inference_mode():
            for latent in signs_of_tokens(tokens):
                chooser.begin(0)
                frames.append(chooser.signs(latent))
        writer.write_gop(chunk_of(model, AnalysedGop(gop.pts, gop.duration, size, TOKENS, tuple(frames))))
        done += len(gop.pts)
        if progress is not None:
            progress(Progress("encoding", done, clip.frames))
    writer.finish()
    return writer.bytes_written


def write_video(
    clip: TokenClip,
    target: str | Path | BinaryIO,
    *,
    lossless: bool = False,
    container: str | None = None,
    replace: bool = False,
    device: str = "cpu",
    threads: int = 0,
    progress: Watcher | None = None,
) -> tuple[str, ...]:
    """Write the video that the tokens stand for, as `MediaWriter` takes `target`; returns its warnings.

    Mirror of `clip_of_video`. ModelMismatch when the weights are not here, OutputError for what cannot be written.
    """
    if _kind_of(clip.model_sha256) == CODEC:
        shown = pictures_of_clip(clip, _model_of(clip, device))
    else:
        network = checked_tokenizer(load_network_by_hash(clip.model_sha256, "the archive", own_folder(), device))
        shown = chain.from_iterable(pictures_of_tokens(network, clip.video, *gop) for gop in clip.by_gop())
    options = {"lossless": lossless, "container": container, "threads": threads, "replace": replace}
    with torch_threads(threads), MediaWriter(target, clip.video, (), {}, **options) as out:
        for done, picture in enumerate(shown, start=1):
            out.write(picture)
            if progress is not None:
                progress(Progress("decoding", done, clip.frames))
    return tuple(out.warnings)


def pictures_of_clip(clip: TokenClip, model: Model) -> Iterator[Picture]:
    """The pictures that the tokens stand for, with the times they had; `model` is the one they are of."""
    for gop, tokens in clip.by_gop():
        chunk = GopChunk(gop.pts, gop.duration, TOKENS.others, TOKENS.first, b"", 0, b"")
        yield from pictures_of(model, clip.video, DecodedGop(chunk, levels_of_tokens(tokens, model)))


def tokens_of_levels(levels: Iterable[Tensor], size: Size) -> np.ndarray:
    """Tokens `[T', h, w]` uint32 of the levels `[h·w, 4 + D]` of latent frames, read as tokens; `size` is (h, w)."""
    signs = torch.stack([level[:, MOTION_DIMS : MOTION_DIMS + TOKEN_BITS] for level in levels])  # [T', h·w, 18]
    return pack(signs).reshape(-1, *size).numpy().astype(np.uint32)


def signs_of_tokens(tokens: np.ndarray) -> Tensor:
    """Signs `[T', h·w, 18]` float32 in ±1 of tokens `[T', h, w]`."""
    return unpack(torch.from_numpy(tokens.astype(np.int64)), TOKEN_BITS).flatten(1, 2)


def levels_of_tokens(tokens: np.ndarray, model: Model) -> Tensor:
    """Mirror of `tokens_of_levels`: `[T', h·w, 4 + D]` int16, without motion and what is beyond the token zero."""
    signs = signs_of_tokens(tokens)
    levels = torch.zeros(*signs.shape[:2], MOTION_DIMS + model.prior.config.latent_dims, dtype=torch.int16)
    levels[..., MOTION_DIMS : MOTION_DIMS + TOKEN_BITS] = signs.to(torch.int16)
    return levels


def _reading_of(name: str, device: str) -> tuple[Callable[[Iterator[Tensor], GopQuality, Size], np.ndarray], str]:
    """What makes tokens `[T', h, w]` of a GOP's steps at a grid (h, w), by the model of that name; and its SHA-256."""
    if any(model.name == name and model.kind != CODEC for model in installed()):
        loaded = load_network(name, device)
        network = checked_tokenizer(loaded)
        return lambda steps, own, size: tokens_of_steps(network, steps), loaded.sha256
    model = _checked(load(name, device))

    def read(steps: Iterator[Tensor], own: GopQuality, size: Size) -> np.ndarray:
        return tokens_of_levels((frame.level for frame in analyse(model, steps, own)), size)

    return read, model.sha256


def _kind_of(sha256: str) -> str:
    """The kind of the model with that hash; CODEC where there is none, for whose sake that is said."""
    return next((model.kind for model in every_model() if model.sha256 == sha256), CODEC)


def _model_of(clip: TokenClip, device: str) -> Model:
    return _checked(load_by_id(bytes.fromhex(clip.model_sha256[:32]), device))


def _checked(model: Model) -> Model:
    if model.token_dims != TOKEN_BITS:
        raise NvcodecError(f"tokens of the model {model.name} have {model.token_dims} bits, not {TOKEN_BITS}")
    return model


def _bounded(gops: Iterable[Gop]) -> Iterator[Gop]:
    """The GOPs, as long as they fit an archive."""
    count = 0
    for gop in gops:
        count += gop[1].size
        if count > TOKENS_MAX:
            raise NvcodecError(f"it has more than {TOKENS_MAX} tokens; --duration or --scale 1/2 take fewer")
        yield gop


def _joined(gops: list[Gop], clip: partial[TokenClip]) -> TokenClip:
    if not gops:
        raise UnsupportedInput("there is no picture in it")
    tokens = np.concatenate([tokens for _, tokens in gops])
    return clip(tokens, gops=tuple(times for times, _ in gops))
