"""A matrix over time: the input of a step is a weighted sum of the emissions of all steps of a sequence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn, Self

import torch
from torch import nn

from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.partial_shape import PartialShape
from ranvier.connectivity.transform import Transform
from ranvier.errors import ProviderError, ShapeError
from ranvier.values import is_whole

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["TimeLinear"]

Tensor = torch.Tensor
#: steps of a sequence, in multiples of the order, from which single diagonals take less time than a product (measured)
_BAND = 40
#: steps in a file
_MOST = 1 << 20


class TimeLinear(Transform, nn.Module):
    """y[t] = sum over s of W[t, s]*x[s] + b[t], for every cell alike: ``weight`` [T, T], ``bias`` [T].

    It reads a whole sequence at once, so its network runs in calls of T steps, without windows, single steps or samples of different
    length, and BPTT trains it. Each call is a sequence of its own.

    Parameters
    ----------
    steps
        T.
    order
        k: y[t] reads only x[t - k + 1] … x[t] (other weights count as 0). None: y[t] reads all steps, also later ones.
    bias
        b at the start, a number.

    Weights start uniform within 1/sqrt(T), as in ``torch.nn.Linear``.

    Raises
    ------
    ShapeError
        Where T or the order is not a positive whole number, or the order is above T.

    Source: Fang et al., NeurIPS 2023; :func:`ranvier.PSN` puts a threshold behind it.

    >>> net = rv.Sequential(rv.Linear(700, 64), rv.TimeLinear(100, order=8), rv.LIF(64), dt=1*ms)
    """

    delay = None
    time_major = True

    def __init__(self, steps: int, *, order: int | None = None, bias: float = 0.0) -> None:
        super().__init__()
        for name, value in (("steps", steps), ("order", 1 if order is None else order)):
            if not is_whole(value):
                raise ShapeError(f"TimeLinear: {name}={value!r} must be a positive whole number.")
        if order is not None and order > steps:
            raise ShapeError(
                f"TimeLinear: order={order} exceeds the {steps} steps of a sequence: give at most {steps}."
            )
        self.steps, self.order = steps, order
        self.weight = nn.Parameter(torch.empty(steps, steps))
        self.bias = nn.Parameter(torch.full((steps,), float(bias)))
        nn.init.uniform_(self.weight, -1 / math.sqrt(steps), 1 / math.sqrt(steps))

    @property
    def whole_steps(self) -> int:
        """T."""
        return self.steps

    def effective_weight(self) -> Tensor:
        """W, with 0 for the steps that are not read."""
        return self.weight if self.order is None else self.weight.tril().triu(1 - self.order)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [T, B, …] -> the same shape."""
        if x.shape[0] != self.steps:
            raise ShapeError(
                f"TimeLinear maps {self.steps} steps at once, got {x.shape[0]}: give x [T, B, …] of that T."
            )
        rows, bias = x.flatten(1), self.bias.unsqueeze(1)
        if self.order is None or self.steps < _BAND * self.order:
            return torch.addmm(bias, self.effective_weight(), rows).view(x.shape)
        y = torch.addcmul(bias, self.weight.diagonal().unsqueeze(1), rows)
        for k in range(1, self.order):
            y[k:].addcmul_(self.weight.diagonal(-k).unsqueeze(1), rows[:-k])
        return y.view(x.shape)

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def operations(self, given: tuple[int, ...], made: tuple[int, ...]) -> int | None:
        """One for each step that it reads, of each number."""
        return math.prod(made) * (self.order or self.steps)

    def lower(self, builder: Builder, source: str, name: str) -> NoReturn:
        """Refuse.

        Raises
        ------
        ProviderError
            Always.
        """
        raise ProviderError(
            f"{name}: TimeLinear (rv.PSN) reads {self.steps} steps at once, so it has no single step: use rv.SlidingPSN, which "
            f"reads the last inputs."
        )

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Its steps and its order."""
        return {"steps": self.steps} | ({} if self.order is None else {"order": self.order})

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The transform of a file."""
        from ranvier.limits.tensors import fill

        steps, order = record.whole("steps", 1), record.whole("order", 1) if "order" in record else None
        for name, value, most in (("steps", steps, _MOST), ("order", order or 1, steps)):
            if value > most:
                raise record.error(name, f"at most {most}")
        with torch.device("meta"):
            self = cls(steps, order=order)
        fill(self, take, record.where)
        return self

    def extra_repr(self) -> str:
        return f"{self.steps}" + (f", order={self.order}" if self.order is not None else "")
