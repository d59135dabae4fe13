"""torch.nn.Linear as a transform."""

from __future__ import annotations

from torch import nn

from ranvier.connectivity._matrix import Matrix
from ranvier.connectivity.adapters._adapter import Adapter

__all__ = ["LinearAdapter"]


class LinearAdapter(Matrix, Adapter):
    """A dense matrix with a bias, multiplied as it is."""

    kinds = (nn.Linear,)
    arguments = {nn.Linear: ("in_features", "out_features", "bias")}  # noqa: RUF012
    lets_go = True

    @property
    def is_matrix(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the weight is a parameter, rather than computed from others."""
        return self.module._parameters.get("weight") is not None
