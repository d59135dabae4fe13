"""Two tasks for learning rules, one of which no linear model can do, and the networks that learn them."""

from __future__ import annotations

import numpy as np
import torch

from ranvier.connectivity import Linear
from ranvier.network import Network, Sequential
from ranvier.neurons import LIF, Cell, LeakyReadout
from ranvier.recipes.parts.digits import load
from ranvier.recipes.parts.split import split
from ranvier.units import ms

__all__ = ["IMAGES", "PAIRS", "Samples", "binned", "network", "samples", "with_currents"]

Tensor = torch.Tensor
#: inputs [S, T, N] and classes [S]
Samples = tuple[Tensor, Tensor]
PAIRS, IMAGES = "pairs", "images"
#: per task: channels, classes, steps of 1 ms, gain on the first weights
_SHAPES = {PAIRS: (20, 4, 50, 4.0), IMAGES: (64, 10, 8, 2.0)}
_HIDDEN, _JITTER = 32, 4.0
_CURRENTS = "dv/dt = (I - v)/tau_m : 1\ndI/dt = -I/tau_s : 1"


def samples(task: str, seed: int, count: int) -> tuple[Samples, Samples, Samples]:
    """To learn from, to choose by, to report; at most ``count`` samples in all."""
    if task == PAIRS:
        x, y = _pairs(seed, count)
        ends = count // 2, count * 3 // 4
        return (x[: ends[0]], y[: ends[0]]), (x[ends[0] : ends[1]], y[ends[0] : ends[1]]), (x[ends[1] :], y[ends[1] :])
    data = load()
    pixels = torch.from_numpy(data.pixels[:count]).float() / 16
    x, y = pixels[:, None].expand(-1, _SHAPES[IMAGES][2], -1), torch.from_numpy(data.target[:count])
    parts = split(data.target[:count], seed)
    return (x[parts.train], y[parts.train]), (x[parts.valid], y[parts.valid]), (x[parts.test], y[parts.test])


def _pairs(seed: int, count: int) -> Samples:
    """Two groups of ten channels, each with one of four planted patterns of times, moved by normal 4 ms; the class is the sum
    of both patterns' numbers modulo four, so that neither group alone, and no weighted sum of spikes, tells it.
    """
    rng = np.random.default_rng(seed)
    channels, classes, steps, _ = _SHAPES[PAIRS]
    which, planted = rng.integers(0, classes, (2, count)), rng.uniform(5, steps - 5, (2, classes, channels // 2))
    times = np.concatenate([planted[k][which[k]] for k in (0, 1)], 1) + rng.normal(0, _JITTER, (count, channels))
    x = np.zeros((count, steps, channels), np.float32)
    x[np.arange(count)[:, None], times.round().clip(0, steps - 1).astype(int), np.arange(channels)] = 1
    return torch.from_numpy(x), torch.from_numpy(which.sum(0) % classes)


def binned(part: Samples, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums over stretches of ``width`` steps, or fewer at the end: features [S, P] and classes [S]."""
    x, y = part
    return torch.stack([piece.sum(1) for piece in x.split(width, 1)], 1).flatten(1).numpy(), y.numpy()


def network(task: str, seed: int) -> Sequential:
    """Channels - 32 integrate-and-fire cells (20 ms) - membranes (20 ms) that are read out."""
    channels, classes, _, gain = _SHAPES[task]
    first, last = _layers(channels, classes, seed, gain)
    return Sequential(first, LIF(_HIDDEN, tau=20 * ms), last, LeakyReadout(classes, tau=20 * ms), dt=1 * ms, seed=seed)


def with_currents(task: str, seed: int) -> Network:
    """The same sizes with synaptic currents (5 ms), which the gradient of spike times needs, and arrivals one step later."""
    channels, classes, _, gain = _SHAPES[task]
    cell = Cell(_CURRENTS, threshold="v > 1", reset="v -= 1", tau_m=20 * ms, tau_s=5 * ms)
    leaky = Cell(_CURRENTS, emit="v", tau_m=20 * ms, tau_s=5 * ms)
    net = Network(dt=1 * ms, seed=seed)
    net.input("x", channels)
    net.population("hidden", _HIDDEN, cell)
    net.population("out", classes, leaky, output=True)
    first, last = _layers(channels, classes, seed, 4 * gain)  # a current of 5 ms moves a membrane of 20 ms by a quarter
    net.connect("x", "hidden", first, to="I")
    net.connect("hidden", "out", last, to="I")
    return net


def _layers(channels: int, classes: int, seed: int, gain: float) -> tuple[Linear, Linear]:
    torch.manual_seed(seed)
    first, last = Linear(channels, _HIDDEN, bias=False), Linear(_HIDDEN, classes, bias=False)
    with torch.no_grad():
        first.weight.mul_(gain)
    return first, last
