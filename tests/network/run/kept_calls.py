"""What calls of a network give, set up once or the long way: output, states and gradients, to compare bit by bit."""

from __future__ import annotations

import torch

import ranvier as rv

__all__ = ["made", "same"]


def made(net: rv.Network, x: torch.Tensor, state: rv.State | None = None, **how: object) -> list[torch.Tensor]:
    """Output, values after in the order of their names, and gradients of all parameters; no number where there is none."""
    net.zero_grad()
    out, after = net(x, state, **how)
    slope = torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view(out.shape)
    last = [t for _, t in sorted(after.tensors().items()) if t.is_floating_point()]
    ((out * slope).sum() + sum((t * t).sum() for t in last)).backward()
    gradients = [torch.empty(0) if p.grad is None else p.grad.clone() for p in net.parameters()]
    return [out.detach(), *(t.detach() for t in last), *gradients]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    """Whether two calls gave the same bits."""
    return len(one) == len(other) and all(map(torch.equal, one, other))
