"""A chain as evaluation computes it: maps with the numbers they use, which hold the norms beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple, overload

import torch

from ranvier.connectivity.affine import Affine, FoldError, composed
from ranvier.connectivity.bound import BoundTransform
from ranvier.connectivity.transform import Transform
from ranvier.kernels.provider import Runnable
from ranvier.storages import Stored

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder

__all__ = ["Operand", "channels_of", "entry", "joined", "separate"]

Tensor = torch.Tensor


class Operand(NamedTuple):
    """One map of a chain, and the norms ``before`` and ``behind`` it that its weight and bias hold.

    Kernels, plans and step graphs read chains as operands. A norm is part of one only outside training.
    """

    map: Transform
    before: tuple[Transform, ...] = ()
    behind: tuple[Transform, ...] = ()

    @property
    def parts(self) -> tuple[Transform, ...]:
        """The transforms that it stands for, in their order."""
        return (*self.before, self.map, *self.behind)

    @property
    def holds_norms(self) -> bool:
        """Whether its numbers are others than those of the map."""
        return bool(self.before or self.behind)

    def of_samples(self, axes: int) -> tuple[Operand, ...]:
        """Itself, or its parts for samples of ``axes`` axes whose first, the channels of a norm, is not the last, that of a matrix."""
        fits = axes == 1 or not (self.holds_norms and self.map.channels_last)
        return (self,) if fits else separate(self.parts)

    @overload
    def numbers(self) -> tuple[Tensor, Tensor | None]: ...
    @overload
    def numbers(self, weight: Tensor | Stored | None) -> tuple[Tensor | Stored, Tensor | None]: ...
    def numbers(self, weight: Tensor | Stored | None = None) -> tuple[Tensor | Stored, Tensor | None]:
        """Weight and bias in use, with their gradients; or what becomes of another ``weight``."""
        weight, bias = self.map.effective_weight() if weight is None else weight, self.map.constant
        if self.before:
            weight, bias = self.map.with_affine(_affine(self.before), weight, bias, before=True)
        if self.behind:
            weight, bias = self.map.with_affine(_affine(self.behind), weight, bias)
        return weight, bias

    def numbers_for(self, stored: bool) -> tuple[Tensor | Stored, Tensor | None]:
        """Weight and bias in use; with ``stored``, stored numbers as they are, where there are no others."""
        return self.numbers(self.map.weight_for(stored))

    def run(self, x: Tensor, carrier: Runnable | None) -> Tensor:
        """``x`` [rows, …], or [T, B, …] where the map is ``time_major``, through all its parts."""
        if not self.holds_norms:
            return self.map.run(x, carrier)
        return self.map.product(x, *self.numbers())

    def carry(self, x: Tensor, carrier: Runnable | None) -> Tensor:
        """``x`` [T, B, …] by a map with an event path."""
        if not self.holds_norms:
            return self.map(x, carrier=carrier)
        weight, bias = self.numbers_for(True)
        return self.map.product(x, weight, bias, carrier)  # pyright: ignore[reportArgumentType]  (by event, also stored numbers)

    def delayed(self, x: Tensor, history: Tensor, bound: BoundTransform, carrier: Runnable | None) -> Tensor:
        """``x`` [T, B, …] by a map with a delay for each synapse; ``history`` [D, B, …] are the steps before."""
        if not self.holds_norms:
            return self.map(x, history=history, bound=bound, carrier=carrier)
        return self.map.delayed(x, history, bound, carrier, self.numbers())

    def lower_delayed(self, builder: Builder, past: Callable[[int], str], bound: BoundTransform, name: str) -> str:
        """Append its nodes, of a map with a delay for each synapse; ``past(k)`` is what was emitted k steps ago."""
        from ranvier.connectivity.lowering import lower_delayed

        return lower_delayed(self.map, *self.numbers(), builder, past, bound, name)

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """Append its nodes to a step graph; returns the buffer of its output for ``source``."""
        if not self.holds_norms:
            return self.map.lower(builder, source, name)
        from ranvier.connectivity.lowering import lower_product

        return lower_product(self.map, *self.numbers_for(True), builder, source, name)


def separate(transforms: Sequence[Transform]) -> tuple[Operand, ...]:
    """Every transform by itself, as in training."""
    return tuple(Operand(t) for t in transforms)


def joined(transforms: Sequence[Transform]) -> tuple[Operand, ...]:
    """The operands of a chain outside training.

    A norm joins the map behind which it stands, or else the map before which it stands, where that can hold its factors
    and shifts. Consecutive norms are one. Transforms that do nothing outside training are left out.
    """
    out: list[Operand] = []
    waiting: list[Transform] = []
    for t in transforms:
        channels = channels_of(t)
        if channels is not None:
            last = None if waiting or not out else out[-1]
            if last is not None and last.map.cannot_hold(t, channels) is None:
                out[-1] = last._replace(behind=(*last.behind, t))
            else:
                waiting.append(t)
        elif not t.silent:
            held = all(t.cannot_hold(n, channels_of(n) or 0, before=True) is None for n in waiting)
            if not held:
                out += separate(waiting)
            out.append(Operand(t, before=tuple(waiting) if held else ()))
            waiting = []
    return (*out, *separate(waiting))


def entry(operands: Sequence[Operand]) -> int:
    """The place of the first operand that does more than rearrange; the number of operands where there is none."""
    return next((k for k, o in enumerate(operands) if not o.map.rearranges), len(operands))


def channels_of(transform: Transform) -> int | None:
    """The channels of a norm that is one factor and one shift for each outside training; None for any other map."""
    try:
        affine = transform.affine()
    except FoldError:
        return None
    return None if affine is None else len(affine.scale)


def _affine(norms: Sequence[Transform]) -> Affine:
    found = (t.affine() for t in norms)
    return reduce(composed, [a for a in found if a is not None])
