"""Modules of torch that only move numbers, as transforms."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from torch import nn

from ranvier.connectivity.adapters._adapter import Adapter

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

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """A copy in another shape, or nothing."""
        from ranvier.connectivity.lowering import lower_view

        return lower_view(self.module, builder, source, name)
