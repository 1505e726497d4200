"""Tokens of the language model's tokenizer: a video becomes them and they a video, and no `.mgv` file."""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec import weights
from nvcodec.errors import ModelMismatch, NvcodecError, UnsupportedInput
from nvcodec.generate import TokenClip, clip_of_video, read_archive, write_archive, write_coded, write_video
from nvcodec.media import MediaReader, Picture
from nvcodec.tokenizer import CompactConfig, CompactTokenizer
from nvcodec.tokenizer.frames import from_planes, to_planes

BUNNY = Path(__file__).parents[1] / "clips" / "bunny.mp4"
CONFIG = CompactConfig(width=16, encoder_blocks=1, decoder_blocks=1, token_bits=12)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that NVCODEC_WEIGHTS names, with the tokenizer `mine` in it."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = CompactTokenizer(CONFIG)
    weights.save_network(tmp_path / "mine.safetensors", "compact", network, asdict(CONFIG), {})
    return tmp_path


@pytest.fixture
def clip(folder: Path) -> TokenClip:
    """Seven frames of bunny, 160×90, in GOPs of 5: the last step of the second lacks frames."""
    return clip_of_video(BUNNY, model="mine", scale="1/2", duration_s=0.28, gop=5)


def test_a_video_has_the_tokens_that_the_network_gives_its_gops(clip: TokenClip) -> None:
    assert [len(gop.pts) for gop in clip.gops] == [5, 2]
    assert clip.tokens.shape == (4, 12, 20) and int(clip.tokens.max()) < 1 << 12
    assert clip.model_sha256 == weights.load_network("mine").sha256
    with MediaReader(BUNNY, scale="1/2", duration_s=0.28) as media:
        seen = [from_planes(p.y, p.u, p.v, 8) for p in media.items() if isinstance(p, Picture)]
    network = weights.load_network("mine").module
    assert isinstance(network, CompactTokenizer)
    for frames, tokens in ((seen[:5], clip.tokens[:2]), ([seen[5], *[seen[6]] * 4], clip.tokens[2:])):
        assert np.array_equal(network.encode(torch.stack(frames, 1)[None])[0][0].numpy(), tokens)


def test_an_archive_of_them_becomes_the_video_that_the_network_draws(clip: TokenClip, tmp_path: Path) -> None:
    file = io.BytesIO()
    write_archive(clip, file)
    file.seek(0)
    write_video(read_archive(file), tmp_path / "shown.mkv", lossless=True)
    with MediaReader(tmp_path / "shown.mkv") as media:
        shown = [item for item in media.items() if isinstance(item, Picture)]
        times = [picture.pts * media.video.time_base for picture in shown]
    assert times == [pts * clip.video.time_base for gop in clip.gops for pts in gop.pts]
    network = weights.load_network("mine").module
    assert isinstance(network, CompactTokenizer)
    drawn = []
    for gop, tokens in clip.by_gop():
        frames, _ = network.decode(torch.from_numpy(tokens.astype(np.int64))[None])
        drawn += to_planes(frames[0], 160, 90, 8)[: len(gop.pts)]
    for picture, planes in zip(shown, drawn, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip((picture.y, picture.u, picture.v), planes, strict=True))


def test_they_make_no_file_of_the_codecs(clip: TokenClip) -> None:
    with pytest.raises(NvcodecError, match="holds a codec's tokens, and these are another model's"):
        write_coded(clip, io.BytesIO())


def test_without_the_network_they_cannot_be_shown(clip: TokenClip, folder: Path) -> None:
    (folder / "mine.safetensors").unlink()
    with pytest.raises(ModelMismatch):
        write_video(clip, folder / "out.mkv")


def test_tokens_that_the_network_does_not_have_are_refused(clip: TokenClip, folder: Path) -> None:
    strange = clip.tokens.copy()
    strange[0, 0, 0] = 1 << 12
    with pytest.raises(UnsupportedInput, match="token 4096 is not in 0…4095"):
        write_video(replace(clip, tokens=strange), folder / "out.mkv")


def test_a_network_that_is_no_tokenizer_is_named(folder: Path) -> None:
    wide = CompactConfig(width=16, encoder_blocks=1, decoder_blocks=1, token_bits=20)
    weights.save_network(folder / "wide.safetensors", "compact", CompactTokenizer(wide), asdict(wide), {})
    with pytest.raises(NvcodecError, match="wide has 1048576 tokens, more than the 262144 of an archive"):
        clip_of_video(BUNNY, model="wide", duration_s=0.1)


def test_what_ships_draws_a_clip_from_its_tokens_alone() -> None:
    loaded = weights.load_network("compact")
    network = loaded.module
    assert isinstance(network, CompactTokenizer) and network.vocabulary == 1 << 18
    with MediaReader(BUNNY, scale="1/2", duration_s=0.36) as media:
        frames = [from_planes(p.y, p.u, p.v, 8) for p in media.items() if isinstance(p, Picture)]
    video = torch.stack(frames, 1)[None]
    tokens, _ = network.encode(video)
    error = (network.decode(tokens)[0] - video).square().sum(1).mean() / 4  # about the mean of R, G and B
    assert float(-10 * torch.log10(error)) > 23.5  # 24.03 measured
    assert len(tokens.unique()) > 0.5 * tokens.numel()  # hardly a token stands for everything
