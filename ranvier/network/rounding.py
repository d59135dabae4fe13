"""Delays on whole steps: what hardware, compiled circuits and files of other tools take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ranvier.connectivity import delays_of
from ranvier.connectivity.copied import copied
from ranvier.network.network import Network

__all__ = ["RoundingReport", "compare_rounding", "rounded_delays"]


@dataclass(frozen=True)
class RoundingReport:
    """What rounding the delays of a network costs.

    Attributes
    ----------
    before, after
        The measure with real-valued delays, and with every delay on its nearest step.
    largest, mean
        How far delays moved, in steps: 0.5 at most where they lie within their bounds.
    """

    before: float
    after: float
    largest: float
    mean: float

    def __str__(self) -> str:
        return f"{self.before:.4g} with real delays, {self.after:.4g} on whole steps (moved by {self.mean:.2g} steps on average, {self.largest:.2g} at most)"


def rounded_delays(net: Network) -> Network:
    """A copy of ``net`` in which every learnable delay is fixed on its nearest whole step; ``net`` stays as it is.

    >>> chip = rv.rounded_delays(net)
    """
    fixed = copied(net)
    learnable = [n for n, p in fixed.projections.items() if p.transform.delay is not None]
    for name in learnable:
        p = fixed.projections[name]
        p.bound_transform.fix_delays()  # one that stands twice is fixed once
        fixed.projections[name] = p.replaced(list(p.chain))
    return fixed


def compare_rounding(net: Network, measure: Callable[[Network], float]) -> RoundingReport:
    """Measure ``net`` before and after rounding its delays.

    Parameters
    ----------
    measure
        For example the accuracy on a validation set; called with each network, without gradient.

    >>> def accuracy(net):
    ...     return (net(spikes)[0].mean(0).argmax(1) == y).float().mean().item()
    >>> report = rv.compare_rounding(net, accuracy)
    """
    moves = []
    for delays in delays_of(net):
        moves.append((delays.in_steps(net.dt) - delays.rounded(net.dt)).abs().flatten())
    moved = torch.cat(moves) if moves else torch.zeros(1, dtype=torch.float64)
    with torch.no_grad():
        before, after = (float(measure(n)) for n in (net, rounded_delays(net)))
    return RoundingReport(before, after, float(moved.max()), float(moved.mean()))
