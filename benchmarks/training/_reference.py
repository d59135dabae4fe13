"""The reference for every training bench: plain torch autograd, one time step after another, float32."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from benchmarks.training._formula import BETA, THRESHOLD, Formula


class _Spike(torch.autograd.Function):
    """Heaviside step with a surrogate derivative."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, surrogate: str) -> Tensor:
        ctx.save_for_backward(distance)
        ctx.surrogate = surrogate
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (distance,) = ctx.saved_tensors
        if ctx.surrogate == "arctan":
            return upstream / (1 + (math.pi * distance) ** 2), None
        return upstream / (1 + distance.abs()) ** 2, None


def lif(x: Tensor, formula: Formula, recurrent: Tensor | None = None) -> Tensor:
    """Spikes [T, B, …] of a layer driven by `x` [T, B, …]; `recurrent` [N, N] feeds back the spikes of the step before."""
    v = torch.zeros_like(x[0])
    s = torch.zeros_like(v)
    residue: Tensor | float = 0.0
    spikes = []
    for x_t in x.unbind(0):
        kick = s.detach() if formula.cut_reset else s
        feedback = 0.0 if recurrent is None else s @ recurrent.T
        rest = v if formula.late_reset else v - kick + residue
        residue = (rest.detach() >= THRESHOLD).to(v.dtype) if formula.residual_reset else 0.0
        v = BETA * rest + x_t + feedback - residue - (kick if formula.late_reset else 0.0)
        s = _Spike.apply(v - THRESHOLD, formula.surrogate)
        spikes.append(s)
    if formula.late_spike:
        spikes = [torch.zeros_like(s), *spikes[:-1]]
    return torch.stack(spikes)


def mean_leaky(x: Tensor) -> Tensor:
    """Mean over time of a leaky integrator, v[t] = beta v[t-1] + x[t]; `x` [T, B, classes] to [B, classes]."""
    v = torch.zeros_like(x[0])
    total = torch.zeros_like(v)
    for x_t in x.unbind(0):
        v = BETA * v + x_t
        total = total + v
    return total / x.shape[0]
