"""One step along the sign of the gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ranvier.attacks._attack import Bounded
from ranvier.attacks._target import Target

__all__ = ["FGSM"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class FGSM(Bounded):
    """x' = x + eps*sign(dloss/dx), within the bounds: the fast gradient sign method.

    Parameters
    ----------
    eps
        The largest change of a number, in the unit of x.
    bounds
        Within which x' stays; None for any number.
    loss, surrogate, samples_axis, seed
        As for every :class:`Attack`.

    Source: Goodfellow, Shlens & Szegedy, ICLR 2015.

    >>> x, y = torch.rand(10, 4, 20), torch.tensor([0, 1, 2, 0])
    >>> float((rv.attacks.FGSM(0.1)(net, x, y) - x).abs().max()) <= 0.1 + 1e-6
    True
    """

    def change(self, target: Target, x: Tensor, y: Tensor, draw: torch.Generator) -> Tensor:
        """One step for all samples."""
        gradient, _ = target.gradient(x, y)
        return self.within(x + self.eps * gradient.sign(), x)
