"""Modules of torch that only move numbers, as transforms."""

from __future__ import annotations

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

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """A copy in another shape, or nothing."""
        from ranvier.connectivity.lowering import lower_view

        return lower_view(self.module, builder, source, name)
