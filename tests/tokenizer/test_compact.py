"""The language model's tokenizer: causal, the same in pieces, of one meaning everywhere, and better than nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.media import MediaReader, Picture
from nvcodec.tokenizer import CompactConfig, CompactTokenizer, LfqConfig, lfq
from nvcodec.tokenizer.frames import from_planes
from nvcodec.tokenizer.tiny import patchify, unpatchify

CARPHONE = Path(__file__).parents[1] / "clips" / "carphone.mp4"
SMALL = {"width": 16, "encoder_blocks": 2, "decoder_blocks": 2}
CUTS = [(6,), (1, 5), (2, 1, 3), (1, 1, 1, 1, 1, 1)]  # latent frames of each chunk of a video of 1 + 5


def tokenizer(**sizes: object) -> CompactTokenizer:
    torch.manual_seed(7)
    return CompactTokenizer(CompactConfig(**(SMALL | sizes)))  # type: ignore[arg-type]


def started(video: Tensor, **sizes: object) -> CompactTokenizer:
    """One whose linear transforms begin with the PCA of a video's patches."""
    network = tokenizer(**sizes)
    network.start_from_pca(patchify(video[:, :, :1]).flatten(0, 2), patchify(video[:, :, 1:5]).flatten(0, 2))
    return network


@pytest.fixture(scope="module")
def video() -> Tensor:
    """The first 21 frames of carphone's middle, 64 × 48: `[1, 6, 21, 24, 32]`."""
    with MediaReader(CARPHONE) as media:
        pictures = [item for item in media.items() if isinstance(item, Picture)][:21]
    whole = torch.stack([from_planes(p.y, p.u, p.v, 8) for p in pictures], 1)[None]
    return whole[..., 24:48, 24:56].contiguous()


def in_chunks(network: CompactTokenizer, frames: Tensor, cut: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Tokens and decoded frames of a video whose chunks have as many latent frames as `cut` says."""
    tokens, shown, start, state, decoder_state = [], [], 0, None, None
    for count in cut:
        size = 4 * count - (3 if state is None else 0)
        chunk, state = network.encode(frames[:, :, start : start + size], state)
        pictures, decoder_state = network.decode(chunk, decoder_state)
        tokens.append(chunk)
        shown.append(pictures)
        start += size
    assert start == frames.shape[2]
    return torch.cat(tokens, 1), torch.cat(shown, 2)


@pytest.mark.parametrize("quantizer", ["lfq", "vq"])
def test_a_latent_frame_has_a_token_for_every_eight_by_eight_pixels(video: Tensor, quantizer: str) -> None:
    network = started(video, quantizer=quantizer, codebook=512)
    tokens, _ = network.encode(video)
    assert tokens.shape == (1, 6, 6, 8) and tokens.dtype == torch.int64
    assert 0 <= int(tokens.min()) <= int(tokens.max()) < network.vocabulary
    assert network.vocabulary == {"lfq": 1 << 18, "vq": 512}[quantizer]
    assert len(tokens.unique()) > 20
    assert network.decode(tokens)[0].shape == video.shape
    assert network.features(video).shape == (1, 6, 6, 8, 16)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("quantizer", ["lfq", "vq"])
def test_a_video_in_chunks_has_the_tokens_and_pictures_of_the_whole(
    video: Tensor, quantizer: str, cut: tuple[int, ...]
) -> None:
    network = tokenizer(quantizer=quantizer, codebook=512)
    tokens, _ = network.encode(video)
    shown, _ = network.decode(tokens)
    chunks = in_chunks(network, video, cut)
    assert torch.equal(chunks[0], tokens)
    assert torch.equal(chunks[1], shown)


def test_changing_a_later_frame_changes_no_earlier_token_and_no_earlier_picture(video: Tensor) -> None:
    network = tokenizer()
    other = video.clone()
    other[:, :, 9:] = -other[:, :, 9:]  # from latent frame 3 on
    before, after = network.encode(video)[0], network.encode(other)[0]
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3], after[:, 3])
    shown = [network.decode(tokens)[0] for tokens in (before, torch.cat([before[:, :3], after[:, 3:]], 1))]
    assert torch.equal(shown[0][:, :, :9], shown[1][:, :, :9])
    assert not torch.equal(shown[0][:, :, 9:], shown[1][:, :, 9:])


def test_training_passes_the_video_that_encoding_and_decoding_give(video: Tensor) -> None:
    network = tokenizer().double()
    frames = video.double()
    decoded, _ = network(frames, LfqConfig(), 0)
    assert torch.allclose(decoded, network.decode(network.encode(frames)[0])[0], atol=1e-6)


def test_a_second_sign_on_a_direction_halves_what_the_first_has_left(video: Tensor) -> None:
    """With feedback 18 signs draw more than the signs of 18 directions do."""
    first = patchify(video[:, :, :1]).flatten(0, 2)
    network = started(video)
    shown, _ = network.decode(network.encode(video)[0])
    error = float((patchify(shown[:, :, :1]) - patchify(video[:, :, :1])).square().sum())

    _, vectors = torch.linalg.eigh(first.T @ first)
    coordinates = first @ vectors[:, -18:]
    drawn = (coordinates.sign() * coordinates.abs().mean(0)) @ vectors[:, -18:].T
    plain = float((drawn - first).square().sum())
    assert error < 0.5 * plain
    assert len(network.encode(video)[0].unique()) > 30


def test_a_codebook_begins_with_pictures_too(video: Tensor) -> None:
    sizes = {"quantizer": "vq", "codebook": 128}
    errors = []
    for network in (started(video, **sizes), tokenizer(**sizes)):
        shown, _ = network.decode(network.encode(video)[0])
        errors.append(float((shown - video).square().mean()))
    assert errors[0] < 0.5 * float(video.var())
    assert errors[0] < 0.1 * errors[1]


def test_a_gradient_reaches_every_parameter(video: Tensor) -> None:
    for quantizer in ("lfq", "vq"):
        network = tokenizer(quantizer=quantizer, codebook=64)
        decoded, added = network(video, LfqConfig(), 0)
        ((decoded - video).square().mean() + added).backward()
        silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum()]
        assert silent == [], quantizer


def test_it_learns_a_clip(video: Tensor) -> None:
    network = started(video)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def error() -> float:
        return float((network.decode(network.encode(video)[0])[0] - video).square().mean())

    before = error()
    for step in range(12):
        optimizer.zero_grad()
        decoded, added = network(video, LfqConfig(), step)
        (100 * (decoded - video).square().mean() + added).backward()
        optimizer.step()
    assert error() < 0.9 * before


def test_features_are_of_size_one_and_do_not_see_ahead(video: Tensor) -> None:
    network = tokenizer()
    features = network.features(video)
    assert features.dtype == torch.float32
    assert torch.allclose(features.square().mean(-1), torch.ones(1), atol=1e-3)
    assert torch.equal(network.features(video[:, :, :9]), features[:, :3])


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (torch.zeros(1, 6, 3, 8, 8), "3 frames cannot be coded: there must be 1 \\+ 4k"),
        (torch.zeros(1, 6, 1, 8, 10), "20x16 are not whole positions"),
        (torch.zeros(1, 3, 1, 8, 8), "frames are \\[B, 6"),
    ],
)
def test_frames_that_make_no_tokens_are_refused(frames: Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tokenizer().encode(frames)


def test_a_state_of_another_size_or_network_is_refused(video: Tensor) -> None:
    _, state = tokenizer().encode(video[:, :, :1])
    with pytest.raises(ValueError, match="do not follow a past"):
        tokenizer().encode(video[:, :, 1:5, :8], state)
    with pytest.raises(ValueError, match="another network"):
        tokenizer(encoder_blocks=1).encode(video[:, :, 1:5], state)


def test_tokens_outside_the_vocabulary_are_refused() -> None:
    tokens = torch.full((1, 1, 2, 2), 1 << 10)
    with pytest.raises(ValueError, match="not in 0…1023"):
        tokenizer(token_bits=10).decode(tokens)
    with pytest.raises(ValueError, match="0…63"):
        tokenizer(quantizer="vq", codebook=64).decode(tokens)


def test_a_quantizer_that_there_is_not_is_refused() -> None:
    with pytest.raises(NvcodecError, match="none of lfq, vq"):
        CompactConfig(quantizer="fsq")


def test_a_token_is_the_signs_of_its_latent() -> None:
    network = tokenizer()
    tokens = torch.from_numpy(np.arange(12).reshape(1, 1, 3, 4) * 21_845)
    assert torch.equal(lfq.pack(network.codes(tokens)), tokens)
    assert unpatchify(patchify(torch.ones(1, 6, 1, 8, 8))).shape == (1, 6, 1, 8, 8)
