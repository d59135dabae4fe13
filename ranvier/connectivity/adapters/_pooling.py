"""The check that poolings of torch share: windows must lie within the space of a sample."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from ranvier.connectivity._fit import channels, windows
from ranvier.connectivity.adapters._adapter import Adapter

__all__ = ["PoolingAdapter"]


class PoolingAdapter(Adapter):
    """A number for each window of a channel."""

    #: axes of the space, by class
    space: ClassVar[dict[type[nn.Module], int]]

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels, and windows no larger than their space."""
        module: Any = self.module
        axes = next((n for kind, n in self.space.items() if isinstance(self.module, kind)), None)
        if axes is None or len(shape) == axes:  # torch takes the rows for channels
            return None
        found = channels(shape, (axes,), None, "")
        if found is not None or not hasattr(module, "kernel_size"):
            return found
        size, zeros, apart = (
            (n,) * axes if isinstance(n, int) else tuple(n) * (axes if len(n) == 1 else 1)
            for n in (module.kernel_size, module.padding, getattr(module, "dilation", 1))
        )
        return windows(shape, [d * (k - 1) + 1 for d, k in zip(apart, size, strict=True)], zeros)
