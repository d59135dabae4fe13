"""What convolutions share, transposed or not: channels before the axes of space."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ranvier.connectivity._absorbing import Absorbing
from ranvier.connectivity.hooks import any_global_hook, has_hook, is_unfinished
from ranvier.connectivity.partial_shape import PartialShape, sizes_of
from ranvier.kernels.provider import Runnable

__all__ = ["Spatial"]


class Spatial(Absorbing):
    """A map over channels and space, as a convolution of torch describes it."""

    of_torch = True

    def run(self, x: Tensor, carrier: Runnable | None) -> Tensor:
        """``module(x)``, or its product by ``carrier`` where no hook must see it."""
        m: Any = self.module
        if carrier is None or has_hook(m) or any_global_hook() or is_unfinished(m):
            return m(x)
        return self.product(x, self.effective_weight(), m.bias, carrier)

    def takes(self) -> PartialShape:
        """Channels, then space."""
        m: Any = self.module
        return (m.in_channels, *(None for _ in m.kernel_size))

    def gives(self, shape: PartialShape) -> PartialShape:
        """Channels, then the space that is made of that of ``shape``."""
        m: Any = self.module
        rank = len(m.kernel_size)
        sizes = sizes_of(shape, rank + 1) or (None,) * (rank + 1)
        return (m.out_channels, *self.space(sizes[1:]))

    def space(self, sizes: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The sizes of space after the map; None where they are unknown."""
        raise NotImplementedError
