"""Attention by counted bits is its definition, forward and gradient, and dense where that is cheaper or numbers are no spikes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

import ranvier as rv
from ranvier.errors import ProviderError
from ranvier.kernels.cpu.events.attention import SMALL, attention
from ranvier.kernels.cpu.events.bits import bits
from ranvier.units import ms

#: heads, channels of a head, tokens: whole and broken words, vectors and blocks of channels
SIZES = [(1, 1, 1), (1, 5, 7), (2, 3, 65), (3, 8, 64), (2, 16, 130), (1, 33, 40), (1, 70, 71)]


def spikes(*shape: int, dtype: torch.dtype = torch.float64, density: float = 0.2) -> Tensor:
    return (torch.rand(shape, generator=torch.Generator().manual_seed(4)) < density).to(dtype)


def defined(x: Tensor, heads: int, scale: float) -> Tensor:
    q, k, v = x.unflatten(1, (3, heads, -1)).unbind(1)
    return scale * torch.einsum("rhcn,rhcm,rhem->rhen", q, k, v).flatten(1, 2)


@pytest.mark.parametrize("length", [1, 3, 15, 16, 17, 63, 64, 65, 196])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bits_are_the_spikes(length: int, dtype: torch.dtype) -> None:
    x = spikes(5, length, dtype=dtype, density=0.5)
    words = bits(x)
    assert words is not None
    read = [(words[:, n // 64] >> (n % 64)) & 1 for n in range(length)]
    assert torch.equal(torch.stack(read, 1), x.to(torch.int64))
    for other in (2.0, -1.0, 0.5, torch.nan):
        changed = x.clone()
        changed[3, length // 2] = other
        assert bits(changed) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("size", SIZES)
def test_equal_to_the_definition(size: tuple[int, int, int], rows: int, dtype: torch.dtype) -> None:
    heads, width, tokens = size
    x, found = spikes(rows, 3 * heads * width, tokens, dtype=dtype), []
    weight = torch.randn(rows, heads * width, tokens, dtype=dtype)
    for way in (lambda x: attention(x, heads, 0.12, small=0), lambda x: defined(x, heads, 0.12)):
        given = x.clone().requires_grad_()
        out = way(given)
        found.append((out.detach(), *torch.autograd.grad((out * weight).sum(), given)))
    assert torch.equal(found[0][0], found[1][0])  # whole numbers, rounded once
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-12 if dtype == torch.float64 else 1e-5, atol=1e-5)


def test_the_way_changes_no_bit_of_what_spikes_give() -> None:
    x = spikes(4, 24, 100, dtype=torch.float32)
    whole = attention(x, 2, 0.3, small=0)
    assert torch.equal(whole, attention(x, 2, 0.3, small=x.numel()))
    mixed = torch.cat([x, 2 * x[:1]])  # one row of counts: all rows go through dense products
    assert torch.equal(attention(mixed, 2, 0.3, small=0)[:4], whole)
    assert torch.equal(torch.cat([attention(row, 2, 0.3, small=0) for row in x.split(1)]), whole)


def test_numbers_are_not_taken_for_spikes() -> None:
    x = torch.randn(3, 12, 50, dtype=torch.float64)
    torch.testing.assert_close(attention(x, 2, 0.3, small=0), defined(x, 2, 0.3))
    x[1, 0, 7] = torch.nan
    assert torch.isnan(attention(x, 2, 0.3, small=0)[1]).any()


def test_threads_change_no_bit() -> None:
    x, before, found = spikes(12, 96, 200, dtype=torch.float32), torch.get_num_threads(), []
    weight = torch.randn(12, 32, 200)
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            given = x.clone().requires_grad_()
            out = attention(given, 2, 0.12, small=0)
            found.append((out.detach(), *torch.autograd.grad((out * weight).sum(), given)))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.slow
def test_narrow_vectors_give_the_same_bits() -> None:
    """In a process of its own, which compiles for vectors of 256 bits."""
    code = (
        "import hashlib, torch\nfrom ranvier.kernels.cpu.events.attention import attention\n"
        "x = (torch.rand(3, 24, 90, generator=torch.Generator().manual_seed(1)) < 0.3).float().requires_grad_()\n"
        "y = attention(x, 2, 0.12, small=0)\ny.sum().backward()\n"
        "found = hashlib.sha256(y.detach().numpy().tobytes() + x.grad.numpy().tobytes()).hexdigest()"
    )
    here: dict[str, str] = {}
    exec(code, here)
    narrow = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(found)"],
        env=os.environ | {"RANVIER_VECTOR_BITS": "256"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert narrow.stdout.strip() == here["found"]


def test_second_derivatives_are_refused() -> None:
    x = spikes(2, 12, 80).requires_grad_()
    out = attention(x, 2, 0.3, small=0)
    with pytest.raises(ProviderError, match="no second derivative"):
        torch.autograd.grad(out.square().sum(), x, create_graph=True)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_network_carries_it_so_and_agrees_with_the_reference(steps: int) -> None:
    x, found = spikes(4, 2, 48, 12, 12), []
    for provider in ("cpu", "reference"):
        parts = rv.Relay(), rv.Attention(16, 2, scale=0.11, steps=steps), rv.LIF((16, 12, 12), tau=3 * ms)
        net = rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64, provider=provider)
        given = x.clone().requires_grad_()
        out = net(given)[0]
        found.append((out.detach(), *torch.autograd.grad((out * torch.arange(12)).sum(), given)))
        told = "spikes as bits that are counted" if provider == "cpu" else "a product of torch"
        assert told in str(net.plan(shapes={"input": (48, 12, 12)}))
    assert x.numel() > SMALL
    assert 0.01 < float(found[0][0].mean()) < 0.95
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
