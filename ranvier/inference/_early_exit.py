"""A network that decides about each sample as soon as it is sure, and computes no further for those that it has decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import RanvierError, ShapeError
from ranvier.inference._marks import marks, refuse_shared
from ranvier.inference._readout import Readout, Running, running
from ranvier.inference._report import Report, report
from ranvier.inference._rule import StopRule
from ranvier.inference.choice import Calibration, candidates, choose
from ranvier.inference.labelled import check_classes, labelled, sizes
from ranvier.network import Network
from ranvier.network.evaluating import evaluating
from ranvier.values import is_number, is_whole

__all__ = ["Decisions", "EarlyExit"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Decisions:
    """What was decided about a batch: ``classes`` [B], after how many ``steps`` [B], and the read-out ``read`` [B, C] at that time."""

    classes: Tensor
    steps: Tensor
    read: Tensor


class EarlyExit:
    """``net``, which stops each sample once ``rule`` is sure enough of its class.

    The network does not change. It runs ``every`` steps, is read out, and goes on with the samples that are undecided: the state is
    cut to these, so a batch gets smaller and takes less time. Batch sizes fall along 1, 2, 3, 4, 6, 8, 12, …, so that few
    plans are made; a decided sample may stay until the next of these sizes. Without noise, a sample has the same outputs as in a
    run of all steps, whatever else is in its batch. Random numbers belong to places in a batch, so with noise they are other ones of the same law.

    Parameters
    ----------
    net
        A network with one input [T, B, …] and one output [T, B, C], whose steps may be run a few at a time. Norms and dropout are in evaluation.
    rule
        How sure a read-out is.
    readout
        ``"mean"``, ``"sum"`` or ``"last"`` of the outputs so far (:func:`running`).
    every
        Steps between two decisions, at least 1.
    threshold
        Where samples stop. :meth:`calibrate` chooses it.

    Raises
    ------
    RanvierError
        For a network that runs on its own sources, or has several inputs or outputs; for a rule that is no :class:`StopRule`, another read-out,
        and ``every`` below 1; where it decides before there is a threshold.

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), dt=1*ms)
    >>> early = rv.inference.EarlyExit(net, rv.inference.MaxSoftmax(), threshold=0.9)
    >>> early(torch.rand(10, 4, 20)).classes.shape
    torch.Size([4])
    """

    def __init__(
        self, net: Network, rule: StopRule, *, readout: Readout = "mean", every: int = 1, threshold: float | None = None
    ) -> None:
        _check(net, rule, every, threshold)
        Running(readout)  # for its check of the name
        self.net, self.rule, self.every = net, rule, every
        self.readout: Readout = readout
        self.threshold = threshold
        self.calibration: Calibration | None = None
        self._chosen: set[bytes] = set()
        self._tested: set[bytes] = set()

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Decisions:
        """Decide about the samples of ``x`` [T, B, …]."""
        if self.threshold is None:
            raise RanvierError("there is no threshold yet: call calibrate(valid_set), or give threshold=….")
        total, batch = sizes(x)
        read, decided = Running(self.readout), None
        # a step from a state is set up once for all calls, one from none is not
        state = self.net.initial_state(batch, shapes=dict.fromkeys(self.net.graph.inputs, tuple(x.shape[2:])))
        rows, waits = torch.arange(batch), torch.ones(batch, dtype=torch.bool)
        steps = torch.full((batch,), total)
        with evaluating(self.net):
            for first in range(0, total, self.every):
                part = x[first : first + self.every]
                out, state = self.net(part if len(rows) == batch else part.index_select(1, rows), state)
                now, step = read.add(_series(out)), first + len(part)
                if decided is None:
                    decided = now.clone()
                stop = waits if step == total else waits & (self.rule.confidence(now, step) >= self.threshold)
                if not stop.any():
                    continue
                decided[rows[stop]], steps[rows[stop]] = now[stop], step
                waits = waits & ~stop
                left = int(waits.sum())
                if not left:
                    break
                if (size := _size(left)) < len(rows):
                    kept = torch.cat([waits.nonzero(), (~waits).nonzero()[: size - left]]).flatten()
                    state, rows, waits = state.take(kept), rows[kept], waits[kept]
                    read.take(kept)
        if decided is None:
            raise ShapeError("x has no steps: give [T, B, …] of at least one.")
        return Decisions(decided.argmax(1), steps, decided)

    def calibrate(
        self,
        valid_set: Any,
        *,
        loss: float = 0.005,
        guarantee: float | None = None,
        batch_size: int = 256,
        seed: int = 0,
    ) -> Calibration:
        """Choose the threshold on validation samples: the lowest that loses no more than ``loss`` of the accuracy after all steps.

        A rule that learns does so on one half of the samples, drawn by ``seed``, and the threshold is chosen on the other. With
        ``guarantee=0.95`` the threshold is the lowest for which the share of samples that would be right after all steps and are
        wrong where they stop is at most ``loss``, in at least 95 % of all draws of samples (:func:`harm_bound`). The guarantee
        speaks of samples from the same distribution: it is lost where data shift.

        Parameters
        ----------
        valid_set
            (x [S, T, …], y [S]), or what else ``rv.train`` takes, of which the network has learnt nothing.

        Raises
        ------
        RanvierError
            For samples that :meth:`evaluate` was given before, for shares outside [0, 1), and where so few samples cannot guarantee the loss.
        """
        _check_share("loss", loss)
        if guarantee is not None:
            _check_share("guarantee", guarantee)
        found = [(self._whole(x), y, marks(x)) for x, y in labelled(valid_set, batch_size, "valid_set")]
        seen = {mark for *_, some in found for mark in some}
        refuse_shared(
            seen,
            self._tested,
            "calibrate was called",
            "evaluate has seen",
            "Calibrate on a validation set, before the test.",
        )
        out, y = torch.cat([one for one, *_ in found], 1), torch.cat([one for _, one, _ in found])
        read, steps = running(out, self.readout, self.every), self._steps(len(out))
        check_classes(y, read)
        half = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed)).chunk(2)
        apart = self.rule.learns or guarantee is not None
        if apart and len(half) < 2:
            raise RanvierError("one sample cannot be divided into two halves: calibrate on more.")
        first, second = (half[0], half[1]) if apart else (torch.arange(len(y)), torch.arange(len(y)))
        rule = self.rule.fit(read[:, first], y[first], steps)
        tried = candidates(_sure(rule, read[:, first], steps))
        sure, right = _sure(rule, read[:, second], steps), read[:, second].argmax(2) == y[second]
        self.calibration = choose(sure, right, steps, tried, loss, guarantee)
        self.rule, self.threshold, self._chosen = rule, self.calibration.threshold, seen
        return self.calibration

    def evaluate(self, test_set: Any, *, batch_size: int = 256, rounds: int = 3) -> Report:
        """Accuracy, steps and time on test samples, beside those of all steps and of the oracle.

        Each batch runs ``rounds`` times with and without stopping, in turns; times are sums over batches of the median, after a turn
        that does not count.

        Raises
        ------
        RanvierError
            For samples that chose the threshold.
        """
        if not is_whole(rounds, 1):
            raise RanvierError(f"rounds={rounds!r} must be a whole number of at least 1.")
        batches = list(labelled(test_set, batch_size, "test_set"))
        seen = {mark for x, _ in batches for mark in marks(x)}
        refuse_shared(
            seen, self._chosen, "evaluate was called", "calibrate has seen", "Give samples that no choice has used."
        )
        self._tested |= seen
        return report(self, self._whole, batches, rounds)

    @torch.no_grad()
    def _whole(self, x: Tensor) -> Tensor:
        """The outputs of all steps [T, B, C]."""
        sizes(x)
        with evaluating(self.net):
            return _series(self.net(x)[0])

    def _steps(self, total: int) -> Tensor:
        """After how many steps each read-out comes."""
        return torch.tensor([min(first + self.every, total) for first in range(0, total, self.every)])


def _sure(rule: StopRule, read: Tensor, steps: Tensor) -> Tensor:
    """Confidences [K, S] of read-outs [K, S, C]."""
    found = [rule.confidence(now, step) for now, step in zip(read, steps.tolist(), strict=True)]
    if found[0].shape != read.shape[1:2]:
        raise ShapeError(
            f"{type(rule).__name__}.confidence gives {tuple(found[0].shape)}: it must give one number for each of {read.shape[1]} samples."
        )
    return torch.stack(found)


def _size(left: int) -> int:
    """The smallest of 1, 2, 3, 4, 6, 8, 12, … that holds so many."""
    power = 1 << (left - 1).bit_length()
    return power * 3 // 4 if power >= 4 and left <= power * 3 // 4 else power


def _series(out: Any) -> Tensor:
    if not isinstance(out, Tensor) or out.ndim != 3 or out.shape[2] < 2:
        found = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise ShapeError(f"early exit reads an output [T, B, C] of at least two classes, the network gives {found}.")
    return out.float() if out.dtype in (torch.bfloat16, torch.float16) else out


def _check_share(name: str, value: Any) -> None:
    if not is_number(value) or not 0 <= value < 1:
        raise RanvierError(f"{name}={value!r} is a share: choose it from 0 to below 1, such as 0.005 for half a point.")


def _check(net: Any, rule: Any, every: Any, threshold: Any) -> None:
    if not isinstance(net, Network):
        raise RanvierError(f"EarlyExit takes a network of Ranvier, got a {type(net).__name__}.")
    if not net.graph.inputs:
        raise RanvierError(
            "this network runs on its own sources, so there are no samples to stop: simulate it with net.run(…), or give it an input with net.input(…)."
        )
    for what, names in (("inputs", list(net.graph.inputs)), ("outputs", list(net.outputs))):
        if len(names) != 1:
            raise RanvierError(
                f"EarlyExit takes a network with one of its {what}, this one has {', '.join(map(repr, names)) or 'none'}."
            )
    if not isinstance(rule, StopRule):
        hint = f": write {rule.__name__}()" if isinstance(rule, type) else ", such as rv.inference.MaxSoftmax()"
        raise RanvierError(f"rule={rule!r} is no StopRule{hint}.")
    if not is_whole(every, 1):
        raise RanvierError(f"every={every!r} must be a whole number of steps, at least 1.")
    if threshold is not None and (
        isinstance(threshold, bool) or not isinstance(threshold, int | float) or threshold != threshold
    ):
        raise RanvierError(f"threshold={threshold!r} must be a number, or None until calibrate chooses one.")
