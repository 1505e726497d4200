"""Scenes made of photographs: parallax, moving cut-outs, changing light, noise and cuts, for want of more video.

A background under a moving camera; before it up to three cut-outs of other photographs, each nearer, so that the
camera's motion moves it faster, and moving by itself; over all the light drifts and the sensor adds noise; and now
and then everything changes at once. The same generator state gives the same scene.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.tokenizer.frames import to_frames
from nvcodec.train.camera import draw_path, view

CUT_SHARE, LIGHT_SHARE, NOISE_SHARE = 0.2, 0.4, 0.4  # of the scenes have a cut, changing light, noise
CUT_OUTS = 3  # at most
NEARER = 2.0  # times that the nearest cut-out's motion by the camera exceeds the background's
OWN_PACE = 2.0  # luma pixels a frame that a cut-out moves by itself, at most a side
WAVES = 4  # of a cut-out's outline
LIGHT_DRIFT = 0.25  # share of the light that comes or goes over a clip, at most
NOISE = 4.0  # standard deviation, at most, in 8-bit values
GREY = 128  # chroma without colour


def scene(still: Callable[[], Tensor], frames: int, crop: int, g: torch.Generator) -> Tensor:
    """Frames `[6, frames, crop/2, crop/2]` of photographs that `still` gives, `[6, H/2, W/2]` uint8 each."""
    packed = _shot(still, frames, crop, g)
    if frames > 1 and _chance(CUT_SHARE, g):
        at = 1 + int(torch.randint(frames - 1, (), generator=g))
        packed = torch.cat([packed[:at], _shot(still, frames - at, crop, g)])
    return to_frames(packed.transpose(0, 1))


def _shot(still: Callable[[], Tensor], frames: int, crop: int, g: torch.Generator) -> Tensor:
    """8-bit values `[frames, 6, crop/2, crop/2]` between two cuts."""
    path = draw_path(g)
    picture = view(still(), path, frames, crop, g)
    for number in range(int(torch.randint(CUT_OUTS + 1, (), generator=g))):  # the later the nearer
        nearer = path.deeper(
            1 + (NEARER - 1) * (number + 1) / CUT_OUTS, OWN_PACE * (2 * torch.rand(2, generator=g) - 1)
        )
        moved = view(still(), nearer, frames, crop, g)
        # content and outline go together: as the camera goes right, what it sees goes left
        mask = _outline(-nearer.velocity, frames, crop, g)
        picture = torch.lerp(picture, moved, mask)
    if _chance(LIGHT_SHARE, g):
        picture = _lit(picture, g)
    if _chance(NOISE_SHARE, g):
        sigma = NOISE * torch.rand((), generator=g)
        picture = picture + sigma * torch.randn(picture.shape, generator=g)
    return picture.round().clamp(0, 255)


def _outline(velocity: Tensor, frames: int, crop: int, g: torch.Generator) -> Tensor:
    """How much of a cut-out is seen, 0…1 `[frames, 6, crop/2, crop/2]`: a closed wavy line that moves along."""
    radius = crop * (0.1 + 0.25 * torch.rand((), generator=g))
    centre = crop * torch.rand(2, generator=g)
    heights = 0.3 * torch.rand(WAVES, generator=g) / torch.arange(1, WAVES + 1)
    phases = 2 * torch.pi * torch.rand(WAVES, generator=g)
    t = torch.arange(frames) - (frames - 1) / 2
    middle = centre + t[:, None] * velocity  # [T, 2]
    axis = torch.arange(crop) + 0.5
    x = axis[None, None, :] - middle[:, 0, None, None]
    y = axis[None, :, None] - middle[:, 1, None, None]
    angle = torch.atan2(y, x)[..., None]  # [T, crop, crop, 1]
    edge = radius * (1 + (heights * torch.cos(torch.arange(1, WAVES + 1) * angle + phases)).sum(-1))
    inside = torch.sigmoid(2 * (edge - torch.hypot(x, y)))[:, None]  # about a pixel wide, as lenses make edges
    return torch.cat([F.pixel_unshuffle(inside, 2), F.avg_pool2d(inside, 2).expand(-1, 2, -1, -1)], 1)


def _lit(picture: Tensor, g: torch.Generator) -> Tensor:
    """The light coming or going over the clip; colours keep their saturation."""
    drift = LIGHT_DRIFT * (2 * torch.rand((), generator=g) - 1)
    gain = 1 + drift * torch.linspace(-1, 1, len(picture))[:, None, None, None]
    return torch.cat([picture[:, :4] * gain, (picture[:, 4:] - GREY) * gain + GREY], 1)


def _chance(share: float, g: torch.Generator) -> bool:
    return bool(torch.rand((), generator=g) < share)
