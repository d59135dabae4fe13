"""A delay between two steps as a few weighted taps on whole steps (``ranvier.kernels.tasks.DelayedMatrixProduct``)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

__all__ = ["gaussian_taps", "linear_taps"]

_EPSILON = 1e-7  # keeps the sum of a Gaussian's taps from 0, as in the published construction
_REACH = {torch.float32: 6.0, torch.float64: 9.0}  # widths beyond which a Gaussian is nothing in this dtype


def linear_taps(weight: Tensor, position: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Two taps, ``w (1 - frac)`` at floor(d) and ``w frac`` one step later.

    Parameters
    ----------
    weight, position
        w and d in steps, 0 … ``longest``, of one shape.
    longest
        The last step a tap may stand on, at least 1.

    Returns
    -------
        Taps ``[..., 2]`` and, int32 ``[...]``, the step of the first.
    """
    first = _whole(position.detach().floor(), longest - 1)
    late = weight * (position - first)
    return torch.stack((weight - late, late), -1), first.to(torch.int32)


def gaussian_taps(weight: Tensor, position: Tensor, width: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """A bell around d, normalised over the steps 0 … ``longest``.

    ``taps_j = w e_j / (sum over i of e_i + 1e-7)``, ``e_j = exp(-(first + j - d)**2 / (2 width**2))``; only steps where
    e is not nothing become taps. This is a dilated convolution with learnable spacings, Gaussian version
    (Khalfaoui-Hassani et al. 2023; Hammouamri et al. 2023 for delays).

    Parameters are those of :func:`linear_taps`, and the bell's ``width`` in steps, of a shape that broadcasts.
    """
    reach = _REACH[position.dtype] * float(width.detach().max()) if width.numel() else 1.0
    half = max(1, math.ceil(reach - 0.5))
    count = min(2 * half + 1, longest + 1)
    first = _whole(position.detach().round() - half, longest + 1 - count)
    taps = _GaussianTaps.apply(weight, position, width.expand_as(position), first, count)
    return taps, first.to(torch.int32)


def _whole(steps: Tensor, last: int) -> Tensor:
    """``steps`` within 0 … ``last``; a position that became NaN stands on step 0, and its taps carry the NaN on."""
    return steps.nan_to_num_(0.0).clamp_(0, last)


class _GaussianTaps(torch.autograd.Function):
    """The bell with its gradient in few passes; a second derivative goes through torch's own."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, position: Tensor, width: Tensor, first: Tensor, count: int) -> Tensor:
        bell, away = _bell(position, width, first, count)
        ctx.save_for_backward(weight, position, width, first)
        ctx.bell, ctx.away, ctx.count = bell, away, count
        return bell * weight.unsqueeze(-1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weight, position, width, first = ctx.saved_tensors
        if torch.is_grad_enabled():
            bell, away = _bell(position, width, first, ctx.count)
        else:
            bell, away = ctx.bell, ctx.away
        shared = grad * bell
        to_weight = shared.sum(-1)
        to_position = to_width = None
        scale = weight / width.square()
        if ctx.needs_input_grad[1]:
            mean = torch.linalg.vecdot(bell, away)
            to_position = scale * (torch.linalg.vecdot(shared, away) - to_weight * mean)
        if ctx.needs_input_grad[2]:
            square = away.square()
            mean = torch.linalg.vecdot(bell, square)
            to_width = scale / width * (torch.linalg.vecdot(shared, square) - to_weight * mean)
        return to_weight, to_position, to_width, None, None


def _bell(position: Tensor, width: Tensor, first: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The normalised bell ``[..., count]`` and each tap's distance from its middle."""
    steps = torch.arange(count, dtype=position.dtype, device=position.device)
    away = steps + (first - position).unsqueeze(-1)
    bell = torch.exp(away.square() * (-0.5 / width.square()).unsqueeze(-1))
    return bell / (bell.sum(-1, keepdim=True) + _EPSILON), away
