"""What dense transforms have in common: delays tied to steps, weights kept to a sign, and the weights on those steps."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ranvier.connectivity._delays import Delays, latency_steps
from ranvier.errors import ShapeError
from ranvier.values import Learn

__all__ = ["DelayedKernel"]

Tensor = torch.Tensor


class DelayedKernel(nn.Module):
    """A transform whose ``weight`` [out, in, …] may carry a delay for each element, each input or each output."""

    weight: Tensor
    latency_table: Tensor
    sign: Tensor | None
    #: how delays per synapse follow the input, as a sentence
    follows = "by event; by step in windows where many inputs fire (the kernel counts them)"

    def keep_delay(self, delay: Any, per: str, interpolation: str, width: Any) -> None:
        """Remember what was asked for until :meth:`bind` knows the time step."""
        if per not in ("synapse", "pre", "post"):
            kind = type(self).__name__
            raise ShapeError(f"{kind}: per={per!r} is unknown; a delay belongs to each 'synapse', 'pre' or 'post'.")
        self.given, self.per, self.interpolation, self.width = delay, per, interpolation, width
        self.delay: Delays | None = None
        self.latency: Tensor | int = 0

    def keep_sign(self, sign: Any) -> None:
        """Keep weights to a sign: one of -1 and 1 for all, or -1, 0 (free) or 1 for each input."""
        self.register_buffer("sign", None)
        if sign is None:
            return
        given = torch.as_tensor(sign).detach().to(self.weight.dtype)
        inputs, kind = self.weight.shape[1], type(self).__name__
        if given.shape not in ((), (inputs,)) or not bool(torch.isin(given, given.new_tensor([-1, 0, 1])).all()):
            raise ShapeError(f"{kind}: sign={sign!r} must be -1 or 1, or one of -1, 0, 1 for each of {inputs} inputs.")
        self.sign = given.reshape(1, -1, *(1 for _ in self.weight.shape[2:])).clone()
        with torch.no_grad():
            self.weight.copy_(torch.where(self.sign == 0, self.weight, self.sign * self.weight.abs()))

    def weights(self) -> Tensor:
        """The weights in use: one of the wrong sign counts as 0 and keeps its gradient, so that it can come back."""
        if self.sign is None:
            return self.weight
        raw = self.weight.detach()
        return self.weight + (torch.where(self.sign * raw < 0, 0.0, raw) - raw)

    def bind(self, dt: float, seed: int, name: str, lag: int = 0) -> None:
        """Tie the delay to steps of ``dt`` ms; ``lag`` steps are added where every synapse has its own."""
        if self.given is None:
            return
        shape = tuple(self.weight.shape)
        rest = (1,) * (len(shape) - 2)
        share = {"synapse": shape, "pre": (1, shape[1], *rest), "post": (shape[0], 1, *rest)}[self.per]
        if isinstance(self.given, Learn):
            if self.delay is None or self.delay.dt != dt:
                bell = (self.interpolation, self.width)
                made = Delays(self.given, shape, share, *bell, dt=dt, seed=seed, name=name, lag=lag)
                self.delay = made.to(self.weight)
            return
        steps = latency_steps(self.given, dt, math.prod(share), seed, name)
        self.fix(steps if isinstance(steps, int) else (steps + lag).reshape(share).expand(shape).contiguous())

    def fix(self, latency: Tensor | int) -> None:
        """Set whole steps, one number or int32 of the weight's shape, in place of a learnable delay."""
        self.latency, self.delay = latency, None
        if isinstance(latency, Tensor):
            self.register_buffer("latency_table", latency, persistent=True)

    def taps(self) -> tuple[Tensor, Tensor]:
        """Weights [out, in, …, W] on W steps, and int32 of the weight's shape, the first of them."""
        if self.delay is None:
            return self.weights().unsqueeze(-1), self.latency_table
        return self.delay(self.weights())
