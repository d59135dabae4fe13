"""Batch norms for spiking networks: scaled to the threshold, over all steps together or for every step alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn
from torch.nn import functional

from ranvier.connectivity._fit import channels
from ranvier.connectivity.affine import Affine, settled
from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.partial_shape import PartialShape
from ranvier.connectivity.transform import Transform
from ranvier.errors import ShapeError
from ranvier.values import is_whole

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["StepBatchNorm", "ThresholdBatchNorm", "ThresholdNorm"]

Tensor = torch.Tensor


class ThresholdNorm(Transform, nn.Module):
    """The common part of both norms: parameters, running statistics and the scale alpha*V_th."""

    delay = None
    normalises = True
    #: what files hold of it beside its tensors
    arguments: tuple[str, ...] = ("num_features", "V_th", "alpha", "eps", "momentum")
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self, num_features: int, *, V_th: float = 1.0, alpha: float = 1.0, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        kind = type(self).__name__
        if not is_whole(num_features):
            raise ShapeError(f"{kind}: num_features={num_features!r} must be a positive whole number.")
        for name, value in (("V_th", V_th), ("alpha", alpha), ("eps", eps)):
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ShapeError(f"{kind}: {name}={value!r} must be a positive finite number.")
        if not 0 < momentum <= 1:
            raise ShapeError(f"{kind}: momentum={momentum!r} must lie in (0, 1].")
        self.num_features, self.V_th, self.alpha = num_features, float(V_th), float(alpha)
        self.eps, self.momentum = float(eps), float(momentum)
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    @property
    def gain(self) -> Tensor:
        """alpha*V_th*weight [C], what normalised input is multiplied by."""
        return self.alpha * self.V_th * self.weight

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels, over any space."""
        return channels(shape, range(4), self.num_features, "num_features")

    def takes(self) -> PartialShape:
        """Channels, then any space."""
        return (self.num_features, ...)

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def affine(self) -> Affine | None:
        """Factors and shifts by the running statistics."""
        return settled(self.running_mean, self.running_var, self.gain, self.bias, self.eps)

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """Factors and shifts, where no weight holds them."""
        from ranvier.connectivity.lowering import lower_affine

        return lower_affine(self, builder, source, name)

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Its arguments."""
        from ranvier.connectivity._arguments import arguments_of

        return arguments_of(self, self.arguments)

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The norm of a file."""
        from ranvier.connectivity._arguments import argument
        from ranvier.limits.tensors import fill

        with torch.device("meta"):
            self = cls(**{n: argument(record, n) for n in cls.arguments if n in record})
        fill(self, take, record.where)
        return self

    def _check(self, x: Tensor, axis: int, sets: int = 1) -> None:
        """Raise for other channels, and in training where one of the ``sets`` of statistics has a single value."""
        kind = type(self).__name__
        if x.ndim <= axis or x.shape[axis] != self.num_features:
            raise ShapeError(f"{kind} expects {self.num_features} channels in axis {axis}, got {tuple(x.shape)}.")
        if self.training and x.numel() and x.numel() // (self.num_features * sets) < 2:
            raise ShapeError(
                f"{kind} needs more than one value per channel to learn from, got {tuple(x.shape)}: use larger batches, "
                f"or call net.eval() first."
            )

    def _of_rows(self, x: Tensor) -> Tensor:
        """``x`` [rows, C, …] by the statistics of all rows in training, else by the running ones."""
        if not self.training or not x.numel():
            return self._settled(x)
        self.num_batches_tracked += 1
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.gain, self.bias, True, self.momentum, self.eps
        )

    def _settled(self, x: Tensor) -> Tensor:
        """``x`` [rows, C, …] by the running statistics."""
        return functional.batch_norm(x, self.running_mean, self.running_var, self.gain, self.bias, False, 0.0, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_features}, V_th={self.V_th:g}, alpha={self.alpha:g}"


class ThresholdBatchNorm(ThresholdNorm):
    """Threshold-dependent batch norm (tdBN): y = alpha*V_th*weight*(x - mean)/sqrt(var + eps) + bias.

    mean and var [C] are taken over time, batch and space in training, and are running means in evaluation, when the norm
    is a fixed affine map. So scaled, input reaches a threshold V_th in its usual spread. Training statistics are those
    of the steps that are computed together: all of a call, or those of a window, a segment or the part between two
    ends of samples; padded steps count. A sequence cut in training is therefore normalised in parts
    (:class:`StepBatchNorm` is not).

    Parameters
    ----------
    num_features
        C, the channels: axis 1 of [T*B, C, …].
    V_th
        Threshold of the cells that follow.
    alpha
        Further factor; 1/sqrt(n) where n such branches are summed.
    eps, momentum
        As in ``torch.nn.BatchNorm2d``.

    Source: Zheng et al., AAAI 2021 (going deeper with directly-trained larger spiking neural networks).

    >>> net = rv.Sequential(rv.Conv2d(2, 32, 3, bias=False), rv.ThresholdBatchNorm(32), rv.LIF(), dt=1*ms)
    """

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [T*B, C, …] -> the same shape."""
        self._check(x, 1)
        return self._of_rows(x)


class StepBatchNorm(ThresholdNorm):
    """Threshold-dependent batch norm with statistics of each step: mean and var [T, C] over batch and space.

    Otherwise as :class:`ThresholdBatchNorm`; scale, bias and running statistics (the mean over steps) are shared by all
    steps. No step depends on another, so training gives the same wherever a sequence is cut, and a rule that learns
    online may use it. Source: the step-wise mode of Fang et al., Science Advances 2023 (SpikingJelly); compare Kim &
    Panda, Frontiers in Neuroscience 2021 (BNTT), which keeps parameters for every step.

    >>> net = rv.Sequential(rv.Conv2d(2, 32, 3, bias=False), rv.StepBatchNorm(32), rv.LIF(), dt=1*ms)
    """

    #: called with [T, B, …] instead of [T*B, …]
    time_major = True

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [T, B, C, …] -> the same shape."""
        self._check(x, 2, len(x))
        steps = x.shape[0]
        if not self.training or not x.numel():
            return self._settled(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        over = (1, *range(3, x.ndim))
        with torch.no_grad():
            var, mean = torch.var_mean(x, over)
            self.running_mean.lerp_(mean.mean(0), self.momentum)
            self.running_var.lerp_(var.mean(0), self.momentum)
            self.num_batches_tracked += 1
        flat = x.transpose(0, 1).flatten(1, 2)  # every step has channels of its own
        gain, bias = self.gain.repeat(steps), self.bias.repeat(steps)
        out = functional.batch_norm(flat, None, None, gain, bias, True, 0.0, self.eps)
        return out.unflatten(1, (steps, self.num_features)).transpose(0, 1)
