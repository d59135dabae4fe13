"""The notebooks and tasks of Norse."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from tests.peers import samples
from tests.peers.port import Port, Samples

__all__ = ["PORTS"]


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def _grid(*shape: int, seed: torch.Generator, size: float = 1.0) -> Tensor:
    """Normal numbers on a grid of 1/64."""
    return (64 * size * torch.randn(*shape, generator=seed)).round() / 64


def _recurrent(inputs: int, cells: int, seed: torch.Generator, size: float = 0.5) -> dict[str, Tensor]:
    back = _grid(cells, cells, seed=seed, size=size) * (1 - torch.eye(cells))
    return {"input_weights": _grid(cells, inputs, seed=seed, size=size), "recurrent_weights": back}


def _images() -> dict[str, Any]:
    seed = _seeded()
    weights = {f"cells.{n}": w for n, w in _recurrent(64, 20, seed, 0.3).items()}
    images = torch.rand(4, 1, 8, 8, generator=seed)
    return {"x": images, "state": {**weights, "last.weight": _grid(10, 20, seed=seed, size=0.3)}}


def _bits() -> dict[str, Any]:
    seed, state = _seeded(), dict[str, Tensor]()
    for name in ("lif", "lsnn"):
        state |= {f"{name}.{n}": w for n, w in _recurrent(20, 10, seed).items()}
        state[f"out_{name}.weight"] = _grid(2, 10, seed=seed)
    return {"x": (torch.rand(120, 2, 20, generator=seed) < 0.1).float(), "state": state}


def _fifths() -> dict[str, Any]:
    seed, state = _seeded(), dict[str, Tensor]()
    for k, (before, after) in ((0, (20, 30)), (2, (30, 20))):
        state[f"{k}.weight"] = _grid(after, before, seed=seed, size=0.6) + 1 / 16
        state[f"{k}.bias"] = _grid(after, seed=seed)
    return {"x": torch.ones(32, 1, 20), "state": state, "tau": 80 + 40 * torch.rand(2, 30, generator=seed)}


def _trains() -> dict[str, Any]:
    seed = _seeded()
    return {"x": (torch.rand(300, 1, 20, generator=seed) < 0.1).float(), "w": _grid(1, 20, seed=seed, size=1.4)}


def recall(folder: Any = None, train: int = 256, test: int = 128, periods: int = 6, length: int = 20) -> Samples:
    """Bits in ``periods`` of ``length`` steps, one to be stored in the first half and one period of recall in the second.

    Five spike trains each stand for a bit of 0, of 1, for "store" and "recall". y [S, periods, 2] is the bit in the period of recall.
    """
    seed, found = _seeded(), []
    for count in (train, test):
        bits, k = torch.randint(2, (count, periods), generator=seed), torch.arange(count)
        store, again = torch.randint(periods // 2, (2, count), generator=seed)
        again = again + periods // 2
        rates = torch.stack([bits, 1 - bits, torch.zeros(count, periods), torch.zeros(count, periods)], 2) * 0.2
        rates[k, again, :2] = 0
        rates[k, store, 2] = rates[k, again, 3] = 0.1
        chance = rates.repeat_interleave(length, 1).repeat_interleave(5, 2)
        y = torch.zeros(count, periods, 2)
        y[k, again, bits[k, store]] = 1
        found += [(torch.rand(chance.shape, generator=seed) < chance).float(), y]
    return Samples(*found)


def every_fifth(folder: Any = None) -> Samples:
    """A constant input to 100 cells, of which every fifth shall fire in each of 32 steps."""
    x, y = torch.ones(20, 32, 100), torch.tensor([0.0, 0, 0, 0, 1]).repeat(20).expand(20, 32, 100)
    return Samples(x, y, x[:4], y[:4])


def trains(folder: Any = None) -> Samples:
    """Twenty random spike trains of 500 steps; six output spikes are wanted."""
    x, y = (torch.rand(1, 500, 20, generator=_seeded()) < 0.04).float(), torch.full((1, 1), 6.0)
    return Samples(x, y, x, y)


PORTS = (
    Port(
        "norse", "mnist", "images as currents, recurrent cells", _images,
        quick=partial(samples.digits, 500, 200), samples=samples.mnist, data="images of MNIST", epochs=4, quick_epochs=4,
        enough=lambda s: s > 0.3,
    ),
    Port(
        "norse", "memory", "store and recall with adaptive thresholds (LSNN)", _bits,
        quick=recall, samples=recall, data="sequences", epochs=40, quick_epochs=40, enough=lambda s: s > 0.6,
    ),
    Port(
        "norse", "parameters", "time constants of all cells learn", _fifths,
        quick=every_fifth, samples=every_fifth, measure="squared error", data="equal samples", epochs=5, quick_epochs=5, enough=lambda s: s < 0.02,
    ),
    Port(
        "norse", "single_neuron", "one cell learns a number of spikes", _trains,
        quick=trains, samples=trains, measure="spikes off target", data="sample", epochs=100, quick_epochs=100, enough=lambda s: s <= 1,
    ),
)  # fmt: skip
