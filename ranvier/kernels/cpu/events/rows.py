"""The rows of weights that events name, as kernels take them."""

from __future__ import annotations

import torch

from ranvier.kernels.cpu.events.transpose import transposed
from ranvier.kernels.cpu.host.weights import Weights, code_of, stored_weights
from ranvier.storages import Stored

__all__ = ["rows_of"]

Tensor = torch.Tensor


def rows_of(weight: Tensor | Stored) -> Weights:
    """Weights [N, K] as rows [K, N]."""
    if isinstance(weight, Stored):
        code = code_of(weight, (len(weight.codes), 1))
        if code is not None:
            return stored_weights(weight, code, weight.codes.t().contiguous())
        weight = weight.decode()
    return Weights(transposed(weight), weight.dtype)
