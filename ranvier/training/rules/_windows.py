"""Gradients in windows: once through the series where the loss is a mean over steps, else twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ranvier.network import Network, own_precision
from ranvier.training._buffers import same_buffers
from ranvier.training._criterion import at_steps, judge, lengths_of, penalty_of
from ranvier.training.rules._criterion import Criterion, is_per_step
from ranvier.training.rules._rule import Outcome
from ranvier.training.rules.series import Block, Series

__all__ = ["Follower", "Tally", "in_windows", "look_first", "one", "run_through"]

Tensor = torch.Tensor
Make = Callable[[], Series]


class Follower:
    """Goes along with a series; this one does nothing."""

    def look(self, block: Block) -> None:
        """Called before a block's gradient is computed, while its graph is there."""

    def correct(self, block: Block) -> None:
        """Called after it."""


def in_windows(
    net: Network, make: Make, criterion: Criterion, follow: Callable[[Series], Follower] | None = None
) -> Outcome:
    """The gradient in which no window's graph reaches the one before, added to ``.grad`` of every parameter.

    A loss that is a mean over steps is differentiated window by window. For any other, a pass without gradient gives the
    output, whose loss is differentiated to dL/dout; a second pass differentiates window after window, each seeded with
    its part of dL/dout. Random numbers are equal in both. What the criterion adds for hidden signals is taken for a mean
    over steps. A follower sees every block before and after its gradient is computed.
    """
    penalty = penalty_of(criterion)
    if is_per_step(criterion):
        series, loss = make(), torch.zeros(())
        tally = Tally(series.steps, lengths_of(criterion))
        follower = follow(series) if follow else Follower()
        for block in series.blocks():
            follower.look(block)
            now = at_steps(criterion, range(block.first, block.first + block.count), series.steps)
            part = now(one(block.outputs)) if penalty is None else judge(now, one(block.outputs), block.hidden)
            part = part * (block.count / max(series.steps, 1))
            if part.requires_grad:
                with own_precision():
                    part.backward()
            loss = loss + part.detach()
            tally.add(block)
            follower.correct(block)
            del block, part
        series.finish()
        return tally.outcome(loss)
    tally, loss, slopes, series = look_first(net, make, criterion)
    follower = follow(series) if follow else Follower()
    for block in series.blocks():
        follower.look(block)
        learnt = [
            (o, slopes[n][block.first : block.first + block.count])
            for n, o in block.outputs.items()
            if n in slopes and o.requires_grad
        ]
        if penalty is not None:
            part = penalty(block.hidden) * (block.count / max(series.steps, 1))
            loss = loss + part.detach()
            learnt += [(part, torch.ones_like(part))] if part.requires_grad else []
            del part
        with own_precision():
            torch.autograd.backward([o for o, _ in learnt], [slope for _, slope in learnt])
        follower.correct(block)
        del block, learnt
    series.finish()
    return tally.outcome(loss)


def look_first(net: Network, make: Make, criterion: Criterion) -> tuple[Tally, Tensor, dict[str, Tensor], Series]:
    """A pass without gradient: its record, the loss, dL/dout by output, and the series to be run for the gradient.

    The series draws the same random numbers as the pass did.
    """
    generator = torch.get_rng_state()
    with torch.no_grad(), same_buffers(net):
        tally = run_through(make(), lengths_of(criterion))
    out = {n: o.detach().requires_grad_() for n, o in tally.out.items()}
    loss = criterion(one(out))
    with own_precision():
        loss.backward()
    slopes = {n: slope for n, o in out.items() if (slope := o.grad) is not None}
    torch.set_rng_state(generator)
    return tally, loss.detach(), slopes, make()


def run_through(series: Series, lengths: Tensor | None) -> Tally:
    """The record of a series without further outputs."""
    tally = Tally(series.steps, lengths)
    for block in series.blocks():
        tally.add(block)
        del block
    return tally


class Tally:
    """What goes by: outputs [T, B, …], and the spikes of every population before each sample's end (``lengths``).

    The caller owns the outputs; nothing else grows with the series.
    """

    def __init__(self, steps: int, lengths: Tensor | None = None) -> None:
        self.steps, self.lengths = steps, lengths
        self.out: dict[str, Tensor] = {}
        self.spikes: dict[str, Tensor] = {}

    def add(self, block: Block) -> None:
        """Count a block and keep its outputs."""
        self.keep(block)
        self.count(block)

    def keep(self, block: Block) -> None:
        """Keep the outputs of a block."""
        for name, value in block.outputs.items():
            if name not in self.out:
                self.out[name] = value.new_empty(self.steps, *value.shape[1:])
            self.out[name][block.first : block.first + block.count] = value.detach()

    def count(self, block: Block) -> None:
        """Count the spikes of a block."""
        for name, variable in block.recorded:
            if variable == "spikes":
                self.spikes[name] = block.spikes(name, self.lengths) + self.spikes.get(name, 0)

    def outcome(self, loss: Tensor) -> Outcome:
        """The record of the whole series."""
        return Outcome(one(self.out), loss.detach(), self.spikes)


def one(outputs: Mapping[str, Tensor]) -> Any:
    """The output as the network returns it: a tensor, or a dict by name where there are several."""
    return next(iter(outputs.values())) if len(outputs) == 1 else dict(outputs)
