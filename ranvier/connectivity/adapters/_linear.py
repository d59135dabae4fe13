"""torch.nn.Linear as a transform."""

from __future__ import annotations

from torch import nn
from torch.nn.parameter import is_lazy

from ranvier.connectivity._matrix import Matrix
from ranvier.connectivity.adapters._adapter import Adapter
from ranvier.connectivity.hooks import is_unfinished

__all__ = ["LinearAdapter"]


class LinearAdapter(Matrix, Adapter):
    """A dense matrix with a bias, multiplied as it is."""

    kinds = (nn.Linear,)
    arguments = {nn.Linear: ("in_features", "out_features", "bias")}  # noqa: RUF012
    lets_go = True

    @property
    def is_matrix(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the weight is a parameter with numbers, rather than computed from others or still to be made."""
        weight = self.module._parameters.get("weight")
        return weight is not None and not is_lazy(weight)

    @property
    def input_size(self) -> int | None:
        """Cells before it; None before its first input has told."""
        return None if is_unfinished(self.module) else self.module.in_features  # pyright: ignore[reportReturnType]
