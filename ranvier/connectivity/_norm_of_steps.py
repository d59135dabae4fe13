"""Batch norms with parameters for each step of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ranvier.connectivity._norm import ThresholdNorm
from ranvier.connectivity.transform import Transform
from ranvier.errors import ShapeError
from ranvier.values import is_whole

if TYPE_CHECKING:
    from ranvier.connectivity.sequence_place import Place
    from ranvier.kernels.step import Builder

__all__ = ["BatchNormThroughTime", "TemporalBatchNorm"]

Tensor = torch.Tensor


class _NormOfSteps(ThresholdNorm):
    """A norm that knows the step of the sequence: no fixed affine map, so no weight can hold it."""

    time_major = by_sequence = True
    #: whether every step has statistics of its own
    apart = False
    arguments = ("num_features", "steps", "V_th", "alpha", "eps", "momentum")

    def __init__(self, num_features: int, steps: int, **options: float) -> None:
        super().__init__(num_features, **options)
        if not is_whole(steps):
            raise ShapeError(f"{type(self).__name__}: steps={steps!r} must be a positive whole number.")
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [T, B, C, …], the first steps of a sequence -> the same shape."""
        return self._at(x, 0)

    def of_sequence(self, x: Tensor, name: str, place: Place) -> Tensor:
        """``x`` [T, B, C, …], from the step of the ``place`` on."""
        return self._at(x, place.step)

    def affine(self) -> None:
        """None: it differs from step to step."""

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """Refused: a step graph does not count steps."""
        return Transform.lower(self, builder, source, name)

    def _at(self, x: Tensor, first: int) -> Tensor:
        self._check(x, 2, len(x) if self.apart else 1)
        if first + len(x) > self.steps:
            raise ShapeError(
                f"{type(self).__name__} has parameters for {self.steps} steps, but step number {first + len(x)} of a sequence "
                f"arrives: make it with steps={first + len(x)} or more, or begin a new sequence (leave state= out)."
            )
        return self._normed(x, slice(first, first + len(x)))

    def _normed(self, x: Tensor, own: slice) -> Tensor:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"{self.num_features}, steps={self.steps}, V_th={self.V_th:g}, alpha={self.alpha:g}"


class TemporalBatchNorm(_NormOfSteps):
    """Temporal effective batch norm (TEBN): y[t] = scale[t]*(alpha*V_th*weight*(x[t] - mean)/sqrt(var + eps) + bias).

    mean and var [C] are those of :class:`~ranvier.ThresholdBatchNorm`: over time, batch and space in training, running means in
    evaluation. ``scale`` [steps] is learnt and starts at 1. A sequence may not be longer than ``steps``.

    Parameters
    ----------
    num_features
        C, the channels: axis 2 of [T, B, C, …].
    steps
        Steps of the longest sequence.
    options
        ``V_th``, ``alpha``, ``eps`` and ``momentum`` of :class:`~ranvier.ThresholdBatchNorm`.

    Raises
    ------
    ShapeError
        For a longer sequence, or other channels.

    Source: Duan et al., NeurIPS 2022 (temporal effective batch normalization).

    >>> net = rv.Sequential(rv.Linear(20, 32, bias=False), rv.TemporalBatchNorm(32, steps=100), rv.LIF(32), dt=1*ms)
    """

    def __init__(self, num_features: int, steps: int, **options: float) -> None:
        super().__init__(num_features, steps, **options)
        self.scale = nn.Parameter(torch.ones(steps))

    def _normed(self, x: Tensor, own: slice) -> Tensor:
        flat = self._of_rows(x.flatten(0, 1))
        return flat.unflatten(0, x.shape[:2]) * self.scale[own].reshape(-1, *(1 for _ in x.shape[1:]))


class BatchNormThroughTime(_NormOfSteps):
    """Batch norm through time (BNTT): y[t] = alpha*V_th*weight[t]*(x[t] - mean[t])/sqrt(var[t] + eps).

    Every step has a ``weight`` [steps, C] and running statistics of its own, and there is no bias. Training takes mean and var [C]
    of each step over batch and space, so a sequence may be cut anywhere. It may not be longer than ``steps``.

    Parameters
    ----------
    num_features
        C, the channels: axis 2 of [T, B, C, …].
    steps
        Steps of the longest sequence.
    options
        ``V_th``, ``alpha``, ``eps`` and ``momentum`` of :class:`~ranvier.ThresholdBatchNorm`.

    Raises
    ------
    ShapeError
        For a longer sequence, or other channels.

    Source: Kim & Panda, Frontiers in Neuroscience 2021 (batch normalization through time).

    >>> net = rv.Sequential(rv.Linear(20, 32, bias=False), rv.BatchNormThroughTime(32, steps=100), rv.LIF(32), dt=1*ms)
    """

    apart = True

    def __init__(self, num_features: int, steps: int, **options: float) -> None:
        super().__init__(num_features, steps, **options)
        self.weight = nn.Parameter(torch.ones(steps, num_features))
        self.register_parameter("bias", None)
        self.register_buffer("running_mean", torch.zeros(steps, num_features))
        self.register_buffer("running_var", torch.ones(steps, num_features))

    def _normed(self, x: Tensor, own: slice) -> Tensor:
        over = (1, *range(3, x.ndim))
        mean, var = self.running_mean[own], self.running_var[own]
        if self.training and x.numel():
            count = x[0].numel() // self.num_features
            var, mean = torch.var_mean(x, over, correction=0)
            with torch.no_grad():
                self.running_mean[own] = self.running_mean[own].lerp(mean, self.momentum)
                self.running_var[own] = self.running_var[own].lerp(var * (count / (count - 1)), self.momentum)
                self.num_batches_tracked += 1
        each = (len(x), 1, self.num_features, *(1 for _ in x.shape[3:]))
        scale = self.alpha * self.V_th * self.weight[own] * torch.rsqrt(var + self.eps)
        return (x - mean.reshape(each)) * scale.reshape(each)
