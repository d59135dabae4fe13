"""Values read from cells that each prefer one: the centre of mass of a population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses._places import Place, check_place, mean_of_samples, own_steps, read, value_pairs
from ranvier.training.losses.loss import Kind, Loss, series

__all__ = ["PopulationVector"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class PopulationVector(Loss):
    """Mean squared error of e = (sum over k of p_k r_k + floor*c) / (sum over k of r_k + floor), the centre of mass of a population.

    r_k >= 0 is the rate of cell k, ``preferred`` p_k its value [C], or [C, K] for K values (a direction is a unit
    vector), and c the mean of all p_k, read where no cell fires.

    Parameters
    ----------
    preferred
        The value of each output cell.
    at
        ``"mean"``: rates are means over time; ``"every"``: those of every step, for traces such as filtered spikes; ``"last"``:
        those of the last step. Targets as in ``rv.losses.Regression``, [B] or [B, K] and [B, T] or [B, T, K].
    floor
        The rate, summed over cells, at which e is half-way between c and the centre of mass.

    out [T, B, C] spikes or rates. Source: Georgopoulos, Schwartz & Kettner, Science 1986.

    >>> angle = torch.linspace(-1.0, 1.0, 3)
    >>> loss = rv.losses.PopulationVector(angle)  # three cells, that prefer -1, 0 and 1
    >>> loss.predict(torch.tensor([[[0.0, 2.0, 2.0]]]))
    tensor([[0.4988]])
    """

    preferred: Any = field(repr=False)
    at: Place = "mean"
    floor: float = 1e-2

    def __post_init__(self) -> None:
        check_place(self.at, "PopulationVector")
        values = torch.as_tensor(self.preferred, dtype=torch.float64)
        if values.ndim not in (1, 2) or not values.numel() or not bool(torch.isfinite(values).all()):
            raise TrainingError(
                f"PopulationVector: preferred has shape {tuple(values.shape)}: give a finite value for each cell, [C] or [C, K]."
            )
        if not self.floor > 0:
            raise TrainingError(f"PopulationVector: floor={self.floor!r} must be a positive rate.")
        object.__setattr__(self, "preferred", values if values.ndim == 2 else values.unsqueeze(1))

    @property
    def per_step(self) -> bool:
        """True for a mean over every step."""
        return self.at == "every"

    @property
    def classifies(self) -> bool:
        """False."""
        return False

    @property
    def targets(self) -> Kind:
        """Values."""
        return "values"

    @property
    def scores(self) -> tuple[str, ...]:
        """The root mean square of errors."""
        return ("rmse",)

    def __call__(self, out: Any, target: Any, lengths: Tensor | None = None) -> Tensor:
        """The mean squared error of the batch."""
        found, truth = self.compared(out, target, lengths)
        return mean_of_samples((found - truth).square(), self.at, lengths)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The estimates [N, K]: N samples, or steps of samples."""
        return self._centre(read(self._rates(out, lengths), self.at, lengths))

    def compared(self, out: Any, target: Any, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Estimates and targets [N, K]."""
        o, tail = self._rates(out, lengths), (self.preferred.shape[1],)
        rates, truth = value_pairs(target, o, self.at, lengths, tail, "PopulationVector")
        return self._centre(rates), truth

    def at_steps(self, target: Any, out: Any, steps: Sequence[int] | Tensor, total: int) -> Any:
        """The targets of some steps, where there is one for each."""
        return own_steps(target, steps, total, (self.preferred.shape[1],))

    def _rates(self, out: Any, lengths: Tensor | None) -> Tensor:
        o = series(out, self, lengths)
        if o.shape[2] != len(self.preferred):
            raise ShapeError(
                f"PopulationVector has {len(self.preferred)} preferred values for an output of {o.shape[2]} cells: give one for "
                f"each cell."
            )
        if bool((o < 0).any()):
            raise TrainingError(
                f"PopulationVector reads rates, but the smallest output is {float(o.detach().min()):.3g}: end the network "
                f"with cells that fire, or choose rv.losses.Regression."
            )
        return o

    def _centre(self, rates: Tensor) -> Tensor:
        preferred = self.preferred.to(rates)
        mass = rates.sum(1, keepdim=True) + self.floor
        return (rates @ preferred + self.floor * preferred.mean(0)) / mass
