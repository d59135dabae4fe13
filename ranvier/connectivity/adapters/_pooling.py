"""The check that poolings of torch share: windows must lie within the space of a sample."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from ranvier.connectivity._fit import channels, windows
from ranvier.connectivity.adapters._adapter import Adapter
from ranvier.connectivity.partial_shape import ANY, PartialShape, windowed

__all__ = ["PoolingAdapter"]


class PoolingAdapter(Adapter):
    """A number for each window of a channel."""

    #: axes of the space, by class
    space: ClassVar[dict[type[nn.Module], int]]

    def takes(self) -> PartialShape:
        """Space, behind any channels."""
        return (..., *(None for _ in range(self._axes() or 0)))

    def gives(self, shape: PartialShape) -> PartialShape:
        """The places of its windows, for each channel."""
        axes = self._axes()
        if axes is None or ... in shape or len(shape) < axes:
            return ANY
        m: Any = self.module
        lead, space = shape[:-axes], shape[-axes:]
        if hasattr(m, "output_size"):
            asked = m.output_size if isinstance(m.output_size, tuple | list) else (m.output_size,) * axes
            return (*lead, *(n if k is None else k for n, k in zip(space, asked, strict=False)))
        size, zeros, apart, stride = self._windows(axes)
        reach = [d * (k - 1) + 1 for d, k in zip(apart, size, strict=False)]
        return (*lead, *(windowed(space, reach, stride, zeros) if not m.ceil_mode else (None,) * axes))  # pyright: ignore[reportArgumentType]

    def _axes(self) -> int | None:
        """How many axes the space has."""
        return next((n for kind, n in self.space.items() if isinstance(self.module, kind)), None)

    def _windows(self, axes: int) -> list[tuple[int, ...]]:
        """Size, padding, dilation and stride of its windows."""
        m: Any = self.module
        given = (m.kernel_size, m.padding, getattr(m, "dilation", 1), m.stride)
        return [(n,) * axes if isinstance(n, int) else tuple(n) * (axes if len(n) == 1 else 1) for n in given]

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels, and windows no larger than their space."""
        module: Any = self.module
        axes = self._axes()
        if axes is None or len(shape) == axes:  # torch takes the rows for channels
            return None
        found = channels(shape, (axes,), None, "")
        if found is not None or not hasattr(module, "kernel_size"):
            return found
        size, zeros, apart, _ = self._windows(axes)
        return windows(shape, [d * (k - 1) + 1 for d, k in zip(apart, size, strict=False)], zeros)
