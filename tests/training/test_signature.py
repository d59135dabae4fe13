"""Signatures are iterated integrals, obey Chen's identity, and have the gradient by spike times."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms, mV

DOUBLE = torch.float64


def trains(steps: int = 30, batch: int = 4, cells: int = 2, density: float = 0.2, seed: int = 0) -> torch.Tensor:
    return (torch.rand(steps, batch, cells, generator=torch.Generator().manual_seed(seed)) < density).double()


def test_its_entries_are_iterated_integrals() -> None:
    """Of a fine straight-line path, integrated numerically."""
    s = trains(6, 1, 2)
    path = [np.zeros(3)]
    for row in s[:, 0].numpy():
        path += [path[-1] + [1 / 6, 0, 0], path[-1] + [1 / 6, *row]]
    fine = np.concatenate(
        [np.linspace(a, b, 400, endpoint=False) for a, b in itertools.pairwise(path)] + [np.array([path[-1]])]
    )
    d, x = np.diff(fine, axis=0), (fine[1:] + fine[:-1]) / 2
    one = fine[-1]
    two = x.T @ d
    inner = np.cumsum(np.einsum("ti,tj->tij", x, d), 0)
    inner = np.concatenate([0 * inner[:1], inner])
    three = np.einsum("tij,tk->ijk", (inner[1:] + inner[:-1]) / 2, d)
    found = rv.losses.SignatureMMD(level=3).signature(s)[0].numpy()
    np.testing.assert_allclose(found, np.concatenate([one, two.ravel(), three.ravel()]), rtol=2e-3, atol=2e-3)


def test_shuffle_identity() -> None:
    """S_i S_j = S_ij + S_ji."""
    found = rv.losses.SignatureMMD(level=2).signature(trains())
    one, two = found[:, :3], found[:, 3:].unflatten(1, (3, 3))
    torch.testing.assert_close(one.unsqueeze(2) * one.unsqueeze(1), two + two.transpose(1, 2))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_gradient_by_size(level: int) -> None:
    loss, target = rv.losses.SignatureMMD(level=level, scale=3.0), trains(8, 5, 2, seed=1).transpose(0, 1)
    s = torch.rand(8, 3, 2, generator=torch.Generator().manual_seed(2), dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: loss(s, target), (s,))
    assert float(loss(target.transpose(0, 1), target)) == 0


def test_gradient_by_time() -> None:
    """A spike moved by one step, against the derivative; exact at level 2, which is linear in each time."""
    steps, dt = 400, 0.1
    s = trains(steps, 3, 2, 0.01)
    target = trains(steps, 6, 2, 0.02, seed=5).transpose(0, 1)
    loss = rv.losses.SignatureMMD(level=2, dt=dt * ms)
    live = s.clone().requires_grad_()
    loss(live, target).backward()
    assert float(live.grad.abs().max()) > 0
    assert bool((live.grad[s == 0] == 0).all())

    def scalar(s: torch.Tensor) -> float:
        return float(loss(s, target))

    places = (s[2:-2] > 0).nonzero() + torch.tensor([2, 0, 0])
    for n, b, c in places[:6].tolist():
        if float(s[n - 1, b, c] + s[n + 1, b, c]):
            continue
        later, earlier = s.clone(), s.clone()
        later[[n, n + 1], b, c] = later[[n + 1, n], b, c]
        earlier[[n, n - 1], b, c] = earlier[[n - 1, n], b, c]
        found = (scalar(later) - scalar(earlier)) / (2 * dt)
        assert float(live.grad[n, b, c]) == pytest.approx(found, rel=0.05, abs=1e-6)


def test_noisy_cells_learn_a_law() -> None:
    """Of trains of a cell with another weight, which has more spikes: the gradient by size knows counts."""
    torch.manual_seed(0)

    def network(weight: float) -> rv.Network:
        net = rv.Network(dt=0.2 * ms, dtype=DOUBLE, seed=4)
        net.input("x", 1)
        net.population("out", 1, rv.StochasticLIF(sigma=0.2), output=True)
        layer = rv.Linear(1, 1, bias=False)
        torch.nn.init.constant_(layer.weight, weight)
        net.connect("x", "out", layer, to="I")
        return net

    x = torch.zeros(64, 100, 1, dtype=DOUBLE)
    x[:, 5:90:5] = 1.0
    wanted = network(0.9)(x.transpose(0, 1), stream=7)[0].detach().transpose(0, 1)
    net, loss = network(0.6), rv.losses.SignatureMMD(level=2, scale=5.0)
    before = float(loss(net(x.transpose(0, 1), stream=3)[0].detach(), wanted))
    rv.train(net, (x, wanted), epochs=20, lr=0.03, batch_size=64, loss=loss, restore_best=False, progress=False)
    after = float(loss(net(x.transpose(0, 1), stream=3)[0].detach(), wanted))
    assert after < 0.5 * before


def test_mistakes() -> None:
    for how, words in (
        ({"level": 4}, "level=4"), ({"level": True}, "level=True"), ({"scale": 0}, "scale=0"), ({"scale": "1"}, "scale='1'"),
        ({"dt": 1 * mV}, "dt=1 mV must be a positive time"),
    ):  # fmt: skip
        with pytest.raises(TrainingError, match=words):
            rv.losses.SignatureMMD(**how)
    loss = rv.losses.SignatureMMD()
    with pytest.raises(ShapeError, match=r"give spike trains \[S, T, C\] = \[S, 30, 2\]"):
        loss(trains(), torch.zeros(4, 29, 2))
    with pytest.raises(ShapeError, match="with targets list"):
        loss(trains(), [0.0])
    with pytest.raises(TrainingError, match="trains of one length"):
        loss(trains(), trains().transpose(0, 1), torch.ones(4))
