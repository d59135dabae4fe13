"""Hidden signals that follow those of a teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.network import Network
from ranvier.network.run.outputs import emission_of
from ranvier.training.regularizers._regularizer import Regularizer, own_steps

__all__ = ["Features"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Features(Regularizer):
    """weight * sum over populations of the mean of (a/|a| - b/|b|)**2: hidden features in the direction of a teacher's.

    a [B, …] is the mean of a population's emissions over each sample's own steps, b [B, …] the teacher's features for the same input, without gradient, and |.| the
    root of the mean square of a sample. :class:`ranvier.losses.Distillation` compares answers; this compares hidden signals,
    such as the output of attention.

    Parameters
    ----------
    weight
        As for every :class:`Regularizer`.
    populations
        Names of the populations that are compared.
    teacher
        A function of the input [T, B, …] that gives features by the name of the population, [B, …], or [T, B, …], whose mean over steps counts.

    Raises
    ------
    TrainingError
        Where the teacher is no function, or gives no features for one of the populations.
    ShapeError
        Where features have another shape than the population.

    Source: Qiu et al., ICLR 2025 (fine-grained distillation of a quantized spike-driven transformer).

    >>> teacher = lambda x: {"lif1": torch.rand(x.shape[1], 16)}
    >>> fit = rv.train(net, data, epochs=1, regularizers=[rv.regularizers.Features(0.1, ["lif1"], teacher)])
    """

    teacher: Callable[[Any], Mapping[str, Tensor]] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.teacher):
            raise TrainingError(f"Features: teacher={self.teacher!r} is not a function of the input.")
        if not self.populations:
            raise TrainingError("Features: name the populations that are compared, such as ['lif1'].")

    def variable(self, net: Network, population: str) -> str | None:
        """What the population emits."""
        if net.populations[population].cell.emit is None:
            return None
        return emission_of(population, net.populations)

    def beside(self, x: Any) -> Mapping[str, Tensor]:
        """The teacher's features."""
        with torch.no_grad():
            found = {} if self.teacher is None else self.teacher(x)
        for name in self.populations or ():
            if not isinstance(found, Mapping) or not isinstance(found.get(name), Tensor):
                raise TrainingError(
                    f"Features: the teacher gives no features for {name!r}: it must return a dict by population."
                )
        return found

    def penalty(self, net: Network, population: str, signal: Any, lengths: Tensor | None) -> Tensor:
        """The mean squared distance of both directions."""
        seen, taught = signal
        own = seen.sum(0) / own_steps(seen, lengths).reshape(-1, *(1 for _ in seen.shape[2:]))
        taught = taught.mean(0) if taught.ndim == seen.ndim else taught
        if taught.shape != own.shape:
            raise ShapeError(
                f"Features: the teacher gives {tuple(taught.shape)} for {population!r}, whose mean over steps is {tuple(own.shape)}."
            )
        return (_unit(own) - _unit(taught.to(own))).square().mean()


def _unit(x: Tensor) -> Tensor:
    """``x`` [B, …] over the root of the mean square of each sample."""
    return x / (x.flatten(1).square().mean(1) + 1e-6).sqrt().reshape(-1, *(1 for _ in x.shape[1:]))
