"""A dense matrix: its products, gradients and nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import nn

from ranvier.connectivity._absorbing import Absorbing
from ranvier.connectivity._fit import features
from ranvier.connectivity.partial_shape import PartialShape
from ranvier.kernels.provider import Runnable

if TYPE_CHECKING:
    from ranvier.connectivity.transform import Transform
    from ranvier.kernels.step import Builder
    from ranvier.storages import Stored

__all__ = ["Matrix"]

Tensor = torch.Tensor


class Matrix(Absorbing):
    """y = W x + b with a weight [post, pre] and a bias [post]."""

    is_matrix = channels_last = True

    @property
    def label(self) -> str:
        """Every matrix is linear."""
        return "linear"

    @property
    def input_size(self) -> int | None:
        """Cells before it."""
        return self.module.in_features  # pyright: ignore[reportReturnType]

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """The last axis holds the cells before it."""
        count = self.input_size
        return None if count is None else features(shape, count)

    def takes(self) -> PartialShape:
        """Any axes before that of the cells."""
        return (..., self.input_size)

    def gives(self, shape: PartialShape) -> PartialShape:
        """The cells behind it in place of those before it."""
        before = (...,) if shape[-1:] == (...,) else shape[:-1]
        return (*before, self.module.out_features)  # pyright: ignore[reportReturnType]

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, carrier: Runnable | None = None) -> Tensor:
        """``x`` [..., pre] -> [..., post]."""
        return nn.functional.linear(x, weight, bias)

    def pullback(self, grad: Tensor, x: Tensor) -> Tensor:
        """``grad @ weight``, with the effective weights."""
        return grad.matmul(self.effective_weight().detach())

    def weight_pullback(
        self, x: Tensor, grad: Tensor, ones: Tensor | float = 1.0
    ) -> Iterator[tuple[nn.Parameter, Tensor]]:
        """Outer products of ``grad`` [..., post] and ``x`` [..., pre], summed over the rows."""
        own = self.module._parameters
        weight, bias = own.get("weight"), own.get("bias")
        if weight is None or own.get("step") is not None:  # computed from other parameters
            yield from super().weight_pullback(x, grad, ones)
            return
        rows = grad.flatten(0, -2)
        if weight.requires_grad:
            yield weight, rows.t() @ x.flatten(0, -2)
        if bias is not None and bias.requires_grad:
            yield bias, rows.sum(0) * ones

    def spread_inputs(self, each: Tensor) -> Tensor:
        """[1, in]."""
        return each.unsqueeze(0)

    def cannot_hold(self, norm: Transform, channels: int, before: bool = False) -> str | None:
        """A norm counts channels along the first axis of a sample; they are the cells only of a sample with one axis."""
        outputs, inputs = self.module.out_features, self.module.in_features
        if channels != (inputs if before else outputs):
            what = f"behind it has {inputs} inputs" if before else f"before it has {outputs} outputs"
            return self._other_axis(channels, what)
        return norm.refusal((channels,))

    def cell_of(self, parameter: nn.Parameter) -> Tensor | None:
        """Rows of the weight and entries of the bias belong to one cell each."""
        own = self.module._parameters
        if parameter is own.get("bias"):
            return torch.arange(len(parameter))
        if parameter is own.get("weight"):
            return torch.arange(len(parameter)).repeat_interleave(parameter.shape[1])
        return None

    def carry(self, weight: Tensor | Stored, builder: Builder, source: str, name: str, target: str | None) -> str:
        """A dense product."""
        from ranvier.connectivity.lowering import dense

        return dense(weight, builder, source, name, target)
