"""Convolutions that never look ahead, and go on where they left off."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nvcodec.tokenizer.causal_conv import CausalConv3d, CausalState, Walk

KERNELS = [  # (kernel, stride) of time
    (3, 1),
    (3, 2),
    (2, 2),
    (4, 2),
    (5, 4),
    (1, 1),
]


def video(frames: int, *, channels: int = 2, side: int = 6, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, frames, side, side, generator=generator, dtype=torch.float64)


def layer(kernel: int = 3, stride: int = 1) -> CausalConv3d:
    torch.manual_seed(1)
    return CausalConv3d(2, 3, (kernel, 3, 3), (stride, 1, 1)).double()


@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
def test_one_and_s_times_n_frames_become_one_and_n(kernel: int, stride: int) -> None:
    for n in range(4):
        y, past = layer(kernel, stride)(video(1 + stride * n), None)
        assert y.shape == (1, 3, 1 + n, 6, 6)
        assert past.shape == (1, 2, kernel - stride, 6, 6)


@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
def test_changing_a_frame_changes_no_earlier_result_and_does_change_its_own(kernel: int, stride: int) -> None:
    x, conv = video(1 + 3 * stride), layer(kernel, stride)
    y, _ = conv(x, None)
    for t in range(x.shape[2]):
        changed = x.clone()
        changed[:, :, t] += 1
        z, _ = conv(changed, None)
        own = -(-t // stride)  # the first result that sees frame t
        assert torch.equal(z[:, :, :own], y[:, :, :own])
        assert not torch.equal(z[:, :, own], y[:, :, own])


@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
def test_chunks_that_carry_the_past_give_what_the_whole_video_gives(kernel: int, stride: int) -> None:
    x, conv = video(1 + 6 * stride), layer(kernel, stride)
    whole, last = conv(x, None)
    parts, past, start = [], None, 0
    for size in (1, 2 * stride, stride, 3 * stride):
        y, past = conv(x[:, :, start : start + size], past)
        parts.append(y)
        start += size
    assert past is not None
    torch.testing.assert_close(torch.cat(parts, 2), whole, rtol=1e-12, atol=1e-12)
    assert torch.equal(past, last)


def test_each_result_is_the_sum_over_the_kernel_and_the_frames_up_to_its_own() -> None:
    x, conv = video(4), layer()
    y, _ = conv(x, None)
    weight, bias = conv.conv.weight, conv.conv.bias
    assert bias is not None
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1, 0, 0), mode="reflect")
    for t in range(4):
        seen = [padded[0, :, max(0, t - back)] for back in (2, 1, 0)]  # before the start stands frame 0
        window = torch.stack(seen, 1)[:, :, 2:5, 1:4]  # around row 2, column 1
        expected = (weight * window).sum((1, 2, 3, 4)) + bias
        torch.testing.assert_close(y[0, :, t, 2, 1], expected, rtol=1e-12, atol=1e-12)


def test_a_picture_that_stands_still_gives_the_same_at_every_time() -> None:
    y, _ = layer()(video(1).expand(-1, -1, 5, -1, -1), None)
    torch.testing.assert_close(y, y[:, :, :1].expand_as(y), rtol=1e-12, atol=1e-12)


def test_an_even_surface_stays_even_up_to_its_edges() -> None:
    y, _ = layer()(torch.ones(1, 2, 2, 6, 6, dtype=torch.float64), None)
    torch.testing.assert_close(y, y[..., :1, :1].expand_as(y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1)])
def test_a_picture_too_small_to_mirror_is_coded_all_the_same(size: tuple[int, int]) -> None:
    x = torch.randn(1, 2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    y, _ = layer()(x, None)
    assert y.shape == (1, 3, 3, *size) and bool(y.isfinite().all())


def test_the_past_keeps_no_more_memory_than_its_frames() -> None:
    _, past = layer()(video(9), None)
    assert past.untyped_storage().nbytes() == past.numel() * past.element_size()


@pytest.mark.parametrize("past", [video(1), video(2, side=5), video(2, channels=1)])
def test_a_past_of_another_layer_or_size_of_picture_is_an_error(past: Tensor) -> None:
    with pytest.raises(ValueError, match="do not follow a past"):
        layer()(video(2), past)


@pytest.mark.parametrize(("frames", "started"), [(2, False), (0, False), (3, True), (0, True)])
def test_frames_that_do_not_fit_the_stride_are_an_error(frames: int, started: bool) -> None:
    past = video(1) if started else None
    with pytest.raises(ValueError, match="do not fit a stride of 2"):
        layer(3, 2)(video(frames), past)


@pytest.mark.parametrize(("kernel", "stride"), [((1, 3, 3), (2, 1, 1)), ((3, 2, 3), (1, 1, 1))])
def test_a_kernel_that_skips_frames_or_has_no_middle_is_an_error(
    kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    with pytest.raises(ValueError, match="odd in space"):
        CausalConv3d(1, 1, kernel, stride)


def test_a_walk_hands_each_layer_its_own_past_and_leaves_the_old_state_as_it_was() -> None:
    torch.manual_seed(3)
    first, second = CausalConv3d(2, 2).double(), CausalConv3d(2, 2, (3, 3, 3), (2, 1, 1)).double()
    x = video(5)

    def run(chunk: Tensor, state: CausalState | None) -> tuple[Tensor, CausalState]:
        walk = Walk(state)
        y = walk.through(second, walk.through(first, chunk))
        return y, walk.state()

    whole, _ = run(x, None)
    head, state = run(x[:, :, :3], None)
    before = [past.clone() for past in state.pasts]
    tail, _ = run(x[:, :, 3:], state)
    torch.testing.assert_close(torch.cat([head, tail], 2), whole, rtol=1e-12, atol=1e-12)
    assert all(torch.equal(a, b) for a, b in zip(state.pasts, before, strict=True))
