"""The reference for every training bench: plain torch autograd, one time step after another, float32."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from benchmarks.training import _cells
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


def _rest(v: Tensor, kick: Tensor, formula: Formula) -> Tensor:
    """Membrane after the reset in the step of the spike."""
    if formula.late_reset:
        return v
    return v * (1.0 - kick) if formula.hard_reset else v - kick


def lif(x: Tensor, formula: Formula, recurrent: Tensor | None = None) -> Tensor:
    """Spikes [T, B, …] of a layer driven by `x` [T, B, …]; `recurrent` [N, N] feeds back the last step's spikes."""
    v = torch.zeros_like(x[0])
    s = torch.zeros_like(v)
    residue: Tensor | float = 0.0
    spikes = []
    for x_t in x.unbind(0):
        kick = s.detach() if formula.cut_reset else s
        feedback = 0.0 if recurrent is None else s @ recurrent.T
        rest = _rest(v, kick, formula) + residue
        residue = (rest.detach() >= THRESHOLD).to(v.dtype) if formula.residual_reset else 0.0
        v = BETA * rest + x_t + feedback - residue - (kick if formula.late_reset else 0.0)
        s = _Spike.apply(v - THRESHOLD, formula.surrogate)
        spikes.append(s)
    if formula.late_spike:
        spikes = [torch.zeros_like(s), *spikes[:-1]]
    return torch.stack(spikes)


def cuba(x: Tensor, formula: Formula) -> Tensor:
    """Spikes of the current-based cell: the input is filtered, then drives `lif`."""
    i = torch.zeros_like(x[0])
    current = []
    for x_t in x.unbind(0):
        i = _cells.SYNAPSE_DECAY * i + x_t
        current.append(i)
    return lif(torch.stack(current), formula)


def adex(x: Tensor, formula: Formula) -> Tensor:
    """Spikes of the AdEx cell."""
    v = i = w = torch.zeros_like(x[0])
    spikes = []
    for x_t in x.unbind(0):
        v, i, w = _cells.adex_advance(torch, v, i, w, x_t)
        s = _Spike.apply(v - THRESHOLD, formula.surrogate)
        kick = s.detach() if formula.cut_reset else s
        v, w = v * (1.0 - kick), w + _cells.ADEX_JUMP * kick
        spikes.append(s)
    return torch.stack(spikes)


def hodgkin_huxley(x: Tensor, formula: Formula) -> Tensor:
    """Voltage trace of the Hodgkin-Huxley cell in mV."""
    state = tuple(torch.full_like(x[0], value) for value in _cells.HH_REST)
    trace = []
    for x_t in x.unbind(0):
        state = _cells.hodgkin_huxley_step(torch, state, x_t)
        trace.append(state[0])
    return torch.stack(trace)


def mean_leaky(x: Tensor) -> Tensor:
    """Mean over time of a leaky integrator, v[t] = beta v[t-1] + x[t]; `x` [T, B, classes] to [B, classes]."""
    v = torch.zeros_like(x[0])
    total = torch.zeros_like(v)
    for x_t in x.unbind(0):
        v = BETA * v + x_t
        total = total + v
    return total / x.shape[0]
