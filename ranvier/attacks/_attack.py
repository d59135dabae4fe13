"""The interface of attacks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import torch
from torch import nn

from ranvier.attacks._potential_dependent import PotentialDependent
from ranvier.attacks._target import Target
from ranvier.errors import RanvierError
from ranvier.surrogates import Surrogate
from ranvier.training.losses import Loss, MeanMembrane
from ranvier.values import is_positive, is_whole

__all__ = ["Attack", "Bounded", "check_count", "first_that_succeeds", "uniform", "where_samples"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Attack(ABC):
    """Changes samples so that a module gives them another class; ``attack(net, x, y)`` returns x' of the shape of x.

    The module does not change. A sample's result does not depend on the others in its batch, unless numbers are drawn.

    Parameters
    ----------
    loss
        What is raised, and what reads classes from outputs [T, B, C] or [B, C].
    surrogate
        How gradients pass thresholds: None, as the network has it; one of ``rv.surrogates``; or :class:`PotentialDependent`.
    samples_axis
        The axis of x that counts samples; by default 1 for a network or layer, x [T, B, …], and 0 for any other module.
    seed
        Of the numbers that are drawn.
    """

    _: KW_ONLY
    loss: Loss = field(default_factory=MeanMembrane)
    surrogate: Surrogate | PotentialDependent | None = None
    samples_axis: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples_axis is not None:
            check_count("samples_axis", self.samples_axis, 0)
        check_count("seed", self.seed, 0)

    def __call__(self, net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The changed samples.

        Parameters
        ----------
        net
            A network of Ranvier or any module, whose call gives outputs [T, B, C] or [B, C], or a pair that begins with them.
        x
            Samples [T, B, …], or [B, …] where ``samples_axis`` is 0.
        y
            Their classes [B].

        Raises
        ------
        RanvierError, ShapeError, TrainingError
            For samples outside of the bounds, classes that do not fit, and outputs without a gradient by x.
        """
        return self.on(self.target(net), x, y)

    def target(self, net: nn.Module) -> Target:
        """A copy of ``net`` as this attack sees it."""
        return Target(net, self.loss, self.surrogate, self.samples_axis)

    def on(self, target: Target, x: Tensor, y: Tensor) -> Tensor:
        """As a call, on a copy that :meth:`target` has made."""
        target.check(x, y)
        self.check(x)
        draw = torch.Generator().manual_seed(self.seed)
        return self.change(target, x.detach(), y, draw)

    def check(self, x: Tensor) -> None:
        """Refuse samples that this attack cannot change."""
        if not bool(x.isfinite().all()):
            raise RanvierError("x holds numbers that are not finite: an attack has nowhere to go from them.")

    @abstractmethod
    def change(self, target: Target, x: Tensor, y: Tensor, draw: torch.Generator) -> Tensor:
        """The changed samples; ``draw`` gives all random numbers."""


@dataclass(frozen=True)
class Bounded(Attack):
    """An attack that changes each number by at most ``eps``, within ``bounds``."""

    eps: float
    _: KW_ONLY
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_positive(self.eps):
            raise RanvierError(
                f"eps={self.eps!r} must be a number above 0, in the unit of x: 8/255 for images from 0 to 1."
            )
        if self.bounds is not None:
            low, high = _pair(self.bounds)
            if not low < high:
                raise RanvierError(f"bounds={self.bounds!r} must be (low, high) with low < high, or None.")

    def check(self, x: Tensor) -> None:
        """Refuse samples outside of the bounds."""
        super().check(x)
        if self.bounds is None:
            return
        low, high = (float(end) for end in x.aminmax())
        if not (self.bounds[0] <= low and high <= self.bounds[1]):
            raise RanvierError(
                f"x lies from {low:g} to {high:g}, outside of bounds={self.bounds}: give the bounds of the data, or bounds=None."
            )

    def within(self, found: Tensor, x: Tensor) -> Tensor:
        """``found``, moved to where it may be."""
        near = x + (found - x).clamp(-self.eps, self.eps)
        return near if self.bounds is None else near.clamp(*self.bounds)


def check_count(name: str, value: Any, least: int) -> None:
    """Refuse what is no whole number of at least ``least``."""
    if not is_whole(value, least):
        raise RanvierError(f"{name}={value!r} must be a whole number of at least {least}.")


def _pair(bounds: Any) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in bounds)
    except (TypeError, ValueError):
        raise RanvierError(f"bounds={bounds!r} must be a pair of numbers (low, high), or None.") from None
    return low, high


def uniform(like: Tensor, draw: torch.Generator) -> Tensor:
    """Numbers from -1 to 1 in the shape of ``like``."""
    return (torch.rand(like.shape, generator=draw, dtype=like.dtype) * 2 - 1).to(like.device)


def first_that_succeeds(target: Target, x: Tensor, y: Tensor, draws: int, made: Callable[[], Tensor]) -> Tensor:
    """For each sample the first of ``draws`` changed samples that ``made`` gives which has another class, else the last."""
    found, wrong = x, torch.zeros_like(y, dtype=torch.bool)
    for n in range(draws):
        found = where_samples(wrong, found, made(), target.axis)
        if n + 1 < draws:
            wrong = target.wrong(found, y)
    return found


def where_samples(chosen: Tensor, yes: Tensor, no: Tensor, axis: int) -> Tensor:
    """``yes`` for the samples that ``chosen`` [B] marks, else ``no``."""
    return torch.where(chosen.reshape(-1, *(1 for _ in yes.shape[axis + 1 :])), yes, no)
