"""Vector quantization: the nearest code, its gradients, and a book that is drawn to what it stands for."""

from __future__ import annotations

import pytest
import torch

from nvcodec.tokenizer.vector_quantization import POSITIONS, Codebook


def book(size: int = 16, dims: int = 3) -> Codebook:
    torch.manual_seed(5)
    return Codebook(size, dims)


def test_the_token_is_the_nearest_code() -> None:
    codebook = book()
    latent = torch.randn(2, 5, 3)
    distances = (latent[..., None, :] - codebook.codes).square().sum(-1)
    assert torch.equal(codebook.tokens(latent), distances.argmin(-1))


def test_every_code_is_its_own_token() -> None:
    codebook = book()
    assert torch.equal(codebook.tokens(codebook.codes), torch.arange(16))
    assert torch.equal(codebook.codes_of(torch.tensor([3, 0])), codebook.codes[[3, 0]])


def test_many_positions_give_what_each_gives_alone() -> None:
    codebook = book()
    latent = torch.randn(POSITIONS + 7, 3)
    tokens = codebook.tokens(latent)
    assert tokens.shape == (POSITIONS + 7,)
    assert torch.equal(tokens[-7:], codebook.tokens(latent[-7:]))


def test_the_gradient_passes_straight_through_to_the_latent_alone() -> None:
    codebook = book()
    latent = torch.randn(4, 3, requires_grad=True)
    quantized, _ = codebook.quantize(latent)
    assert torch.equal(quantized, codebook.codes[codebook.tokens(latent)])
    weights = torch.randn(4, 3)
    (quantized * weights).sum().backward()
    assert latent.grad is not None and torch.allclose(latent.grad, weights)
    assert codebook.codes.grad is None


def test_the_loss_draws_codes_four_times_as_hard_as_latents() -> None:
    codebook = book(size=1)
    latent = torch.randn(1, 3, requires_grad=True)
    codebook.quantize(latent)[1].backward()
    assert latent.grad is not None and codebook.codes.grad is not None
    assert torch.allclose(codebook.codes.grad, -4 * latent.grad)


def test_a_book_learns_the_latents_it_is_given() -> None:
    codebook = book(size=8, dims=2)
    torch.manual_seed(6)
    latent = torch.randn(8, 2).repeat_interleave(50, 0) + 0.01 * torch.randn(400, 2)
    optimizer = torch.optim.Adam(codebook.parameters(), lr=0.02)

    def error() -> float:
        return float((codebook.quantize(latent)[0] - latent).square().mean().detach())

    before = error()
    for _ in range(200):
        optimizer.zero_grad()
        codebook.quantize(latent)[1].backward()
        optimizer.step()
    assert error() < 0.5 * before


def test_a_book_begins_with_latents_there_are() -> None:
    codebook = book(size=4)
    latents = torch.randn(9, 3)
    codebook.start(latents)
    assert all((code == latents).all(-1).any() for code in codebook.codes)


def test_a_token_that_is_not_in_the_book_is_refused() -> None:
    for token in (-1, 16):
        with pytest.raises(ValueError, match="0…15"):
            book().codes_of(torch.tensor([token]))
