"""Activations as whole numbers of spikes, before a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.partial_shape import PartialShape
from ranvier.connectivity.transform import Transform
from ranvier.errors import RanvierError
from ranvier.values import is_positive

if TYPE_CHECKING:
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["SpikeCoding"]

Tensor = torch.Tensor


class SpikeCoding(Transform, nn.Module):
    """x -> round(x/V_th)*V_th with V_th = mean(abs(x))/k over channels: what a matrix receives if the activations of a step arrive as spikes.

    With ``k=None`` x passes unchanged. Train without ``k`` and set it afterwards, or train with it: the gradient passes unchanged. A matrix after it
    then adds one weight for each spike and multiplies the sum by V_th. :func:`ranvier.encoding.trains_of_counts` expands the numbers in time.

    Parameters
    ----------
    k
        Spikes of a channel of average size, a positive number.

    Raises
    ------
    RanvierError
        Where k is not a positive number.

    Source: Pan et al., 2025 (SpikingBrain, arXiv:2509.05276).

    >>> net = rv.Sequential(rv.SpikeCoding(2.0), rv.Linear(20, 64), rv.LIF(64), dt=1*ms)
    """

    delay = None

    def __init__(self, k: float | None = None) -> None:
        super().__init__()
        self.k = k

    @property
    def k(self) -> float | None:
        """Spikes of a channel of average size; None: no spikes."""
        return self._k

    @k.setter
    def k(self, value: float | None) -> None:
        if value is not None and not is_positive(value):
            raise RanvierError(f"SpikeCoding: k={value!r} must be a positive number, or None for no spikes.")
        self._k = value

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [..., C] -> the same shape."""
        if self._k is None:
            return x
        seen = x.detach()
        threshold = seen.abs().mean(-1, keepdim=True) / self._k
        coded = torch.round(seen / threshold.where(threshold > 0, 1.0)) * threshold
        return x + (coded - seen)

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Its k."""
        return {} if self._k is None else {"k": self._k}

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The transform of a file."""
        return cls(record.number("k") if "k" in record else None)

    def extra_repr(self) -> str:
        return f"k={self._k}"
