"""What training returns: its history, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ranvier.text_table import text_table
from ranvier.training.metrics import Score

__all__ = ["Epoch", "Fit", "spell_score"]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set.

    Attributes
    ----------
    epoch
        Counts from 1.
    train, valid
        Mean loss and metrics; during the pass for ``train``, after it for ``valid`` (None without a validation set).
    learning_rate, group_rates
        Of this epoch: of the first group of parameters, and of all groups.
    gradient_norm
        Largest norm of the gradient among the batches, before clipping.
    rates
        Mean spikes per cell and step of each population that can fire.
    seconds
        How long it took.
    chosen, larger
        The name of the criterion of the best epoch, a metric or "loss", and whether larger is better.
    """

    epoch: int
    train: Score
    valid: Score | None
    learning_rate: float
    gradient_norm: float
    rates: dict[str, float]
    seconds: float
    chosen: str = "loss"
    larger: bool = False
    group_rates: tuple[float, ...] = ()

    def numbers(self) -> dict[str, float]:
        """All numbers by name: ``"train/loss"``, ``"valid/rmse"``, ``"rate/lif1"``, ``"lr"``, ``"gradient"``, ``"seconds"``.

        >>> fit = rv.train(net, data, valid, epochs=1, callbacks=[lambda epoch, net: print(sorted(epoch.numbers())[:2])])
        ['gradient', 'lr']
        """
        passes = {"train": self.train, "valid": self.valid}
        scores = {f"{n}/{m}": p.of(m) for n, p in passes.items() if p is not None for m in ("loss", *p.metrics)}
        rates = {f"rate/{n}": r for n, r in self.rates.items()}
        groups = {f"lr/{k}": r for k, r in enumerate(self.group_rates)} if len(self.group_rates) > 1 else {}
        rest = {"lr": self.learning_rate, "gradient": self.gradient_norm, "seconds": self.seconds}
        return scores | rates | rest | groups

    @property
    def seen(self) -> Score:
        """The score on the validation set, or else on the training set."""
        return self.valid or self.train

    @property
    def score(self) -> tuple[float, float]:
        """The criterion of the best epoch: the chosen metric, then the loss; larger is better."""
        value = round(self.seen.of(self.chosen), 12)  # means over batches differ in the last bits
        return (value if self.larger else -value, -self.seen.loss)


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

    >>> fit = rv.train(net, data, valid, epochs=3)
    >>> len(fit.history)
    3
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
        """The metric that chooses epochs, or the loss."""
        return self.best.seen.of(self.best.chosen)

    @property
    def seconds(self) -> float:
        """Time spent in all epochs."""
        return sum(epoch.seconds for epoch in self.history)

    def table(self) -> str:
        """The history as text, the best epoch marked."""
        names = list(self.history[0].train.metrics) if self.history else []
        head = ("epoch", "train loss", *names, "valid loss", *names, "rate", "|gradient|", "lr", "seconds")
        rows: list[tuple[str, ...]] = [head]
        for e in self.history:
            rate = f"{sum(e.rates.values()) / len(e.rates):.4f}" if e.rates else "-"
            valid = _cells(e.valid, names) if e.valid else ("-",) * (1 + len(names))
            name = f"{e.epoch}{'*' if e is self.best else ' '}"
            train = _cells(e.train, names)
            rest = (rate, f"{e.gradient_norm:.3g}", f"{e.learning_rate:.3g}", f"{e.seconds:.2f}")
            rows.append((name, *train, *valid, *rest))
        return text_table(rows, right=range(len(head)))

    def __repr__(self) -> str:
        if not self.history:
            return f"Fit(no epochs, {self.stopped})"
        chosen = self.best.chosen
        what = f"{chosen} {spell_score(chosen, self.best_score)}"
        where = "validation" if self.best.valid else "training"
        spent = f"{len(self.history)} epochs in {self.seconds:.1f} s"
        return f"Fit({spent}, best {self.best_epoch}: {where} {what}; {self.stopped})"


def spell_score(name: str, value: float) -> str:
    """A metric as text."""
    if name == "accuracy":
        return f"{100 * value:.2f} %"
    return f"{value:.4f}" if 1e-3 < abs(value) < 1e4 or not value else f"{value:.2e}"


def _cells(score: Score, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(spell_score(n, score.of(n)) for n in ("loss", *names))
