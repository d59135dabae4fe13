"""Weights that hold the factors and shifts of norms beside them."""

from __future__ import annotations

import math

import torch
from torch import nn

from ranvier.connectivity.affine import Affine
from ranvier.connectivity.computed import make_plain
from ranvier.connectivity.transform import Transform
from ranvier.storages import Stored

__all__ = ["Absorbing"]

Tensor = torch.Tensor


class Absorbing(Transform):
    """A map linear in its weights, with a bias for each output.

    With a norm behind it, y = s (W x + b) + t is W' = s W, b' = s b + t. With a norm before it, y = W (s x + t) + b is
    W' = W s, b' = W t + b.
    """

    linear_in_weight = linear_in_input = True

    @property
    def constant(self) -> Tensor | None:
        """The bias [out]."""
        return self.module.bias  # pyright: ignore[reportReturnType]

    def operations(self, given: tuple[int, ...], made: tuple[int, ...]) -> int:
        """One for each output and each weight onto it."""
        return math.prod(made) * math.prod(self.weight_shape[1:])

    def spread(self, each: Tensor) -> Tensor:
        """One number for each output [out], in a shape that multiplies the weight."""
        return each.reshape(-1, *(1 for _ in self.weight_shape[1:]))

    def spread_inputs(self, each: Tensor) -> Tensor:
        """One number for each input [in], in a shape that multiplies the weight."""
        raise NotImplementedError

    def cannot_hold(self, norm: Transform, channels: int, before: bool = False) -> str | None:
        """Outputs or inputs are the channels."""
        if before:
            return super().cannot_hold(norm, channels, before)
        outputs = self.module.out_channels
        return None if channels == outputs else self._other_axis(channels, f"before it has {outputs} outputs")

    def _other_axis(self, channels: int, what: str) -> str:
        return f"has {channels} channels, but {self.kind} {what}: it normalises another axis."

    def cannot_absorb(self, affine: Affine) -> str | None:
        """A weight kept to a sign takes no negative factor, and one that is computed from others none at all."""
        own = self.module._parameters
        if (own.get("weight") is None and self.stored is None) or "bias" not in own:
            remedy = make_plain(self.module, "weight", "bias")
            how = f", as in {remedy}" if remedy else ""
            return f"stands beside weights that are computed from others; make them plain{how}, or put it beside plain weights."
        if getattr(self.module, "sign", None) is not None and bool((affine.scale < 0).any()):
            return "has a negative scale, which would break the signs of the weights."
        if self.storage is not None and self.stored is None:
            return f"stands beside weights that are rounded to {self.storage.name} anew; store them first: rv.store_weights(net)."
        return None

    def with_affine(
        self, affine: Affine, weight: Tensor | Stored, bias: Tensor | None, before: bool = False
    ) -> tuple[Tensor | Stored, Tensor]:
        """Factors multiply rows or columns of the weight, or the scale of stored numbers; shifts add to the bias."""
        if before:
            weight = weight.decode() if isinstance(weight, Stored) else weight
            moved = (weight * self.spread_inputs(affine.shift)).flatten(1).sum(1)
            return weight * self.spread_inputs(affine.scale), moved if bias is None else bias + moved
        return (
            weight * self.spread(affine.scale), affine.shift if bias is None else bias * affine.scale + affine.shift
        )  # fmt: skip

    def write(self, weight: Tensor | Stored) -> None:
        """Replace the numbers of the weight."""
        self.module.weight.copy_(weight)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def absorb(self, weight: Tensor | Stored, bias: Tensor | None) -> None:
        """Replace the numbers of the parameters; a new bias is learnt where the weights are."""
        module, old, learnt = self.module, self.constant, self.learnt_weight
        with torch.no_grad():
            self.write(weight)
            if bias is not None and old is None:
                requires = learnt is not None and learnt.requires_grad
                module.bias = nn.Parameter(bias.detach(), requires_grad=requires)
            elif bias is not None and old is not None:
                old.copy_(bias)
