"""Truncated backpropagation with the memory of a single window, for any loss of the whole output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ranvier.network import Network, State
from ranvier.training._buffers import same_buffers
from ranvier.training._criterion import lengths_of
from ranvier.training._data import Signal
from ranvier.training._signals import run
from ranvier.training.rules._rule import Criterion, Outcome

__all__ = ["in_windows"]

Tensor = torch.Tensor


def in_windows(net: Network, x: Signal, criterion: Criterion, window: int, **how: Any) -> Outcome:
    """The gradient in which no window sees the one before, added to ``.grad`` of every parameter.

    One pass without gradient gives the output, whose loss is differentiated to dL/dout; a second pass differentiates
    window after window, each seeded with its part of dL/dout. Random numbers are equal in both.
    """
    steps = next(iter(x.values())).shape[0] if isinstance(x, Mapping) else x.shape[0]
    firsts, lengths = range(0, max(steps, 1), window), lengths_of(criterion)
    blocks = [_part(x, first, window) for first in firsts]
    pieces: dict[str, list[Tensor]] = {}
    spikes: dict[str, Tensor] = {}
    starts: list[tuple[State | None, Tensor]] = []
    state: State | None = None
    with torch.no_grad(), same_buffers(net):
        for first, block in zip(firsts, blocks, strict=True):
            starts.append((state, torch.get_rng_state()))
            own = None if lengths is None else (lengths - first).clamp(0, window)
            signals = run(net, block, state, lengths=own, **how)
            state = signals.state
            for name, value in signals.outputs.items():
                pieces.setdefault(name, []).append(value)
            for name, value in signals.spikes.items():
                spikes[name] = value.sum((0, 1)) + spikes.get(name, 0)
    out = {n: torch.cat(values).requires_grad_() for n, values in pieces.items()}
    loss = criterion(next(iter(out.values())) if len(out) == 1 else out)
    loss.backward()
    slopes = {n: slope for n, o in out.items() if (slope := o.grad) is not None}
    after = torch.get_rng_state()
    first = 0
    for block, (start, generator) in zip(blocks, starts, strict=True):
        torch.set_rng_state(generator)
        again = run(net, block, start, **how).outputs
        count = next(iter(again.values())).shape[0]
        learnt = [(a, slopes[n][first : first + count]) for n, a in again.items() if n in slopes and a.requires_grad]
        torch.autograd.backward([a for a, _ in learnt], [slope for _, slope in learnt])
        first += count
    torch.set_rng_state(after)
    done = {n: o.detach() for n, o in out.items()}
    return Outcome(next(iter(done.values())) if len(done) == 1 else done, loss.detach(), spikes)


def _part(x: Signal, first: int, count: int) -> Signal:
    if isinstance(x, Mapping):
        return {n: part[first : first + count] for n, part in x.items()}
    return x[first : first + count]
