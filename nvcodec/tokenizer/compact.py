"""`compact`: the tokenizer of the language model, whose tokens alone draw the picture.

MAGVIT-v2's causal order (Yu et al. 2023, section 3.2) with patches straight to 1/8 resolution: the first frame by
itself, then four at a time, each group a latent frame of one token for 8 × 8 pixels. Unlike `tiny` it has no motion
and no residual of an earlier picture, so a token means the same wherever it stands, and what is generated need not
be decoded to be gone on with.

Shapes: B batch, t latent frames, h × w positions of 8 × 8 pixels, C features, D latent dimensions; channels last.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import torch
from torch import Tensor, nn

from nvcodec.errors import NvcodecError
from nvcodec.tokenizer import lfq
from nvcodec.tokenizer.causal_conv import CausalState
from nvcodec.tokenizer.compact_blocks import Analysis, Synthesis, Trunk
from nvcodec.tokenizer.lfq import LfqConfig
from nvcodec.tokenizer.motion import STEP_FRAMES
from nvcodec.tokenizer.tiny import FRAME_DIMS, PATCH, PHASES, patchify, unpatchify
from nvcodec.tokenizer.vector_quantization import Codebook

QUANTIZERS = ("lfq", "vq")


@dataclass(frozen=True)
class CompactConfig:
    """Sizes of the network. The defaults are those of the shipped weights.

    `quantizer` is "lfq", of 2^token_bits tokens, or "vq", of `codebook` tokens of `code_dims` dimensions.
    NvcodecError for any other.
    """

    width: int = 256
    encoder_blocks: int = 3
    decoder_blocks: int = 5
    expansion: int = 2
    quantizer: str = "lfq"
    token_bits: int = 18
    codebook: int = 8192
    code_dims: int = 18

    def __post_init__(self) -> None:
        if self.quantizer not in QUANTIZERS:
            raise NvcodecError(f"the quantizer {self.quantizer!r} is none of {', '.join(QUANTIZERS)}")

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return 2**self.token_bits if self.quantizer == "lfq" else self.codebook

    @property
    def latent_dims(self) -> int:
        """D, the dimensions that are quantized."""
        return self.token_bits if self.quantizer == "lfq" else self.code_dims


class CompactTokenizer(nn.Module):
    """`encode` and `decode` code videos of any length in pieces, `forward` trains.

    Both step through a video one latent frame at a time, so that floating point does the same sums however it is cut:
    tokens coded chunk by chunk equal those coded whole, bit for bit.
    """

    def __init__(self, config: CompactConfig = CompactConfig()) -> None:
        super().__init__()
        self.config = config
        width, dims = config.width, config.latent_dims
        feedback = config.quantizer == "lfq"
        self.first_analysis = Analysis(FRAME_DIMS, width, dims, feedback=feedback)
        self.next_analysis = Analysis(STEP_FRAMES * FRAME_DIMS, width, dims, feedback=feedback)
        self.encoder = Trunk(width, config.expansion, config.encoder_blocks)
        self.to_latent = nn.Linear(width, dims)
        self.codebook = Codebook(config.codebook, dims) if config.quantizer == "vq" else None
        self.decoder = Trunk(width, config.expansion, config.decoder_blocks)
        self.first_synthesis = Synthesis(FRAME_DIMS, width, dims)
        self.next_synthesis = Synthesis(STEP_FRAMES * FRAME_DIMS, width, dims)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.config.vocabulary

    @property
    def bits(self) -> float:
        """What a token costs where all are as likely."""
        return log2(self.vocabulary)

    @torch.no_grad()
    def encode(self, frames: Tensor, state: CausalState | None = None) -> tuple[Tensor, CausalState]:
        """Tokens `[B, t, h, w]` int64 of frames `[B, 6, T, 4h, 4w]`, and the state to carry on with.

        A video starts where `state` is None, with 1 + 4k frames for 1 + k latent frames; every later chunk has 4k
        frames for k. ValueError for other shapes, and for a state of another network or size of picture.
        """
        found = []
        for step in self._steps(frames, state):
            _, latent, state = self._analyse(step, state)
            found.append(self.tokens(latent))
        assert state is not None  # there is a step
        return torch.cat(found, 1), state

    @torch.no_grad()
    def decode(self, tokens: Tensor, state: CausalState | None = None) -> tuple[Tensor, CausalState]:
        """Frames `[B, 6, T, 4h, 4w]` of tokens `[B, t, h, w]`, and the state to carry on with; mirror of `encode`.

        T = 4t − 3 where a video starts (`state` is None), else 4t. ValueError for a token outside the vocabulary, and
        for a state of another network or size of picture.
        """
        if tokens.dim() != 4 or not tokens.numel():
            raise ValueError(f"tokens are [B, t, h, w], not {list(tokens.shape)}")
        frames = []
        for step in self.codes(tokens).split(1, 1):
            drawn, state = self._synthesise(step, state)
            frames.append(drawn)
        assert state is not None  # there is a step
        return torch.cat(frames, 2), state

    @torch.no_grad()
    def features(self, frames: Tensor) -> Tensor:
        """What the encoder knows at every position `[B, t, h, w, C]` float32, of whole videos `[B, 6, T, 4h, 4w]`.

        Features have seen their position, its neighbourhood and what came before, and have a root mean square of one.
        What a linear layer makes of them corrects the latent that tokens are read off. T = 1 + 4k as for `encode`.
        """
        state, found = None, []
        for step in self._steps(frames, None):
            x, _, state = self._analyse(step, state)
            found.append(x.float())
        return torch.cat(found, 1)

    def forward(self, frames: Tensor, config: LfqConfig, step: int) -> tuple[Tensor, Tensor]:
        """Whole videos `[B, 6, T, 4h, 4w]` as their tokens give them back, and what the quantizer adds to the loss.

        `config` weighs that loss at a training `step` for "lfq"; "vq" has its own weights.
        """
        _, latent, _ = self._analyse(frames, None)
        if self.codebook is None:
            codes, added = lfq.quantize(latent), lfq.regularizer(latent, config, step)
        else:
            codes, added = self.codebook.quantize(latent)
        return self._synthesise(codes, None)[0], added

    def tokens(self, latent: Tensor) -> Tensor:
        """Tokens `[...]` int64 of latents `[..., D]`."""
        return lfq.pack(latent) if self.codebook is None else self.codebook.tokens(latent)

    def codes(self, tokens: Tensor) -> Tensor:
        """What tokens `[...]` stand for, `[..., D]`. ValueError for one outside the vocabulary."""
        if self.codebook is not None:
            return self.codebook.codes_of(tokens)
        return lfq.unpack(tokens, self.config.token_bits, self.first_synthesis.embed.weight.dtype)

    @torch.no_grad()
    def start_from_pca(self, first: Tensor, following: Tensor) -> None:
        """Let linear transforms alone do what they can for as many patches `[N, 96]` as `[N, 384]`.

        What is random in it is drawn from PyTorch's own generator.
        """
        self.first_synthesis.start(self.first_analysis.start(first))
        self.next_synthesis.start(self.next_analysis.start(following))
        nn.init.zeros_(self.to_latent.weight)
        nn.init.zeros_(self.to_latent.bias)
        if self.codebook is not None:
            pairs = ((self.first_analysis, first), (self.next_analysis, following))
            self.codebook.start(torch.cat([part.transform(patches) for part, patches in pairs]))

    def _steps(self, frames: Tensor, state: CausalState | None) -> list[Tensor]:
        """`frames` latent frame by latent frame."""
        self._check(frames, starts=state is None)
        first = 1 if state is None else STEP_FRAMES
        return [step for step in (frames[:, :, :first], *frames[:, :, first:].split(STEP_FRAMES, 2)) if step.shape[2]]

    def _analyse(self, frames: Tensor, state: CausalState | None) -> tuple[Tensor, Tensor, CausalState]:
        """Features `[B, t, h, w, C]` and latents `[B, t, h, w, D]` of frames `[B, 6, T, 4h, 4w]`."""
        starts = state is None
        patches = [(self.first_analysis, patchify(frames[:, :, :1])[:, None])] if starts else []
        following = frames[:, :, 1:] if starts else frames
        if following.shape[2]:
            groups = following.unflatten(2, (-1, STEP_FRAMES)).transpose(1, 2)  # [B, t, 6, 4, 4h, 4w]
            patches.append((self.next_analysis, patchify(groups.flatten(0, 1)).unflatten(0, groups.shape[:2])))
        x, after = self.encoder(torch.cat([part.embed(own) for part, own in patches], 1), state)
        corrections = self.to_latent(x).split([own.shape[1] for _, own in patches], 1)
        latents = [part.latent(own, added) for (part, own), added in zip(patches, corrections, strict=True)]
        return x, torch.cat(latents, 1), after

    def _synthesise(self, codes: Tensor, state: CausalState | None) -> tuple[Tensor, CausalState]:
        """Frames `[B, 6, T, 4h, 4w]` of codes `[B, t, h, w, D]`; mirror of `_analyse`."""
        starts = state is None
        codes_of = [(self.first_synthesis, codes[:, :1])] if starts else []
        following = codes[:, 1:] if starts else codes
        if following.shape[1]:
            codes_of.append((self.next_synthesis, following))
        x, after = self.decoder(torch.cat([part.embed(own) for part, own in codes_of], 1), state)
        features = x.split([own.shape[1] for _, own in codes_of], 1)
        parts = []
        for (part, own), seen in zip(codes_of, features, strict=True):
            groups = unpatchify(part(seen, own).flatten(0, 1)).unflatten(0, own.shape[:2])  # [B, t, 6, T, 4h, 4w]
            parts.append(groups.transpose(1, 2).flatten(2, 3))
        return torch.cat(parts, 2), after

    def _check(self, frames: Tensor, *, starts: bool) -> None:
        if frames.dim() != 5 or frames.shape[1] != PHASES:
            raise ValueError(f"frames are [B, {PHASES}, T, H/2, W/2], not {list(frames.shape)}")
        count, height, width = frames.shape[2:]
        if height % PATCH or width % PATCH or not height or not width:
            raise ValueError(f"frames of {2 * width}x{2 * height} are not whole positions of 8 x 8 pixels")
        if count < 1 or (count - starts) % STEP_FRAMES:
            wanted = "1 + 4k to start a video" if starts else "4k in a later chunk"
            raise ValueError(f"{count} frames cannot be coded: there must be {wanted}")
