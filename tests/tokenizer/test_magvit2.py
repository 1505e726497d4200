"""The paper's tokenizer: its shapes and size, causality, and coding in chunks."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.media import MediaReader, Picture
from nvcodec.tokenizer import Magvit2Config, Magvit2Tokenizer, lfq
from nvcodec.tokenizer.causal_conv import CausalConv3d, CausalState
from nvcodec.tokenizer.magvit2_blocks import AdaptiveFrameNorm, FrameNorm, ResidualBlock, depth_to_space

CLIPS = Path(__file__).parents[1] / "clips"
CUTS = [  # latent frames of each chunk of a video of 1 + 5
    (6,),
    (1, 5),
    (2, 1, 3),
    (1, 1, 1, 1, 1, 1),
]


def tokenizer(dtype: torch.dtype = torch.float32, config: Magvit2Config | None = None) -> Magvit2Tokenizer:
    torch.manual_seed(7)
    return Magvit2Tokenizer(config or Magvit2Config.small()).to(dtype)


def planes(picture: Picture) -> Tensor:
    """A picture's three planes `[3, H, W]` in −1…1, chroma drawn out to the size of luma."""
    y, u, v = (torch.from_numpy(plane.astype(np.float32)) for plane in (picture.y, picture.u, picture.v))
    chroma = F.interpolate(torch.stack([u, v])[None], size=list(y.shape))[0]
    return torch.cat([y[None], chroma]) / 127.5 - 1


def clip(name: str, frames: int, rows: int, columns: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """The middle of the first frames of a clip, `[1, 3, frames, rows, columns]`."""
    with MediaReader(CLIPS / name) as media:
        pictures = [planes(item) for item in media.items() if isinstance(item, Picture)][:frames]
    assert len(pictures) == frames
    video = torch.stack(pictures, 1)[None].to(dtype)
    top, left = (video.shape[3] - rows) // 2, (video.shape[4] - columns) // 2
    return video[..., top : top + rows, left : left + columns]


def coded_in_chunks(network: Magvit2Tokenizer, frames: Tensor, cut: tuple[int, ...]) -> Tensor:
    """Latents of a video whose chunks have as many latent frames as `cut` says."""
    latents, state, start = [], None, 0
    for count in cut:
        size = 4 * count - (3 if state is None else 0)
        latent, state = network.encode(frames[:, :, start : start + size], state)
        latents.append(latent)
        start += size
    assert start == frames.shape[2]
    return torch.cat(latents, 2)


def decoded_in_chunks(network: Magvit2Tokenizer, signs: Tensor, cut: tuple[int, ...]) -> Tensor:
    frames, state = [], None
    for part in signs.split(list(cut), 2):
        frame, state = network.decode(part, state)
        frames.append(frame)
    return torch.cat(frames, 2)


def counted_by_hand(
    base: int, blocks: int, inputs: int, outputs: int, up: tuple[int, int, int], *, v2: bool
) -> int:
    """Parameters of MAGVIT's network, or of MAGVIT-v2's, by the sizes of layers; multipliers 1, 2, 2, 4.

    `inputs` enter the decoder and `outputs` leave the encoder; `up` is how many times its width each
    upsampling convolution gives, lowest resolution first.
    """
    widths = (base, 2 * base, 2 * base, 4 * base)

    def block(a: int, b: int) -> int:
        return 2 * a + 27 * a * b + 2 * b + 27 * b * b + (a * b if a != b else 0)

    def row(a: int, b: int) -> int:
        return block(a, b) + (blocks - 1) * block(b, b)

    lowest = widths[-1]
    encoder = 27 * 3 * base + sum(row(a, b) for a, b in zip((base, *widths), widths, strict=False))
    encoder += row(lowest, lowest) + 2 * lowest + lowest * outputs + outputs
    decoder = 27 * inputs * lowest + lowest + row(lowest, lowest)
    decoder += sum(row(a, b) for a, b in zip((lowest, *widths[::-1]), widths[::-1], strict=False))
    decoder += sum(27 * a * a * times + a * times for a, times in zip(widths[:0:-1], up, strict=True))
    decoder += 2 * base + 27 * base * 3 + 3
    if v2:
        encoder += sum(27 * a * a + a for a in widths[:3])  # strided convolutions
        decoder += sum((inputs + 1) * 2 * a for a in (lowest, lowest, widths[2], widths[1]))  # adaptive norms
    return encoder + decoder


# The paper's network


def test_the_paper_s_network_turns_17_frames_of_128_x_128_into_the_paper_s_5_x_16_x_16_tokens() -> None:
    with torch.device("meta"):
        network = Magvit2Tokenizer()
        frames = torch.empty(2, 3, 17, 128, 128)
    latent, _ = network.encode(frames)
    assert latent.shape == (2, 18, 5, 16, 16)
    assert network.tokens(latent).shape == (2, 5, 16, 16)
    assert network.decode(latent)[0].shape == frames.shape
    assert network(frames)[0].shape == frames.shape


def test_the_default_configuration_is_the_one_of_the_paper_s_appendix() -> None:
    config = Magvit2Config()
    assert (config.base_width, config.multipliers, config.residual_blocks) == (128, (1, 2, 2, 4), 4)
    assert (config.token_dims, config.time_factor, config.space_factor) == (18, 4, 8)


def test_counting_by_hand_arrives_at_the_41_million_parameters_that_magvit_reports() -> None:
    # MAGVIT 3D-VQ-B (Yu et al. 2022, table 6): width 64, 2 blocks, 1,024 codes of 256 dimensions. MAGVIT-v2
    # reports no count of its tokenizer's; this ties the layout that both share to a published figure.
    count = counted_by_hand(64, 2, 256, 256, (1, 1, 1), v2=False) + 1024 * 256
    assert round(count / 1e6) == 41


def test_the_paper_s_network_has_as_many_parameters_as_its_sizes_say() -> None:
    with torch.device("meta"):
        network = Magvit2Tokenizer()
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == counted_by_hand(128, 4, 18, 18, (8, 8, 4), v2=True)


def test_the_small_network_keeps_every_kind_of_layer_of_the_paper_s() -> None:
    with torch.device("meta"):
        paper, small = Magvit2Tokenizer(), Magvit2Tokenizer(Magvit2Config.small())

    def layers(network: Magvit2Tokenizer) -> set[tuple[type, tuple[int, ...] | None]]:
        return {(type(layer), getattr(layer, "stride", None)) for layer in network.modules()}

    assert layers(small) == layers(paper)
    assert {(AdaptiveFrameNorm, None), (FrameNorm, None), (ResidualBlock, None)} < layers(small)
    assert {(torch.nn.Conv3d, (1, 2, 2)), (torch.nn.Conv3d, (2, 2, 2))} < layers(small)


def test_a_configuration_survives_json() -> None:
    config = Magvit2Config.small()
    assert Magvit2Config(**json.loads(json.dumps(asdict(config)))) == config
    assert len({config, Magvit2Config(), Magvit2Config.small()}) == 2


@pytest.mark.parametrize("sizes", [{"halve_time": (True,)}, {"norm_groups": 48}, {"base_width": 0}])
def test_sizes_that_do_not_fit_together_are_an_error(sizes: dict) -> None:
    with pytest.raises(ValueError, match=r"levels have|do not fall into"):
        Magvit2Config(**sizes)


# Shapes


@torch.no_grad()
@pytest.mark.parametrize(
    ("latent_frames", "rows", "columns"), [(1, 8, 8), (1, 24, 40), (2, 16, 8), (4, 16, 24)]
)
def test_one_and_4k_frames_become_one_and_k_latent_frames_and_come_back(
    latent_frames: int, rows: int, columns: int
) -> None:
    network, frames = tokenizer(), clip("bunny.mp4", 4 * latent_frames - 3, rows, columns)
    latent, _ = network.encode(frames)
    tokens = network.tokens(latent)
    assert latent.shape == (1, 18, latent_frames, rows // 8, columns // 8)
    assert tokens.shape == (1, latent_frames, rows // 8, columns // 8) and tokens.dtype == torch.int64
    assert network.decode(network.signs(tokens))[0].shape == frames.shape


@torch.no_grad()
def test_tokens_hold_the_signs_of_the_latents_and_nothing_is_lost_on_the_way() -> None:
    network = tokenizer()
    latent, _ = network.encode(clip("carphone.mp4", 9, 32, 32))
    signs = network.signs(network.tokens(latent))
    assert torch.equal(signs, lfq.quantize(latent))
    assert torch.equal(network.tokens(signs), network.tokens(latent))
    assert len(network.tokens(latent).unique()) > 1


@torch.no_grad()
def test_a_still_image_is_a_one_frame_video() -> None:
    network, frames = tokenizer(), clip("carphone.mp4", 9, 32, 48)
    alone, _ = network.encode(frames[:, :, :1])
    video, _ = network.encode(frames)
    assert torch.equal(network.tokens(alone), network.tokens(video)[:, :1])
    assert torch.equal(alone, video[:, :, :1])
    picture, _ = network.decode(lfq.quantize(alone))
    assert torch.equal(picture, network.decode(lfq.quantize(video))[0][:, :, :1])


@torch.no_grad()
def test_a_picture_that_stands_still_has_the_same_latents_at_every_time() -> None:
    network = tokenizer(torch.float64)
    latent, _ = network.encode(clip("bunny.mp4", 1, 32, 32, torch.float64).expand(-1, -1, 13, -1, -1))
    torch.testing.assert_close(latent, latent[:, :, :1].expand_as(latent), rtol=1e-9, atol=1e-9)


def test_depth_to_space_puts_neighbouring_channels_at_neighbouring_times_and_places() -> None:
    x = torch.arange(16).reshape(1, 16, 1, 1, 1).expand(1, 16, 3, 2, 2)
    y = depth_to_space(x, 2)
    assert y.shape == (1, 2, 6, 4, 4)
    assert y[0, 0, :2, :2, :2].flatten().tolist() == list(range(8))
    assert y[0, 1, 4:, 2:, 2:].flatten().tolist() == list(range(8, 16))


# Causality


@torch.no_grad()
@pytest.mark.parametrize("way", ["step by step", "all at once"])
def test_changing_a_later_frame_changes_no_earlier_token(way: str) -> None:
    network, frames = tokenizer(), clip("carphone.mp4", 13, 16, 16)

    def latents(video: Tensor) -> Tensor:
        return network.encode(video)[0] if way == "step by step" else network.encoder(video, None)[0]

    before = latents(frames)
    for t in range(13):
        changed = frames.clone()
        changed[:, :, t] = -changed[:, :, t]
        after = latents(changed)
        own = -(-t // 4)  # the latent frame that t belongs to
        assert torch.equal(after[:, :, :own], before[:, :, :own])
        assert torch.equal(network.tokens(after)[:, :own], network.tokens(before)[:, :own])
        assert not torch.equal(after[:, :, own], before[:, :, own])


@torch.no_grad()
@pytest.mark.parametrize("way", ["step by step", "all at once"])
def test_changing_a_later_token_changes_no_earlier_frame(way: str) -> None:
    network = tokenizer()
    signs = lfq.quantize(network.encode(clip("carphone.mp4", 13, 16, 16))[0])

    def frames(signs: Tensor) -> Tensor:
        return network.decode(signs)[0] if way == "step by step" else network.decoder(signs, None)[0]

    before = frames(signs)
    for t in range(4):
        changed = signs.clone()
        changed[:, :, t] = -changed[:, :, t]
        after = frames(changed)
        own = max(0, 4 * t - 3)  # the first frame of latent frame t
        assert torch.equal(after[:, :, :own], before[:, :, :own])
        assert not torch.equal(after[:, :, own], before[:, :, own])


# Chunks


@torch.no_grad()
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", ["carphone.mp4", "bunny.mp4"])
def test_tokens_coded_in_chunks_are_those_coded_whole_bit_for_bit(name: str, cut: tuple[int, ...]) -> None:
    network, frames = tokenizer(), clip(name, 21, 48, 64)
    whole, _ = network.encode(frames)
    chunks = coded_in_chunks(network, frames, cut)
    assert torch.equal(network.tokens(chunks), network.tokens(whole))
    assert torch.equal(chunks, whole)


@torch.no_grad()
@pytest.mark.parametrize("cut", CUTS)
def test_frames_decoded_in_chunks_are_those_decoded_whole_bit_for_bit(cut: tuple[int, ...]) -> None:
    network = tokenizer()
    signs = lfq.quantize(network.encode(clip("carphone.mp4", 21, 32, 32))[0])
    assert torch.equal(decoded_in_chunks(network, signs, cut), network.decode(signs)[0])


@torch.no_grad()
@pytest.mark.parametrize("name", ["carphone.mp4", "bunny.mp4"])
def test_the_carried_state_stands_for_the_whole_past(name: str) -> None:
    # One pass over all frames carries nothing; that it agrees with the steps is what proves the carrying
    # right.
    network, frames = tokenizer(torch.float64), clip(name, 21, 32, 48, torch.float64)
    steps, _ = network.encode(frames)
    whole, _ = network.encoder(frames, None)
    torch.testing.assert_close(steps, whole, rtol=1e-9, atol=1e-9)
    signs = lfq.quantize(whole)
    stepped, at_once = network.decode(signs)[0], network.decoder(signs, None)[0]
    torch.testing.assert_close(stepped, at_once, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_the_carried_state_does_not_grow_with_the_video() -> None:
    network, frames = tokenizer(), clip("bunny.mp4", 37, 16, 16)
    _, short = network.encode(frames[:, :, :5])
    _, long = network.encode(frames)
    assert [past.shape for past in long.pasts] == [past.shape for past in short.pasts]
    for past in long.pasts:
        assert past.untyped_storage().nbytes() == past.numel() * past.element_size()
    convolutions = [layer for layer in network.encoder.modules() if isinstance(layer, CausalConv3d)]
    assert len(long.pasts) == len(convolutions)


# Errors


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 4, 16, 16), r"1 \+ 4k to start"),
        ((1, 3, 0, 16, 16), r"1 \+ 4k to start"),
        ((1, 3, 5, 16, 20), "20x16 are not whole positions"),
        ((1, 3, 5, 0, 16), "16x0 are not whole positions"),
        ((1, 4, 5, 16, 16), "frames are"),
        ((3, 5, 16, 16), "frames are"),
    ],
)
def test_frames_that_cannot_be_coded_are_an_error(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tokenizer().encode(torch.zeros(shape))


@torch.no_grad()
def test_a_later_chunk_of_other_than_4k_frames_is_an_error() -> None:
    network = tokenizer()
    _, state = network.encode(torch.zeros(1, 3, 1, 16, 16))
    with pytest.raises(ValueError, match="4k in a later chunk"):
        network.encode(torch.zeros(1, 3, 5, 16, 16), state)


@torch.no_grad()
def test_a_state_of_another_network_or_size_of_picture_is_an_error() -> None:
    network = tokenizer()
    latent, state = network.encode(torch.zeros(1, 3, 1, 16, 16))
    with pytest.raises(ValueError, match="do not follow a past"):
        network.encode(torch.zeros(1, 3, 4, 16, 24), state)
    with pytest.raises(ValueError, match="do not follow a past"):
        network.decode(latent, state)
    with pytest.raises(ValueError, match="another network"):
        network.encode(torch.zeros(1, 3, 4, 16, 16), CausalState(state.pasts[:-1]))


@pytest.mark.parametrize("shape", [(1, 17, 1, 2, 2), (1, 18, 0, 2, 2), (18, 1, 2, 2)])
def test_signs_that_cannot_be_decoded_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="signs are"):
        tokenizer().decode(torch.zeros(shape))


# Training


@pytest.mark.parametrize("term", ["picture", "regularizer"])
def test_the_loss_of_a_real_clip_reaches_every_parameter_it_depends_on(term: str) -> None:
    network, frames = tokenizer(), clip("carphone.mp4", 9, 32, 32)
    decoded, latent = network(frames)
    if term == "picture":  # through the signs to the encoder
        (decoded - frames).square().mean().backward()
        reached = network
    else:
        lfq.regularizer(latent.movedim(1, -1)).backward()
        reached = network.encoder
    for name, parameter in reached.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()) and bool((parameter.grad != 0).any()), name


def test_a_small_step_of_the_decoder_against_its_gradient_brings_the_picture_closer() -> None:
    # The decoder's gradient is a true one; the encoder's passes through signs and promises nothing of one
    # step.
    network, frames = tokenizer(torch.float64), clip("carphone.mp4", 9, 32, 32, torch.float64)
    signs = lfq.quantize(network.encode(frames)[0]).detach()
    weights = list(network.decoder.parameters())
    error = (network.decode(signs)[0] - frames).square().mean()
    gradient = torch.autograd.grad(error, weights)
    step = 1e-4 / torch.stack([part.square().sum() for part in gradient]).sum()  # to lower the error by 1e-4
    with torch.no_grad():
        for weight, part in zip(weights, gradient, strict=True):
            weight.sub_(step * part)
        lowered = error - (network.decode(signs)[0] - frames).square().mean()
    assert lowered.item() == pytest.approx(1e-4, rel=0.1)
