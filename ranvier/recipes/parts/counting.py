"""Sequences of digits that count up, and a spiking network that predicts the next one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from ranvier.connectivity import Linear
from ranvier.network import Network
from ranvier.neurons import LIF, LeakyReadout
from ranvier.recipes.parts.digits import load
from ranvier.recipes.parts.split import split
from ranvier.training.losses import Contrastive
from ranvier.units import ms

__all__ = ["network", "sequences", "told_apart"]


@lru_cache(maxsize=2)
def parts(seed: int) -> tuple[list[np.ndarray], torch.Tensor, np.ndarray]:
    """Image numbers to train, to choose by, to report; pixels from 0 to 1; classes."""
    data = load()
    own = split(data.target, seed)
    return [own.train, own.valid, own.test], torch.from_numpy(data.pixels).float() / 16, data.target


def sequences(seed: int, part: int, count: int, ordered: bool) -> torch.Tensor:
    """Images of digits that count up from a random one (9 is followed by 0), or of random digits, [S, 16, 64]."""
    chosen, pixels, target = parts(seed)
    draw, own = np.random.default_rng([seed, part, ordered]), chosen[part]
    digit = (draw.integers(0, 10, (count, 1)) + np.arange(4)) % 10 if ordered else draw.integers(0, 10, (count, 4))
    of = [own[target[own] == k] for k in range(10)]
    images = np.array([[draw.choice(of[k]) for k in row] for row in digit])
    return pixels[images].repeat_interleave(4, 1)


def network(seed: int) -> Network:
    """Encoder 64-64-32, a recurrent context of 64 cells, and its prediction of the next code."""
    torch.manual_seed(seed)
    net, cell = Network(dt=1 * ms, seed=seed), LIF(tau=4 * ms, V_th=0.5)
    net.input("x", 64)
    for name, size in (("hidden", 64), ("context", 64)):
        net.population(name, size, cell)
    net.population("encoding", 32, LeakyReadout(tau=2 * ms), output=True)
    net.population("prediction", 32, LeakyReadout(tau=2 * ms), output=True)
    for pre, post, sizes in (
        ("x", "hidden", (64, 64)),
        ("hidden", "encoding", (64, 32)),
        ("hidden", "context", (64, 64)),
        ("context", "prediction", (64, 32)),
    ):
        net.connect(pre, post, Linear(*sizes), same_step=True)
    net.connect("context", "context", Linear(64, 64))
    return net


@torch.no_grad()
def told_apart(net: Network, loss: Contrastive, seed: int) -> float:
    """How often the last digit of a count is taken for its end rather than a random other digit in its place."""
    true, other = sequences(seed, 2, 1000, True), sequences(seed, 2, 1000, False)
    false = torch.cat([true[:, :12], other[:, 12:]], 1)
    scores = [loss.predict(net(x.transpose(0, 1))[0])[-1].diagonal() for x in (true, false)]
    same = (true[:, 12:] == false[:, 12:]).flatten(1).all(1)
    return float((scores[0] > scores[1])[~same].double().mean())
