"""What blocks must compute, part by part by the reference, and whole networks of them that learn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

import ranvier as rv
from ranvier.units import ms

__all__ = ["alone", "check_sum_of_branches", "in_parts", "trained"]

Tensor = torch.Tensor


def alone(parts: Iterable[Any], x: Tensor) -> Tensor:
    """What a chain of the same modules gives by itself."""
    parts = list(parts)
    return rv.Sequential(*parts, dt=1 * ms, dtype=x.dtype, provider="reference")(x)[0] if parts else x


def check_sum_of_branches(blocks: tuple[rv.Residual, ...], x: Tensor, **how: Any) -> Tensor:
    """The output of a chain of ``blocks``, which must be y = x + branch(x) of each, with the gradients of all parameters."""
    net = rv.Sequential(*blocks, dt=1 * ms, dtype=x.dtype, **how)
    wanted = x
    for block in blocks:
        wanted = wanted + alone(block.parts, wanted)
    out, _ = net(x)
    assert bool((out != x).any())
    torch.testing.assert_close(out, wanted, rtol=1e-12, atol=1e-12)
    ours = torch.autograd.grad(out.square().sum(), list(net.parameters()), allow_unused=True)
    theirs = torch.autograd.grad(wanted.square().sum(), list(net.parameters()), allow_unused=True)
    for a, b in zip(ours, theirs, strict=True):
        assert a is not None
        assert b is not None
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
    return out


def trained(net: rv.Sequential, epochs: int) -> tuple[float, Tensor]:
    """What part of its first loss a network of images of 12 x 12 keeps as it learns three brightnesses, and the images [T, B, …]."""
    y = torch.arange(12) % 3
    x = (torch.rand(12, 1, 1, 12, 12) * 0.3 + (y.view(-1, 1, 1, 1, 1) / 2)).expand(-1, 4, -1, -1, -1)
    loss = rv.losses.MeanMembrane(scale=10)
    fit = rv.train(net, (x, y), epochs=epochs, lr=1e-2, batch_size=6, loss=loss, progress=False)
    net.eval()
    return fit.history[-1].train.loss / fit.history[0].train.loss, x.transpose(0, 1)


def in_parts(net: rv.Sequential, x: Tensor, steps: int) -> Tensor:
    """The output of calls of ``steps`` steps, each from the state of the one before."""
    state, parts = None, []
    for now in x.split(steps):
        out, state = net(now, state)
        parts.append(out)
    return torch.cat(parts)
