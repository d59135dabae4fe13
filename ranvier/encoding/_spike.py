"""A threshold for torch modules: 0 or 1 forward, a surrogate derivative backward."""

from __future__ import annotations

from typing import Any

import sympy as sp
import torch

from ranvier.surrogates import Surrogate

__all__ = ["spike"]

Tensor = torch.Tensor


def spike(above: Tensor, surrogate: Surrogate) -> Tensor:
    """1 where ``above`` > 0, else 0; its derivative is that of ``surrogate``."""
    return _Spike.apply(above, surrogate)  # pyright: ignore[reportReturnType]


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, above: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(above)
        ctx.surrogate = surrogate
        return (above > 0).to(above.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (above,) = ctx.saved_tensors
        values = {sp.Symbol(name): value for name, value in ctx.surrogate.values.items()}
        slope = sp.lambdify(sp.Symbol("u"), ctx.surrogate.slope.xreplace(values), "torch")
        return grads[0] * torch.as_tensor(slope(above)).to(above), None
