"""Losses on values: of the mean over time, of every step, or of the last step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.nn import functional

from ranvier.errors import TrainingError
from ranvier.training.losses._places import Place, check_place, mean_of_samples, own_steps, read, value_pairs
from ranvier.training.losses.loss import Kind, Loss, series

__all__ = ["Regression"]

Tensor = torch.Tensor
_ERRORS: dict[str, tuple[Callable[..., Tensor], str]] = {
    "squared": (functional.mse_loss, "rmse"),
    "absolute": (functional.l1_loss, "mae"),
    "huber": (functional.smooth_l1_loss, "rmse"),
}


@dataclass(frozen=True)
class Regression(Loss):
    """Mean over samples, their own steps and values of an error of e - y, where e is read from the output.

    Parameters
    ----------
    at
        ``"mean"``: e is the mean over time; ``"last"``: that of each sample's last step; targets [B, …]. ``"every"``: of
        every step; targets [B, T, …], or [B, …] for the same in every step. With ``lengths`` the mean over a sample's own steps
        comes first, so that samples weigh alike, as in :class:`EveryStep`.
    error
        ``"squared"``: (e - y)**2. ``"absolute"``: abs(e - y). ``"huber"``: (e - y)**2 / 2 where it is less than 1 in size,
        else abs(e - y) - 1/2.

    out [T, B, …]; targets have the shape of a sample of the output, and may leave out the axis of a single cell: [B], or
    [B, T]. The metric is ``"rmse"`` (``"mae"`` for ``"absolute"``); ``"r2"`` is another choice. A mean over every step
    lets rules learn while the series goes by.

    >>> y = torch.rand(12, 3)  # three values for each sample
    >>> fit = rv.train(net, (x, y), epochs=3, loss=rv.losses.Regression(at="last"), metric=["r2", "mae"])
    """

    at: Place = "mean"
    error: Literal["squared", "absolute", "huber"] = "squared"

    def __post_init__(self) -> None:
        check_place(self.at, "Regression")
        if self.error not in _ERRORS:
            raise TrainingError(f"Regression: error={self.error!r} is unknown: use {', '.join(map(repr, _ERRORS))}.")

    @property
    def per_step(self) -> bool:
        """True for a mean over every step."""
        return self.at == "every"

    @property
    def targets(self) -> Kind:
        """Values."""
        return "values"

    @property
    def classifies(self) -> bool:
        """False."""
        return False

    @property
    def scores(self) -> tuple[str, ...]:
        """The metric of the error's kind."""
        return (_ERRORS[self.error][1],)

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean error of the batch."""
        error, pair = _ERRORS[self.error][0], self.compared(out, target, lengths)
        return error(*pair) if lengths is None else mean_of_samples(error(*pair, reduction="none"), self.at, lengths)

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """The estimates: [B, …], or those of every step [T, B, …], zero after each sample's end."""
        o = series(out, self, lengths, shaped=True)
        return o if self.at == "every" else read(o, self.at, lengths)

    def compared(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Estimates and targets [N, …]: N samples, or steps of samples."""
        o = series(out, self, lengths, shaped=True)
        return value_pairs(target, o, self.at, lengths, tuple(o.shape[2:]), "Regression")

    def at_steps(self, target: Any, out: Any, steps: Sequence[int] | Tensor, total: int) -> Any:
        """The targets of some steps, where there is one for each."""
        return own_steps(target, steps, total, tuple(out.shape[2:]))
