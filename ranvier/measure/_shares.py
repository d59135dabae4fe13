"""Maps between cells whose gradient is a share: numbers times gradient are the same at their input and at their output."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ranvier.connectivity.bound import BoundTransform
from ranvier.connectivity.operand import Operand
from ranvier.errors import RanvierError
from ranvier.network.parts.projection import Projection

__all__ = ["Constants", "Shares", "in_parts"]

Tensor = torch.Tensor
#: what maps add to every input, [T, B, …] each, as often as a map runs
Constants = list[Tensor]
_ENDS = ({"min": 0.0}, {"max": 0.0})


class Shares(nn.Module):
    """The operands of a chain outside training, on x [T, B, …], with the values of the chain.

    What they add to every input (biases, shifts of norms) becomes a tensor of its own in ``constants``. With ``positive`` the gradient
    of weights is that of P = W⁺x⁺ + W⁻x⁻, times value/P: only contributions that raise a number have a share of it, and constants have none.
    Where there are no such contributions, the whole number counts as constant. ``late`` is a projection whose delays act here, on a
    sequence that begins with silence.
    """

    time_major = True

    def __init__(
        self,
        operands: Sequence[Operand],
        positive: bool,
        name: str,
        constants: Constants,
        late: Projection | None = None,
    ) -> None:
        super().__init__()
        self.operands, self.positive, self.name, self.constants, self.late = (
            tuple(operands),
            positive,
            name,
            constants,
            (late,),
        )
        self.held = nn.ModuleList(part.module for one in operands for part in one.parts)

    def forward(self, x: Tensor) -> Tensor:
        """What arrives, [T, B, …]."""
        (late,) = self.late
        apart = late is not None and late.per_synapse
        if late is not None and not apart:
            x = late.entering(x, x.new_zeros(late.depth, *x.shape[1:]), x.shape[0])
        for operand in self.operands:
            for one in operand.of_samples(x.ndim - 1):
                x = self._shared(one, x, late.bound_transform if late is not None and apart else None)
                apart = False
        return x

    def _shared(self, one: Operand, x: Tensor, bound: BoundTransform | None) -> Tensor:
        value = _run(one, x, bound)
        if self.positive and one.map.linear_in_weight:
            above, below = (_run(one, x.clamp(**end), bound, end) for end in _ENDS)
            return in_parts(value, above + below, self.constants)
        nothing = _run(one, torch.zeros_like(x), bound)
        if not one.map.linear_in_input:
            self._check(one, (value - nothing).detach(), (_run(one, 2 * x, bound) - nothing).detach())
        return value - nothing + _constant(nothing, self.constants) if nothing.any() else value

    def _check(self, one: Operand, value: Tensor, doubled: Tensor) -> None:
        if not torch.allclose(doubled, 2 * value, rtol=1e-3, atol=1e-5 * float(value.abs().max())):
            raise RanvierError(
                f"{one.map.kind} in projection {self.name!r} gives no number in proportion to what enters, so relevance cannot be shared out "
                f"through it: relevance takes weights, pooling, norms that weights can hold, and rectifiers."
            )


def in_parts(value: Tensor, terms: Tensor, constants: Constants) -> Tensor:
    """``value``, shared out as its ``terms`` are; where these are 0 it is a constant."""
    shared = terms * torch.where(terms != 0, value / terms, 0).detach()
    return shared + _constant((value - shared).detach(), constants)


def _constant(value: Tensor, constants: Constants) -> Tensor:
    constants.append(value.detach().clone().requires_grad_())
    return constants[-1]


def _run(one: Operand, x: Tensor, bound: BoundTransform | None = None, end: dict[str, float] | None = None) -> Tensor:
    """``x`` [T, B, …] through an operand; with ``end``, through weights on one side of 0 alone, without what is added."""
    held = None if end is None else (one.numbers()[0].clamp(**end), None)  # pyright: ignore[reportAttributeAccessIssue]
    if bound is not None:
        return one.map.delayed(x, x.new_zeros(bound.span[1], *x.shape[1:]), bound, None, held or one.numbers())  # pyright: ignore[reportArgumentType]
    if one.map.time_major:
        return one.run(x, None)
    rows = x.flatten(0, 1)
    return (one.run(rows, None) if held is None else one.map.product(rows, *held)).unflatten(0, x.shape[:2])
