"""All-to-all connections with a weight, and if wanted a delay, per synapse."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ranvier.connectivity._delays import Delays, latency_steps
from ranvier.connectivity._interpolation import tap_product
from ranvier.errors import ShapeError
from ranvier.kernels import products
from ranvier.values import Learn

__all__ = ["Linear", "latency_steps"]

Tensor = torch.Tensor


class Linear(nn.Linear):
    """y = W x + b at every step: ``weight`` [out, in], ``bias`` [out].

    Spikes are summed by event (cost: spikes times fan-out), dense input goes to the matrix library; gradients are exact
    either way.

    Parameters
    ----------
    delay
        How much later a spike arrives: one time, an array [out, in], a distribution, or ``rv.Learn(…, max=…)`` for
        delays that training moves (parameter ``delay.position``, ms).
    per
        ``"synapse"``, or one delay for each cell of a side: ``"pre"`` (an array is then [in]), ``"post"`` ([out]).
    interpolation, width
        Of learnable delays: ``"linear"``, or ``"gaussian"`` with a width (a time or ``rv.Learn``).

    >>> rv.Linear(700, 256, delay=rv.Learn(rv.Uniform(0*ms, 25*ms), max=25*ms))
    """

    latency_table: Tensor

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, delay: Any = None, per: str = "synapse",
        interpolation: str = "linear", width: Any = None, dtype: torch.dtype | None = None,
    ) -> None:  # fmt: skip
        for label, n in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(n, int) or n <= 0:
                raise ShapeError(f"Linear: {label}={n!r} must be a positive whole number.")
        if per not in ("synapse", "pre", "post"):
            raise ShapeError(f"Linear: per={per!r} is unknown; a delay belongs to each 'synapse', 'pre' or 'post'.")
        super().__init__(in_features, out_features, bias, dtype=dtype)
        self.given, self.per, self.interpolation, self.width = delay, per, interpolation, width
        self.delay: Delays | None = None
        self.latency: Tensor | int = 0

    def bind(self, dt: float, seed: int, name: str, lag: int = 0) -> None:
        """Tie the delay to steps of ``dt`` ms; ``lag`` steps are added where every synapse has its own."""
        if self.given is None:
            return
        shape = (self.out_features, self.in_features)
        share = {"synapse": shape, "pre": (1, self.in_features), "post": (self.out_features, 1)}[self.per]
        if isinstance(self.given, Learn):
            if self.delay is None or self.delay.dt != dt:
                bell = (self.interpolation, self.width)
                self.delay = Delays(self.given, shape, share, *bell, dt=dt, seed=seed, name=name, lag=lag).to(
                    self.weight
                )
            return
        steps = latency_steps(self.given, dt, share[0] * share[1], seed, name)
        self.fix(steps if isinstance(steps, int) else (steps + lag).reshape(share).expand(shape).contiguous())

    def fix(self, latency: Tensor | int) -> None:
        """Set whole steps, one number or int32 [out, in], in place of a learnable delay."""
        self.latency, self.delay = latency, None
        if isinstance(latency, Tensor):
            self.register_buffer("latency_table", latency, persistent=True)

    def forward(self, x: Tensor, by_event: bool = False) -> Tensor:
        """``x`` [..., in] -> [..., out], without delay."""
        if x.shape[-1] != self.in_features:
            raise ShapeError(
                f"Linear expects {self.in_features} features in the last axis, got an input of shape {tuple(x.shape)}."
            )
        if by_event:
            return products.spike_linear(x, self.weight, self.bias)
        return nn.functional.linear(x, self.weight, self.bias)

    def taps(self) -> tuple[Tensor, Tensor]:
        """Weights [out, in, W] on W steps, and int32 [out, in], the first of them."""
        if self.delay is None:
            return self.weight.unsqueeze(-1), self.latency_table
        return self.delay(self.weight)

    def delayed(self, x: Tensor, history: Tensor, by_event: bool = False) -> Tensor:
        """``x`` [T, B, …, in] with every synapse's own delay; ``history`` [D, B, …, in] are the steps before."""
        taps, first = self.taps()
        lead = x.shape[1:-1]
        if len(lead) != 1:
            x, history = x.flatten(1, -2), history.flatten(1, -2)
        out = products.delayed_linear(x, taps, first, history) if by_event else tap_product(x, taps, first, history)
        out = out.unflatten(1, lead) if len(lead) != 1 else out
        return out if self.bias is None else out + self.bias
