"""The language model's tokenizer at videos: GOPs of pictures to its tokens, and tokens to pictures.

Its tokens are all there is to a picture, so unlike the codec's they need no closed loop and no prior. The last step
of a GOP is filled up by repeating its last frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from nvcodec.errors import NvcodecError, UnsupportedInput
from nvcodec.media import Picture, VideoFormat
from nvcodec.tokenizer.causal_conv import CausalState
from nvcodec.tokenizer.compact import CompactTokenizer
from nvcodec.tokenizer.frames import to_planes
from nvcodec.tokenizer.motion import STEP_FRAMES
from nvcodec.weights import LoadedNetwork, tokenizer_of

from .clip import VOCABULARY, GopTimes

BATCH = 16  # clips coded at once


def checked_tokenizer(loaded: LoadedNetwork) -> CompactTokenizer:
    """The tokenizer that was loaded. NvcodecError for another network, and for tokens that an archive cannot hold."""
    network = tokenizer_of(loaded)
    if network.vocabulary > VOCABULARY:
        raise NvcodecError(f"{loaded.name} has {network.vocabulary} tokens, more than the {VOCABULARY} of an archive")
    return network


def tokens_of_steps(network: CompactTokenizer, steps: Iterable[Tensor]) -> np.ndarray:
    """Tokens `[T', h, w]` uint32 of a GOP's steps, each `[6, T, H/2, W/2]`: one frame, then four at a time."""
    state: CausalState | None = None
    found = []
    for step in steps:
        wanted = 1 if state is None else STEP_FRAMES
        whole = torch.cat([step, step[:, -1:].expand(-1, wanted - step.shape[1], -1, -1)], 1)[None]
        tokens, state = network.encode(whole.to(device_of(network)), state)
        found.append(tokens[0].cpu())
    return torch.cat(found).numpy().astype(np.uint32)


def pictures_of_tokens(
    network: CompactTokenizer, video: VideoFormat, gop: GopTimes, tokens: np.ndarray
) -> Iterator[Picture]:
    """The pictures of a GOP of tokens `[T', h, w]`, with the times they had; mirror of `tokens_of_steps`.

    UnsupportedInput for tokens that the network does not have.
    """
    if int(tokens.max()) >= network.vocabulary:
        raise UnsupportedInput(f"token {int(tokens.max())} is not in 0…{network.vocabulary - 1}, all that there are")
    durations = [*(late - early for early, late in pairwise(gop.pts)), gop.duration]
    done = 0
    state: CausalState | None = None
    for step in torch.from_numpy(tokens.astype(np.int64)).to(device_of(network)).split(1):
        frames, state = network.decode(step[None], state)
        planes = to_planes(frames[0].float(), video.width, video.height, video.bit_depth)
        for y, u, v in planes[: len(gop.pts) - done]:  # without those that fill the last step
            yield Picture(gop.pts[done], y, u, v, durations[done])
            done += 1


@torch.inference_mode()
def encoded(network: CompactTokenizer, frames: Tensor) -> Tensor:
    """Tokens `[n, T', h, w]` int64, on the CPU, of clips `[n, 6, 1 + 4k, H/2, W/2]`."""
    device = device_of(network)
    return torch.cat([network.encode(part.to(device))[0].cpu() for part in frames.split(BATCH)])


@torch.inference_mode()
def decoded(network: CompactTokenizer, tokens: Tensor) -> Tensor:
    """Frames `[n, 6, T, H/2, W/2]` float32, on the CPU; mirror of `encoded`."""
    device = device_of(network)
    return torch.cat([network.decode(part.to(device))[0].float().cpu() for part in tokens.split(BATCH)])


def device_of(network: torch.nn.Module) -> torch.device:
    """Where a network computes."""
    return next(network.parameters()).device
