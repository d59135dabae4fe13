"""Accuracy under disturbances of rising strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import torch
from torch import nn

from ranvier.connectivity.copied import copied
from ranvier.errors import RanvierError
from ranvier.inference.labelled import labelled
from ranvier.measure._disturbances import Disturbance
from ranvier.network import Network
from ranvier.text_table import text_table
from ranvier.training.losses import Loss, MeanMembrane
from ranvier.values import is_whole

__all__ = ["Robustness", "Score", "robustness"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Score:
    """Accuracy under one disturbance: the mean over draws, and an interval of 95 % over samples (Wilson, of the mean share)."""

    disturbance: str
    strength: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Robustness:
    """Accuracies under disturbances, the undisturbed one first.

    Attributes
    ----------
    samples, draws
        Samples, and how often each strength was drawn.
    scores
        A :class:`Score` for each disturbance and strength; the first is named ``"none"``.
    """

    samples: int
    draws: int
    scores: tuple[Score, ...]

    def __getitem__(self, name: str) -> tuple[Score, ...]:
        """The scores of a disturbance, in the order of its strengths."""
        found = tuple(s for s in self.scores if s.disturbance == name)
        if not found:
            raise RanvierError(
                f"no disturbance is called {name!r}; there are {', '.join(dict.fromkeys(s.disturbance for s in self.scores))}."
            )
        return found

    def __str__(self) -> str:
        rows = [
            (s.disturbance, "" if s.disturbance == "none" else f"{s.strength:g}", f"{s.accuracy:.1%}", f"{s.low:.1%} to {s.high:.1%}")
            for s in self.scores
        ]  # fmt: skip
        return text_table([(f"{self.samples} samples", "strength", "accuracy", "95 %"), *rows])


@torch.no_grad()
def robustness(
    net: nn.Module, data: Any, disturbances: Sequence[Disturbance], *, loss: Loss | None = None, draws: int = 3,
    batch_size: int = 256, seed: int = 0,
) -> Robustness:  # fmt: skip
    """Accuracy of ``net`` on ``data``, undisturbed and under each disturbance at each of its strengths.

    The network does not change: each draw disturbs a copy in evaluation.

    Parameters
    ----------
    net
        A network with one input [T, B, …] and outputs [T, B, C].
    data
        (x [S, T, …], y [S]), or what else ``rv.train`` takes.
    disturbances
        ``rv.measure.DropSpikes``, ``JitterSpikes``, ``Noise``, ``DeadCells``, ``WeightNoise``, ``Drift``, ``Quantize``, ``rv.attacks.Attacked``, or
        a :class:`Disturbance` of your own.
    loss
        What reads classes; None for ``rv.losses.MeanMembrane()``.
    draws
        How often each strength is drawn.
    seed
        Of the draws. Strengths of a disturbance share their random numbers.

    Raises
    ------
    RanvierError
        For what is no network or disturbance, targets that are no classes, and samples of different length.

    >>> found = rv.measure.robustness(net, data, [rv.measure.DropSpikes((0.2, 0.8)), rv.measure.Quantize((4,))])
    >>> [(s.disturbance, s.strength) for s in found.scores]
    [('none', 0.0), ('DropSpikes', 0.2), ('DropSpikes', 0.8), ('Quantize', 4)]
    """
    if not isinstance(net, Network):
        raise RanvierError(
            f"robustness takes a network of Ranvier, got {type(net).__name__}: give rv.Sequential or rv.Network."
        )
    if len(net.graph.inputs) != 1 or len(net.outputs) != 1:
        raise RanvierError(
            f"robustness takes a network with one input and one output, this one has {len(net.graph.inputs)} and {len(net.outputs)}."
        )
    wrong = next((d for d in disturbances if not isinstance(d, Disturbance)), None)
    if wrong is not None:
        raise RanvierError(
            f"{wrong!r} is no disturbance: give one of rv.measure with its strengths, such as rv.measure.Noise((0.1,))."
        )
    if loss is not None and not (isinstance(loss, Loss) and loss.classifies):
        raise RanvierError(f"loss={loss!r} reads no classes: give one that does, such as rv.losses.MeanMembrane().")
    for name, value in (("draws", draws), ("batch_size", batch_size)):
        if not is_whole(value, 1):
            raise RanvierError(f"{name}={value!r} must be a whole number of at least 1.")
    read, (x, y) = loss or MeanMembrane(), _samples(data, batch_size)
    scores = [_score("none", 0.0, [_right(copied(net).eval(), x, y, read, batch_size)])]
    for disturbance in disturbances:
        for strength in disturbance.strengths:
            found = []
            for n in range(draws):
                draw = torch.Generator().manual_seed(seed + n)
                one, seen = disturbance(copied(net).eval(), x, y, strength, draw)
                found.append(_right(one, seen, y, read, batch_size))
            scores.append(_score(disturbance.name, strength, found))
    return Robustness(len(y), draws, tuple(scores))


def _right(net: nn.Module, x: Tensor, y: Tensor, loss: Loss, batch_size: int) -> Tensor:
    """Whether each sample has its class."""
    found = []
    for some, classes in zip(x.split(batch_size, 1), y.split(batch_size), strict=True):
        out = net(some)[0]
        loss(out, classes)  # for its check of the classes
        found.append(loss.predict(out) == classes)
    return torch.cat(found)


def _score(name: str, strength: float, draws: Sequence[Tensor]) -> Score:
    share, count = float(torch.stack(list(draws)).double().mean()), len(draws[0])
    z = NormalDist().inv_cdf(0.975)
    centre, scale = share + z**2 / (2 * count), 1 + z**2 / count
    half = z * (share * (1 - share) / count + (z / (2 * count)) ** 2) ** 0.5
    low, high = (centre - half) / scale, (centre + half) / scale
    return Score(
        name, strength, share, max(0.0, min(share, low)), min(1.0, max(share, high))
    )  # rounding may cross the share


def _samples(data: Any, batch_size: int) -> tuple[Tensor, Tensor]:
    """All samples x [T, S, …] and classes [S]."""
    found = list(labelled(data, batch_size, "data"))
    return torch.cat([x for x, _ in found], 1), torch.cat([y for _, y in found])
