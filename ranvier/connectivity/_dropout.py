"""Dropout with one mask for a whole sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.partial_shape import PartialShape
from ranvier.connectivity.transform import Transform
from ranvier.errors import ShapeError

if TYPE_CHECKING:
    from ranvier.connectivity.sequence_place import Place
    from ranvier.kernels.step import Builder
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["Dropout"]

Tensor = torch.Tensor


class Dropout(Transform, nn.Module):
    """Leaves out cells with probability ``p`` in training, the same ones at every step of a sample.

    y = x*m/(1 - p) with m [B, …] drawn once for a sequence: m is 0 with probability p, else 1. Outside training y = x. In contrast,
    ``torch.nn.Dropout`` draws a new mask at every step, and hardly ever leaves a cell out for a whole sequence.

    In a network the mask follows from the seed, the place of the module, and the random stream of the state. Each call draws a
    new mask, ``stream=`` pins it, and a sequence has one mask wherever it is cut. Outside a network the module takes x [T, B, …]
    and draws from torch's generator.

    Parameters
    ----------
    p
        At least 0 and below 1.

    Raises
    ------
    ShapeError
        For another p.

    Source: Gal & Ghahramani, NeurIPS 2016 (one mask for all steps).

    >>> net = rv.Sequential(rv.Linear(700, 256), rv.LIF(256), rv.Dropout(0.2), rv.Linear(256, 20), dt=1*ms)
    """

    delay = None
    random = silent = time_major = by_sequence = True

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not isinstance(p, int | float) or isinstance(p, bool) or not 0 <= p < 1:
            raise ShapeError(f"Dropout: p={p!r} must be a probability of at least 0 and below 1.")
        self.p = float(p)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [T, B, …] with one mask for all steps."""
        if not self.training:
            return x
        return self._masked(x, torch.rand(x.shape[1:], dtype=x.dtype, device=x.device))

    def of_sequence(self, x: Tensor, name: str, place: Place) -> Tensor:
        """``x`` [T, B, …] with the mask of the stream."""
        from ranvier.kernels.drawing import counted_uniforms  # not needed outside training

        if not len(x):
            return x
        drawn = counted_uniforms(place.key(name), x[0].numel(), stream=place.stream)
        return self._masked(x, torch.from_numpy(drawn).to(x).reshape(x.shape[1:]))

    def _masked(self, x: Tensor, drawn: Tensor) -> Tensor:
        return x * (drawn >= self.p).to(x.dtype).div_(1 - self.p)

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """The input itself."""
        return source

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Its probability."""
        return {"p": self.p}

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The module of a file."""
        p = record.number("p")
        if not 0 <= p < 1:
            raise record.error("p", "a probability of at least 0 and below 1")
        return cls(p)

    def extra_repr(self) -> str:
        return f"p={self.p:g}"
