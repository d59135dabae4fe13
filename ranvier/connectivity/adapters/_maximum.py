"""Maximum pooling as a transform, which is a product where its windows are plain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ranvier.connectivity.adapters._pooling import PoolingAdapter
from ranvier.connectivity.bound import BoundTransform
from ranvier.connectivity.hooks import has_hook
from ranvier.errors import ProviderError
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import MaxPool

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder

__all__ = ["MaximumAdapter"]

_ARGUMENTS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")


class MaximumAdapter(PoolingAdapter):
    """The largest number in each window of a channel."""

    kinds = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
    arguments = dict.fromkeys(kinds, _ARGUMENTS)
    space = {nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3}  # noqa: RUF012
    fixed = selects = True

    def run(self, x: Tensor, carrier: Runnable | None) -> Tensor:
        """``module(x)``, or its product by ``carrier`` where it is a plain pooling."""
        size = self.plain_size() if carrier is not None and x.ndim == 4 else None
        return self.module(x) if size is None or carrier is None else carrier(MaxPool(x, size))

    def plain_size(self) -> tuple[int, int] | None:
        """Pixels that a plain pooling of a plane joins, each in one block; None for any other."""
        module: Any = self.module
        if type(module) is not nn.MaxPool2d or has_hook(module):
            return None
        size, stride, padding, dilation = (
            (n, n) if isinstance(n, int) else tuple(n)
            for n in (module.kernel_size, module.stride, module.padding, module.dilation)
        )
        plain = size == stride and padding == (0, 0) and dilation == (1, 1)
        usual = not module.ceil_mode and not module.return_indices and size[0] * size[1] <= 256
        return (size[0], size[1]) if plain and usual else None

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """A pooling of plain windows of a plane."""
        from ranvier.connectivity.lowering import lower_pool

        found = lower_pool("max", self.module, builder, source, name)
        if found is None:
            raise ProviderError(
                f"{name}: a step graph supports plain pooling of planes only; use MaxPool2d without ceil_mode, dilation and "
                f"indices instead of {self.module}."
            )
        return found

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """The arguments that make the module again; one that returns indices is no transform."""
        return None if self.module.return_indices else super().describe(name, tensors, bound)
