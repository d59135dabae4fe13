"""Random pixels of binary frames: the control of sparse attacks."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ranvier.attacks._attack import Attack, check_count, first_that_succeeds
from ranvier.attacks._binary import check_binary
from ranvier.attacks._target import Target
from ranvier.errors import RanvierError

__all__ = ["RandomFlips"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class RandomFlips(Attack):
    """Flips ``count`` random pixels of each sample of binary frames; of several draws the first that changes the class, or the last.

    Parameters
    ----------
    count
        Pixels of a sample, over all steps.
    draws
        How often pixels are drawn for a sample.
    loss, surrogate, samples_axis, seed
        As for every :class:`Attack`.

    Raises
    ------
    RanvierError
        For samples that hold other numbers than 0 and 1, or fewer of them than ``count``.

    >>> x, y = torch.rand(10, 2, 20).round(), torch.tensor([0, 1])
    >>> (rv.attacks.RandomFlips(5)(net, x, y) != x).sum((0, 2))
    tensor([5, 5])
    """

    count: int
    draws: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("count", self.count, 1)
        check_count("draws", self.draws, 1)

    def check(self, x: Tensor) -> None:
        """Refuse what is no frame of zeros and ones."""
        check_binary(x)

    def change(self, target: Target, x: Tensor, y: Tensor, draw: torch.Generator) -> Tensor:
        """All draws; a sample that has another class keeps its own."""

        def made() -> Tensor:
            return torch.cat([self._flipped(one, draw) for one in x.split(1, target.axis)], target.axis)

        return first_that_succeeds(target, x, y, self.draws, made)

    def _flipped(self, x: Tensor, draw: torch.Generator) -> Tensor:
        if self.count > x.numel():
            raise RanvierError(
                f"count={self.count} pixels cannot be flipped in samples of {x.numel()}: give at most {x.numel()}."
            )
        found = x.flatten().clone()
        where = torch.randperm(found.numel(), generator=draw)[: self.count].to(x.device)
        found[where] = 1 - found[where]
        return found.reshape(x.shape)
