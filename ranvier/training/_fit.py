"""What training returns: its history, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ranvier.training._metrics import Score

__all__ = ["Epoch", "Fit"]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set.

    Attributes
    ----------
    epoch
        Counts from 1.
    train, valid
        Mean loss and accuracy; during the pass for ``train``, after it for ``valid`` (None without a validation set).
    learning_rate
        Of this epoch.
    gradient_norm
        Largest norm of the gradient among the batches, before clipping.
    rates
        Mean spikes per cell and step of each population that can fire.
    seconds
        How long it took.
    """

    epoch: int
    train: Score
    valid: Score | None
    learning_rate: float
    gradient_norm: float
    rates: dict[str, float]
    seconds: float

    @property
    def score(self) -> tuple[float, float]:
        """What the best epoch is chosen by: accuracy, then loss, on the validation set or else the training set."""
        seen = self.valid or self.train
        return (0.0 if seen.accuracy is None else seen.accuracy, -seen.loss)


@dataclass(frozen=True)
class Fit:
    """The record of a training.

    Attributes
    ----------
    history
        One :class:`Epoch` per pass.
    plan
        Which kernels ran, as plain data (:meth:`ranvier.Plan.to_dict`).
    stopped
        Why training ended.
    """

    history: tuple[Epoch, ...]
    plan: dict[str, Any] = field(default_factory=dict, repr=False)
    stopped: str = ""

    @property
    def best(self) -> Epoch:
        """The epoch of the best score, the first of equals."""
        return max(self.history, key=lambda epoch: epoch.score)

    @property
    def best_epoch(self) -> int:
        """Its number."""
        return self.best.epoch

    @property
    def best_score(self) -> float:
        """Its accuracy, or its loss where there are no classes."""
        seen = self.best.valid or self.best.train
        return seen.loss if seen.accuracy is None else seen.accuracy

    @property
    def seconds(self) -> float:
        """Time spent in all epochs."""
        return sum(epoch.seconds for epoch in self.history)

    def table(self) -> str:
        """The history as text, the best epoch marked."""
        head = ("epoch", "train loss", "accuracy", "valid loss", "accuracy", "rate", "|gradient|", "lr", "seconds")
        rows: list[tuple[str, ...]] = [head]
        for e in self.history:
            rate = f"{sum(e.rates.values()) / len(e.rates):.4f}" if e.rates else "-"
            valid = (_number(e.valid.loss), _share(e.valid.accuracy)) if e.valid else ("-", "-")
            name = f"{e.epoch}{'*' if e is self.best else ' '}"
            train = (_number(e.train.loss), _share(e.train.accuracy))
            rest = (rate, f"{e.gradient_norm:.3g}", f"{e.learning_rate:.3g}", f"{e.seconds:.2f}")
            rows.append((name, *train, *valid, *rest))
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)

    def __repr__(self) -> str:
        if not self.history:
            return f"Fit(no epochs, {self.stopped})"
        seen = self.best.valid or self.best.train
        what = f"accuracy {_share(seen.accuracy)}" if seen.accuracy is not None else f"loss {_number(seen.loss)}"
        where = "validation" if self.best.valid else "training"
        spent = f"{len(self.history)} epochs in {self.seconds:.1f} s"
        return f"Fit({spent}, best {self.best_epoch}: {where} {what}; {self.stopped})"


def _number(value: float) -> str:
    return f"{value:.4f}" if 1e-3 < abs(value) < 1e4 else f"{value:.2e}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"
