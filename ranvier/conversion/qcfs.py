"""Activations with the values that the spikes of a few steps can represent: training for conversion."""

from __future__ import annotations

import torch
from torch import nn

from ranvier.connectivity.copied import copied
from ranvier.errors import NumberError, RanvierError
from ranvier.values import is_whole

__all__ = ["QCFS", "quantize_activations"]

Tensor = torch.Tensor


class QCFS(nn.Module):
    """Quantisation, clip, floor, shift: y = V_th * clip(floor(x*L/V_th + 1/2)/L, 0, 1).

    Parameters
    ----------
    levels
        L, the number of values above zero: the steps for which the conversion is made.
    V_th
        Learnt; it becomes the threshold of the cells. x and y are in its unit, of any shape.

    An integrate-and-fire cell that starts at V_th/2 and keeps what exceeds the threshold (``v -= V_th``) fires
    floor(x*T/V_th + 1/2) times in T steps of constant input x, at most T times: for T = L, exactly y*L/V_th. The gradient passes the
    floor as if it were not there, so it is that of a clip; V_th has the gradient of what remains.

    Source: Bu et al., ICLR 2022 (Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency SNNs).

    >>> layer = rv.conversion.QCFS(levels=8)
    >>> layer(torch.tensor([-1.0, 0.3, 0.6, 2.0]))
    tensor([0.0000, 0.2500, 0.6250, 1.0000], grad_fn=<MulBackward0>)
    """

    def __init__(self, levels: int = 8, V_th: float = 1.0) -> None:
        super().__init__()
        if not is_whole(levels):
            raise NumberError(f"QCFS: levels={levels!r} must be a positive whole number.")
        if not isinstance(V_th, float | int) or not 0 < V_th < float("inf"):
            raise NumberError(f"QCFS: V_th={V_th!r} must be a positive number.")
        self.levels = levels
        self.V_th = nn.Parameter(torch.tensor(float(V_th)))

    def forward(self, x: Tensor) -> Tensor:
        """The nearest of the L + 1 values."""
        part = (x / self.V_th).clamp(0, 1) * self.levels
        rounded = part + (torch.floor(part + 0.5) - part).detach()
        return rounded / self.levels * self.V_th

    def extra_repr(self) -> str:
        return f"levels={self.levels}, V_th={float(self.V_th):.4g}"


def quantize_activations(
    model: nn.Module, levels: int = 8, V_th: float = 1.0, kind: type[nn.Module] = nn.ReLU
) -> nn.Module:
    """A copy of ``model`` in which every module of class ``kind`` is a :class:`QCFS`, to be trained and then converted.

    Raises
    ------
    RanvierError
        Where there is none: functional calls such as ``F.relu`` are not modules, and cannot be replaced.

    >>> model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    >>> trained = rv.conversion.quantize_activations(model, levels=4)
    """
    made = copied(model)
    places = [(parent, n) for parent in made.modules() for n, m in parent.named_children() if isinstance(m, kind)]
    if not places:
        raise RanvierError(
            f"{type(model).__name__} holds no {kind.__name__} to replace: write self.relu1 = nn.ReLU() instead of F.relu, one for each place."
        )
    for parent, name in places:
        setattr(parent, name, QCFS(levels, V_th))
    return made
