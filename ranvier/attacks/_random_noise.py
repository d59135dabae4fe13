"""Random signs instead of gradients: the control of every attack."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import torch

from ranvier.attacks._attack import Bounded, check_count, first_that_succeeds, uniform
from ranvier.attacks._target import Target

__all__ = ["RandomNoise"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class RandomNoise(Bounded):
    """x' = x + eps*s with random signs s, within the bounds; of several draws the first that changes the class, or the last.

    It sees no gradient. Where it succeeds more often than an attack with as many calls, the gradients of that attack are masked.

    Parameters
    ----------
    eps
        The change of a number, in the unit of x.
    draws
        How often signs are drawn for a sample.
    bounds
        Within which x' stays; None for any number.
    loss, surrogate, samples_axis, seed
        As for every :class:`Attack`.

    >>> x, y = torch.rand(10, 4, 20), torch.tensor([0, 1, 2, 0])
    >>> rv.attacks.RandomNoise(0.1, draws=3)(net, x, y).shape
    torch.Size([10, 4, 20])
    """

    _: KW_ONLY
    draws: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("draws", self.draws, 1)

    def change(self, target: Target, x: Tensor, y: Tensor, draw: torch.Generator) -> Tensor:
        """All draws; a sample that has another class keeps its own."""

        def made() -> Tensor:
            return self.within(x + self.eps * uniform(x, draw).sign(), x)

        return first_that_succeeds(target, x, y, self.draws, made)
