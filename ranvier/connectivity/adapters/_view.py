"""Modules of torch that only move numbers, as transforms."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from torch import nn

from ranvier.connectivity.adapters._adapter import Adapter
from ranvier.connectivity.partial_shape import ANY, PartialShape, sized

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder

__all__ = ["ViewAdapter"]


class ViewAdapter(Adapter):
    """The same numbers in another shape: spikes stay spikes."""

    kinds = (nn.Identity, nn.Flatten, nn.Unflatten)
    arguments = {  # noqa: RUF012
        nn.Flatten: ("start_dim", "end_dim"),
        nn.Identity: (),
        nn.Unflatten: ("dim", "unflattened_size"),
    }
    rearranges = linear_in_input = fixed = True

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """The axis that is divided must have as many numbers as the shape it gets."""
        axis, sizes = getattr(self.module, "dim", None), getattr(self.module, "unflattened_size", None)
        if not isinstance(axis, int) or not sizes or any(not isinstance(n, int) or n < 0 for n in sizes):
            return None
        at = axis - 1 if axis > 0 else len(shape) + axis  # samples follow the rows, axis 0
        if 0 <= at < len(shape) and shape[at] == prod(sizes):
            return None
        return (
            f"divides axis {axis} of [rows, …] into {tuple(sizes)}, {prod(sizes)} numbers, but a sample has shape {shape}: give "
            f"sizes whose product is that of the axis."
        )

    def gives(self, shape: PartialShape) -> PartialShape:
        """The axes after they are joined, or after one is divided."""
        m: Any = self.module
        if hasattr(m, "start_dim"):
            return _flat(shape, m.start_dim, m.end_dim)
        return _divided(shape, m.dim, m.unflattened_size) if hasattr(m, "unflattened_size") else shape

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """A copy in another shape, or nothing."""
        from ranvier.connectivity.lowering import lower_view

        return lower_view(self.module, builder, source, name)


def _flat(shape: PartialShape, start: int, end: int) -> PartialShape:
    """Axes ``start`` to ``end`` of [rows, *shape] as one."""
    if ... in shape:
        return (None,) if (start, end) == (1, -1) else ANY
    rank = len(shape) + 1
    first, last = start % rank - 1, end % rank - 1
    if first < 0 or last < first:
        return ANY
    return (*shape[:first], _product(shape[first : last + 1]), *shape[last + 1 :])


def _divided(shape: PartialShape, axis: Any, sizes: Any) -> PartialShape:
    """Axis ``axis`` of [rows, *shape] in axes of ``sizes``."""
    if ... in shape or not isinstance(axis, int) or not all(isinstance(n, int) for n in sizes):
        return ANY
    at = axis % (len(shape) + 1) - 1
    if at < 0:
        return ANY
    return (*shape[:at], *(None if n < 0 else n for n in sizes), *shape[at + 1 :])


def _product(sizes: PartialShape) -> int | None:
    known = sized(sizes)
    return None if known is None else prod(known)
