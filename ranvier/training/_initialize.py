"""Weights from which every layer fires: scaled on a batch of data, layer after layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ranvier._warn import warn
from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training._buffers import same_buffers
from ranvier.training._signals import spiking
from ranvier.training.batches import Signal

__all__ = ["initialize"]

#: scales are searched between 2 to the power of minus and plus this
_RANGE = 12
_HALVINGS = 12


def initialize(net: Network, x: Signal, rate: float = 0.1, *, tolerance: float = 0.1) -> dict[str, float]:
    """Scale weights on a batch of data until every population fires at ``rate``, in the order of the network.

    The weights into a population are multiplied by one factor, found by bisection: of each projection from earlier
    parts the last module that learns a weight (so of ``Linear`` and a norm after it, the norm). Biases, recurrent weights and
    everything else stay as they are; what does not fire (read-outs) is left alone. Noise is drawn alike in every try.

    Parameters
    ----------
    net
        Changed in place.
    x
        A batch like those of training, [T, B, …], or several by name.
    rate
        Spikes per cell and step.
    tolerance
        How far from ``rate``, as a fraction of it, is near enough.

    Returns the rate of every population that fires, reached in training mode.

    Raises
    ------
    TrainingError
        Where rate or tolerance is no such number.

    Warns
    -----
    RanvierWarning
        For each population that no factor brings to the rate, with the remedy.

    Source: Mishkin & Matas, ICLR 2016 (LSUV: layer by layer, on data); for rates instead of variances as in Rossbroich,
    Gygax & Zenke, Neuromorphic Computing and Engineering 2022 (fluctuation-driven initialisation).

    >>> rates = rv.initialize(net, spikes, rate=0.1)
    """
    if not isinstance(rate, int | float) or not 0 < rate < 1:
        raise TrainingError(f"rate={rate!r} is in spikes per cell and step: give a number between 0 and 1.")
    if not isinstance(tolerance, int | float) or not 0 < tolerance < 1:
        raise TrainingError(f"tolerance={tolerance!r} must be a fraction of the rate between 0 and 1.")
    fires, found, done = spiking(net), {}, set()
    training = net.training
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        net.train()
        for part in net.plan().parts:
            for name in part.members:
                if name in fires:
                    knobs = [w for w in _knobs(net, name, part.members) if id(w) not in done]
                    done |= {id(w) for w in knobs}
                    found[name] = _reach(net, x, name, knobs, rate, tolerance)
        net.train(training)
    return found


def _knobs(net: Network, name: str, inside: tuple[str, ...]) -> Iterator[nn.Parameter]:
    """The weight of each projection from outside that sets how much arrives; through relays where there is none."""
    for p in net.projections.values():
        if p.post != name or p.pre in inside:
            continue
        learnt = [w for t in p.chain.transforms if (w := t.learnt_weight) is not None]
        if learnt:
            yield learnt[-1]
        elif p.pre in net.relays:
            yield from _knobs(net, p.pre, inside)


def _reach(net: Network, x: Signal, name: str, weights: list[nn.Parameter], rate: float, tolerance: float) -> float:
    """Find the factor for one population and leave it in place; returns the rate reached."""
    start = [w.clone() for w in weights]

    def at(power: float) -> float:
        for w, base in zip(weights, start, strict=True):
            w.copy_(base * 2.0**power)
        return _rate(net, x, name)

    tried = {0.0: at(0.0)}
    if weights:
        low = high = 0.0
        while tried[high] < rate and high < _RANGE:
            low, high = high, high + 1
            tried[high] = at(high)
        while tried[low] > rate and low > -_RANGE:
            high, low = low, low - 1
            tried[low] = at(low)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if _near(tried, rate, tolerance):
                break
            tried[middle] = at(middle)
            low, high = (middle, high) if tried[middle] < rate else (low, middle)
    best = min(tried, key=lambda power: _distance(tried[power], rate))
    if not _near(tried, rate, tolerance):
        warn(
            f"population {name!r} cannot be brought to {rate:g} spikes per step: the nearest was {tried[best]:.3g}"
            + (". Its weights are not learnt; scale them, or mark them with rv.Learn." if not weights else "")
            + (
                ". Check that its input is not silent, lengthen its time constant, or ask for another rate."
                if weights
                else ""
            )
        )
    return at(best)


def _near(tried: dict[float, float], rate: float, tolerance: float) -> bool:
    return any(abs(r - rate) <= tolerance * rate for r in tried.values())


def _distance(found: float, rate: float) -> float:
    return abs(math.log(found / rate)) if found > 0 else math.inf


def _rate(net: Network, x: Signal, name: str) -> float:
    with same_buffers(net), _same_numbers():
        return float(net.observe(x, record={name: ["spikes"]})[name]["spikes"].mean())


@contextmanager
def _same_numbers() -> Iterator[None]:
    """Torch's generator is put back, so that noise and dropout are the same in every try."""
    before = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(before)
