"""Detection of spiking motifs: logistic regression with a weight for every cell and delay."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import torch

from ranvier.errors import RanvierError, ShapeError
from ranvier.limits import need
from ranvier.motifs._checks import check_positive, check_share, check_whole, largest
from ranvier.motifs._counts import log_odds
from ranvier.motifs._estimator import Estimator
from ranvier.motifs._evidence import evidence_of, peaks_of
from ranvier.motifs._matching import match_occurrences
from ranvier.motifs._raster import Raster
from ranvier.motifs.layer import LAYER, SYNAPSES, evidence_layer, spiking_layer
from ranvier.motifs.pieces import EvidenceLoss, Pieces
from ranvier.network import Network
from ranvier.training import train
from ranvier.units import ms

__all__ = ["MotifDetector"]

Tensor = torch.Tensor
#: steps of one sample of training
_LENGTH = 512
#: levels that are tried as a threshold
_LEVELS = 128


class MotifDetector(Estimator):
    """Finds when each of M motifs occurs in a raster of N cells, by the delays between its spikes.

        evidence[t, m] = bias[m] + sum over n and d of kernel[m, n, d] * spikes[t - d, n]

    This is the logit of the probability that m occurs at t: logistic regression on spikes at all delays. It inverts
    :func:`ranvier.motifs.plant_motifs`. Each of its weights is a synapse with a delay of one layer of cells, so the cost
    follows the spikes and the synapses that are left after pruning. Training starts at log-odds from counts and goes on by
    gradient descent with :func:`ranvier.train`. An occurrence is found where the evidence of a motif reaches ``threshold_`` and is highest
    within ``tolerance`` steps.

    Parameters
    ----------
    window
        D, steps: delays are 0 to D - 1.
    epochs
        Of gradient descent; 0 keeps the log-odds of counts.
    lr, batch_size
        Of Adam; a sample is 512 steps of the raster.
    penalty
        Of the squared weights: the loss is the sum over all steps of the cross-entropies plus penalty/2 * sum of kernel².
    significance
        A synapse is made where a cell fires at a delay before occurrences more or less often than by chance, by at least this many
        standard deviations; 0 makes all.
    tolerance
        Steps by which an occurrence may be found early or late.
    held_out
        Share of the raster, at its end, that chooses the epoch and the threshold; 0 takes the raster itself.
    seed
        Of the order of samples.

    Attributes
    ----------
    kernel_
        [M, N, D].
    bias_
        [M].
    delays_
        [M, N]: the delay at which each cell has its largest weight; -1 where it has none above 0.
    synapses_
        How many weights there are.
    threshold_
        Evidence from which an occurrence is found.
    fit_
        The record of training, or None.

    Source: Perrinet, ICANN 2023; Grimaldi & Perrinet, Biological Cybernetics 2023.

    >>> spikes, truth = rv.motifs.plant_motifs(rv.motifs.draw_motifs(2, 30, 11, spikes=15), 6000, seed=1)
    >>> detector = rv.motifs.MotifDetector(window=11, epochs=2).fit(spikes, truth)
    >>> detector.predict(spikes).shape
    (6000, 2)
    """

    def __init__(
        self, window: int = 31, *, epochs: int = 10, lr: float = 0.1, batch_size: int = 8, penalty: float = 1.0,
        significance: float = 3.0, tolerance: int = 1, held_out: float = 0.2, seed: int = 0,
    ) -> None:  # fmt: skip
        self.window, self.epochs, self.lr, self.batch_size = window, epochs, lr, batch_size
        self.penalty, self.significance, self.tolerance = penalty, significance, tolerance
        self.held_out, self.seed = held_out, seed

    def fit(self, raster: Any, occurrences: Any) -> Self:
        """Learn from spikes (T, N) and the occurrences (T, M) of motifs in them: rasters, or counts [T, N] and [T, M].

        Raises
        ------
        RanvierError
            Where a parameter is out of range, or a motif does not occur before the part that is held out.
        ShapeError
            Where raster and occurrences differ in length, or the raster is shorter than the window.
        """
        self._check()
        spikes, wanted = Raster.of(raster), Raster.of(occurrences, "occurrences")
        steps = self._same_steps(spikes, wanted)
        border = steps - round(self.held_out * steps)
        if border < self.window:
            raise ShapeError(f"{border} steps to learn from are fewer than window={self.window}: give a longer raster.")
        learn = spikes.between(0, border), wanted.between(0, border)
        if len(missing := np.setdiff1d(np.arange(wanted.shape[1]), learn[1].rows)):
            raise RanvierError(
                f"motifs {missing.tolist()} do not occur in the first {border:,} steps: give a longer raster, or a smaller held_out."
            )
        choose = (spikes.between(border, steps), wanted.between(border, steps)) if border < steps else learn
        kernel, bias, kept = log_odds(*learn, self.window, self.significance)
        if not kept.any():
            raise RanvierError(
                f"no delay of any cell is {self.significance} standard deviations from chance: give a longer raster, or a smaller significance."
            )
        self._keep(evidence_layer(kernel, bias, kept), kept)
        self.fit_ = self._descend(learn, choose) if self.epochs else None
        return self.calibrate(*(choose if len(choose[1]) else learn))

    def set_kernel(self, kernel: Any, bias: Any = None) -> Self:
        """Set known weights [M, N, D] and bias [M] (None: 0) instead of learning them by :meth:`fit`; :meth:`calibrate` chooses the threshold.

        Raises
        ------
        ShapeError
            Where the kernel is not [M, N, window], or the bias not [M].
        RanvierError
            Where a weight is not finite, or all are 0.
        """
        self._check()
        weight = np.asarray(kernel, np.float32)
        added = np.zeros(len(weight)) if bias is None else np.asarray(bias, np.float64)
        if weight.ndim != 3 or weight.shape[2] != self.window or added.shape != weight.shape[:1]:
            raise ShapeError(
                f"kernel {weight.shape}, bias {added.shape}; give [motifs, cells, window={self.window}] and [motifs]."
            )
        if not (np.isfinite(weight).all() and np.isfinite(added).all() and weight.any()):
            raise RanvierError("kernel and bias must be finite, and some weight not 0.")
        self._keep(evidence_layer(weight, added, weight != 0), weight != 0)
        self.fit_, self.threshold_ = None, 0.0
        return self

    def calibrate(self, raster: Any, occurrences: Any) -> Self:
        """Choose the threshold with the largest F1 on this raster, within the tolerance; for example after :meth:`prune`.

        Raises
        ------
        RanvierError
            Where no motif occurs in the raster.
        """
        spikes, wanted = self._seen(raster), Raster.of(occurrences, "occurrences")
        self._same_steps(spikes, wanted)
        if not len(wanted):
            raise RanvierError("calibrate: no motif occurs in this raster: give one with occurrences.")
        most = 10 * len(wanted) + 100
        step, motif, height = peaks_of(self._net, spikes, self.window, -math.inf, self.tolerance, most)
        levels = np.unique(np.quantile(height, np.linspace(0, 1, _LEVELS)))
        rasters = (Raster(step[height >= level], motif[height >= level], wanted.shape) for level in levels)
        scores = np.array([match_occurrences(found, wanted, tolerance=self.tolerance).f1 for found in rasters])
        first = int(scores.argmax())
        others = np.flatnonzero(scores[first:] < scores[first])
        last = first + int(others[0]) - 1 if len(others) else len(levels) - 1
        self.threshold_ = float((levels[first] + levels[last]) / 2)
        return self

    def decision_function(self, raster: Any) -> Tensor:
        """Evidence [T, M], the logit of the probability of an occurrence.

        Raises
        ------
        MemoryLimitError
            Where the result does not fit into memory; :meth:`predict` needs only a stretch at a time.
        """
        spikes = self._seen(raster)
        steps, motifs = spikes.shape[0], len(self.bias_)
        need(4 * steps * motifs, f"evidence of {steps:,} x {motifs}", "call predict, or give a shorter raster")
        made = torch.empty(steps, motifs)
        for start, stop, evidence in evidence_of(self._net, spikes, self.window):
            made[start:stop] = evidence
        return made

    def predict_proba(self, raster: Any) -> Tensor:
        """Probability [T, M] of an occurrence at each step."""
        return self.decision_function(raster).sigmoid()

    def predict(self, raster: Any) -> Raster:
        """The occurrences that are found, as a raster (T, M). Memory does not grow with T."""
        spikes = self._seen(raster)
        step, motif, _ = peaks_of(self._net, spikes, self.window, self.threshold_, self.tolerance)
        return Raster(step, motif, (spikes.shape[0], len(self.bias_)))

    def score(self, raster: Any, occurrences: Any) -> float:
        """F1 of what is found, one to one, within the tolerance."""
        return match_occurrences(self.predict(raster), occurrences, tolerance=self.tolerance).f1

    def prune(self, share: float) -> Self:
        """Remove this share of the synapses, those with the smallest weights. Call :meth:`calibrate` afterwards.

        Raises
        ------
        RanvierError
            Where the share is not below 1.
        """
        self._fitted("prune")
        kept = largest(self.kernel_, self._kept, share)
        self._keep(evidence_layer(self.kernel_, self.bias_, kept), kept)
        return self

    @property
    def synapses_(self) -> int:
        """How many weights there are."""
        self._fitted("count synapses")
        return int(self._kept.sum())

    @property
    def delays_(self) -> np.ndarray:
        """The delay [M, N] at which each cell has its largest weight; -1 where it has none above 0."""
        self._fitted("give delays")
        return np.where(self.kernel_.max(2) > 0, self.kernel_.argmax(2), -1)

    def to_network(self, dt: Any = 1 * ms) -> Network:
        """The detector as a spiking network: N inputs, and M cells that spike, one step later, where the evidence reaches the threshold.

        Such a cell may spike in several steps around an occurrence, where :meth:`predict` gives the one with the highest evidence.
        """
        self._fitted("become a network")
        return spiking_layer(self.kernel_, self.bias_, self._kept, self.threshold_, dt)

    def _descend(self, learn: tuple[Raster, Raster], choose: tuple[Raster, Raster]) -> Any:
        parts = Pieces(*learn, self.window, _LENGTH), Pieces(*choose, self.window, _LENGTH)
        synapses, decay = self._net[SYNAPSES].weight, self.penalty / learn[0].shape[0]
        others = [q for q in self._net.parameters() if q is not synapses]
        groups = [{"params": [synapses], "weight_decay": decay}, {"params": others}]
        fit = train(
            self._net, *parts, epochs=self.epochs, loss=EvidenceLoss(self.window), optimizer=torch.optim.Adam(groups, lr=self.lr),
            batch_size=self.batch_size, schedule="cosine", seed=self.seed, progress=False,
        )  # fmt: skip
        self._keep(self._net, self._kept)
        return fit

    def _keep(self, net: Network, kept: np.ndarray) -> None:
        self._net, self._kept = net, kept
        kernel: np.ndarray = np.zeros(kept.shape, np.float32)
        kernel.transpose(1, 0, 2)[kept.transpose(1, 0, 2)] = net[SYNAPSES].weight.detach().numpy()
        self.kernel_ = kernel
        self.bias_ = net[LAYER].bias.detach().numpy().copy()

    def _seen(self, raster: Any) -> Raster:
        self._fitted("look at a raster")
        spikes = Raster.of(raster)
        if spikes.shape[1] != self.kernel_.shape[1]:
            raise ShapeError(
                f"the raster has {spikes.shape[1]} cells; the detector was fitted to {self.kernel_.shape[1]}."
            )
        return spikes

    def _same_steps(self, raster: Raster, occurrences: Raster) -> int:
        if raster.shape[0] != occurrences.shape[0]:
            raise ShapeError(
                f"raster {raster.shape} and occurrences {occurrences.shape} differ in steps; give (T, N) and (T, M)."
            )
        return raster.shape[0]

    def _check(self) -> None:
        check_whole(self, window=1, epochs=0, batch_size=1, tolerance=0)
        for name in ("penalty", "significance"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise RanvierError(f"{name}={value!r}; give a finite number of at least 0.")
        check_positive(self, "lr")
        check_share(self, "held_out")
