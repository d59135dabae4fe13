"""Weights that take over the factors and shifts of a norm behind them."""

from __future__ import annotations

import torch
from torch import nn

from ranvier.connectivity.affine import Affine
from ranvier.connectivity.transform import Transform

__all__ = ["Absorbing"]

Tensor = torch.Tensor


class Absorbing(Transform):
    """A map linear in its weights, with a bias for each output: y = s (W x + b) + t is W' = s W, b' = s b + t."""

    linear_in_weight = linear_in_input = True

    @property
    def constant(self) -> Tensor | None:
        """The bias [out]."""
        return self.module.bias  # pyright: ignore[reportReturnType]

    def spread(self, each: Tensor) -> Tensor:
        """One number for each output [out], in a shape that multiplies the weight."""
        return each.reshape(-1, *(1 for _ in self.effective_weight().shape[1:]))

    def cannot_absorb(self, affine: Affine) -> str | None:
        """A weight kept to a sign takes no negative factor, and one that is computed from others none at all."""
        own = self.module._parameters
        if own.get("weight") is None or "bias" not in own:
            return "follows weights that are computed from others; make them plain, or put it behind plain weights."
        if getattr(self.module, "sign", None) is not None and bool((affine.scale < 0).any()):
            return "has a negative scale, which would break the signs of the weights."
        return None

    def absorb(self, affine: Affine) -> None:
        """Multiply the weights and add to the bias, in place; a new bias is learnt where the weights are."""
        module, bias = self.module, self.constant
        weight: nn.Parameter = module.weight  # pyright: ignore[reportAssignmentType]
        with torch.no_grad():
            weight.mul_(self.spread(affine.scale))
            if bias is None:
                module.bias = nn.Parameter(affine.shift, requires_grad=weight.requires_grad)
            else:
                bias.mul_(affine.scale).add_(affine.shift)
