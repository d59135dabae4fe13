"""All-to-all connections with a weight, and if wanted a delay, per synapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ranvier.errors import ShapeError
from ranvier.kernels import products
from ranvier.units import UNITS, as_quantity
from ranvier.values import Distribution, Learn

__all__ = ["Linear", "latency_steps"]

Tensor = torch.Tensor
_TIME = UNITS["ms"].dimension


def latency_steps(delay: Any, dt: float, count: int, seed: int, name: str) -> Tensor | int:
    """round(delay/dt) as one whole number, or as an int32 tensor of ``count`` of them."""
    if isinstance(delay, Learn):
        raise NotImplementedError(f"{name}: delay={delay!r} is learnable, which this version cannot train; give a number, an array or a distribution.")
    if isinstance(delay, Distribution):
        dimension, values = delay.dimension, delay.draw(count, seed, f"{name}.delay")
    else:
        quantity = as_quantity(delay)
        dimension, values = quantity.dimension, np.asarray(quantity.value, dtype=np.float64)
    if dimension != _TIME and not (np.ndim(values) == 0 and values == 0):
        raise ShapeError(f"{name}: delay={delay!r} has dimension {dimension}; give a time, for example 1.5*ms.")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ShapeError(f"{name}: delay={delay!r} holds a negative or non-finite value; a delay is a time of 0 or more.")
    steps = np.rint(values / dt).astype(np.int64)
    if steps.ndim == 0:
        return int(steps)
    if steps.size != count:
        raise ShapeError(f"{name}: delay has {steps.size} values for {count} synapses; give one per synapse.")
    return torch.from_numpy(steps.reshape(-1).astype(np.int32))


class Linear(nn.Linear):
    """y = W x + b at every step: ``weight`` [out, in], ``bias`` [out].

    Spikes are summed by event (cost: spikes times fan-out), dense input goes to the matrix library; gradients are exact
    either way. ``delay`` (one time, an array [out, in], or a distribution) lets a spike arrive later.

    >>> rv.Linear(700, 256, delay=rv.Uniform(0*ms, 25*ms))
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, delay: Any = None, dtype: torch.dtype | None = None) -> None:
        for label, n in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(n, int) or n <= 0:
                raise ShapeError(f"Linear: {label}={n!r} must be a positive whole number.")
        super().__init__(in_features, out_features, bias, dtype=dtype)
        self.delay = delay
        self.latency: Tensor | int = 0

    def bind(self, dt: float, seed: int, name: str, lag: int = 0) -> None:
        """Turn the delay into whole steps of ``dt``; ``lag`` is added where every synapse has its own."""
        if self.delay is None:
            return
        steps = latency_steps(self.delay, dt, self.in_features * self.out_features, seed, name)
        if isinstance(steps, int):
            self.latency = steps
        else:
            self.register_buffer("latency_table", (steps + lag).reshape(self.out_features, self.in_features), persistent=True)
            self.latency = self.latency_table

    def forward(self, x: Tensor, by_event: bool = False) -> Tensor:
        """``x`` [..., in] -> [..., out], without delay."""
        if x.shape[-1] != self.in_features:
            raise ShapeError(f"Linear expects {self.in_features} features in the last axis, got an input of shape {tuple(x.shape)}.")
        if by_event:
            return products.spike_linear(x, self.weight, self.bias)
        return nn.functional.linear(x, self.weight, self.bias)

    def delayed(self, x: Tensor, history: Tensor, by_event: bool = False) -> Tensor:
        """``x`` [T, B, in] with every synapse's own latency; ``history`` [D, B, in] are the steps before."""
        latency: Tensor = self.latency_table
        out = (products.delayed_linear if by_event else _delayed)(x, self.weight, latency, history)
        return out if self.bias is None else out + self.bias

    def by_latency(self) -> list[tuple[int, products.Pattern, Tensor]]:
        """One (latency, pattern, weights) per distinct latency, as single synapses sorted by input."""
        out = []
        for k in torch.unique(self.latency_table).tolist():
            pre, post = torch.nonzero(self.latency_table.t() == k, as_tuple=True)
            out.append((int(k), products.pattern(pre, post, (self.in_features, self.out_features)), self.weight[post, pre]))
        return out


def _delayed(x: Tensor, weight: Tensor, latency: Tensor, history: Tensor) -> Tensor:
    """The specification: one product per distinct latency."""
    steps, past = x.shape[0], history.shape[0]
    whole = torch.cat([history, x])
    total = x.new_zeros(steps, x.shape[1], weight.shape[0])
    for k in torch.unique(latency).tolist():
        total = total + nn.functional.linear(whole[past - k : past - k + steps], weight * (latency == k))
    return total
