"""Several small steps along the sign of the gradient."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import torch

from ranvier.attacks._attack import Bounded, check_count, uniform, where_samples
from ranvier.attacks._target import Target
from ranvier.errors import RanvierError

__all__ = ["PGD"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class PGD(Bounded):
    """x' moves ``steps`` times by step*sign(dloss/dx), and stays within eps of x and the bounds: projected gradient descent.

    A sample that has another class than its own moves no further, so more steps never succeed less from one start.

    Parameters
    ----------
    eps
        The largest change of a number, in the unit of x.
    steps
        How often a sample moves.
    step
        How far; None for eps/4.
    random_start
        Begin at a random point within eps; else at x.
    bounds
        Within which x' stays; None for any number.
    loss, surrogate, samples_axis, seed
        As for every :class:`Attack`.

    Source: Madry et al., ICLR 2018.

    >>> x, y = torch.rand(10, 4, 20), torch.tensor([0, 1, 2, 0])
    >>> float((rv.attacks.PGD(0.1, steps=3)(net, x, y) - x).abs().max()) <= 0.1 + 1e-6
    True
    """

    _: KW_ONLY
    steps: int = 10
    step: float | None = None
    random_start: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("steps", self.steps, 1)
        if self.step is not None and not 0 < self.step <= 2 * self.eps:
            raise RanvierError(
                f"step={self.step!r} must lie above 0 and at most at 2*eps={2 * self.eps:g}; None takes eps/4."
            )

    def change(self, target: Target, x: Tensor, y: Tensor, draw: torch.Generator) -> Tensor:
        """All steps; the last point is not asked for its class."""
        step = self.eps / 4 if self.step is None else self.step
        found = self.within(x + self.eps * uniform(x, draw), x) if self.random_start else x
        for _ in range(self.steps):
            gradient, wrong = target.gradient(found, y)
            found = where_samples(wrong, found, self.within(found + step * gradient.sign(), x), target.axis)
        return found
