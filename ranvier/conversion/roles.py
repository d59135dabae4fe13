"""What a layer of a trained network becomes in a spiking one: the roles that rules hand out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

__all__ = ["Adds", "Averages", "Fires", "Maps", "Passes", "Refused", "Role", "Scales"]


@dataclass(frozen=True)
class Maps:
    """A transform that stays, or a row of transforms as ``nn.Sequential``.

    ``factor`` says where a positive factor before it goes: into its ``"weight"``; ``"through"`` it, f(k*x) = k*f(x); or
    ``"nowhere"``, so that numbers must reach it in their own size. ``exact`` is False where the mean of its outputs over steps is
    not its output for the mean input, as in a maximum.
    """

    module: nn.Module
    factor: Literal["weight", "through", "nowhere"]
    exact: bool = True


@dataclass(frozen=True)
class Fires:
    """A rectifier, which becomes a population of spiking cells.

    ``threshold`` is known where training set it; ``limit`` is a value that the rectifier never exceeds.
    """

    threshold: float | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Averages:
    """A module that is evaluated on running means of its input, in floating point."""

    module: nn.Module


@dataclass(frozen=True)
class Adds:
    """A sum of branches."""


@dataclass(frozen=True)
class Scales:
    """A product with one number."""

    factor: float


@dataclass(frozen=True)
class Passes:
    """Nothing in evaluation, such as dropout; or, with ``value`` False, numbers about shapes, which carry no signal."""

    value: bool = True
    note: str = "acts in training only"


@dataclass(frozen=True)
class Refused:
    """A layer without counterpart, and what to do instead."""

    remedy: str


Role = Maps | Fires | Averages | Adds | Scales | Passes | Refused
