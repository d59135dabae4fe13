"""Calcium beside a cell: it rises with spikes, lasts, and drives the cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, RanvierError
from ranvier.units import ms

X = (torch.rand(60, 7, 4, generator=torch.Generator().manual_seed(0)) < 0.3).double()


def cells(**options: object) -> rv.Cell:
    return rv.LIF(4, tau=5 * ms, V_th=1.5) + rv.Astrocyte(tau=20 * ms, uptake=0.3, gain=0.4, **options)


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_calcium_is_its_equation(provider: str, batch: int, tmp_path: Path) -> None:
    net = rv.Sequential(cells(), dt=1 * ms, dtype=torch.float64, provider=provider)
    x = X[:, :batch] * 0.9
    seen = net.observe(x, record={"lif1": ["spikes", "calcium", "v"]})["lif1"]
    v = calcium = torch.zeros(batch, 4, dtype=torch.float64)
    for t, now in enumerate(x):
        v = math.exp(-1 / 5) * v + now + 0.4 * calcium
        calcium = math.exp(-1 / 20) * calcium
        spikes = (v > 1.5).double()
        v, calcium = v - 1.5 * spikes, calcium + 0.3 * (1 - calcium) * spikes
        assert torch.equal(seen["spikes"][t], spikes)
        torch.testing.assert_close(seen["calcium"][t], calcium, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(seen["v"][t], v, rtol=1e-11, atol=1e-12)
    assert 0.3 < float(calcium.max()) < 1
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(x)[0], net(x)[0])


def test_its_gain_learns_and_the_state_goes_on() -> None:
    net = rv.Sequential(rv.LIF(4, tau=5 * ms) + rv.Astrocyte(), rv.Linear(4, 2), dt=1 * ms, dtype=torch.float64)
    whole, _ = net(X)
    whole.square().sum().backward()
    assert net.lif1.gain.shape == (4,)
    assert bool(net.lif1.gain.grad.any())
    _, state = net(X[:25])
    torch.testing.assert_close(net(X[25:], state)[0], whole[25:], rtol=1e-12, atol=1e-12)


def test_it_outlasts_the_membrane() -> None:
    """A cue makes a later input fire, which is too weak without it."""
    net = rv.Sequential(rv.LIF(1, tau=5 * ms) + rv.Astrocyte(tau=500 * ms, gain=0.3), dt=1 * ms)
    x = torch.zeros(160, 2, 1)
    x[:10, 0] = 1.5
    x[150:] = 0.15
    late = net(x)[0][150:].sum((0, 2))
    assert late[0] > 0
    assert late[1] == 0


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: rv.LIF(4) + rv.Astrocyte("current"), RanvierError, "current"),
        (lambda: rv.LIF(4) + rv.Astrocyte(tau=5), DimensionError, "tau_calcium"),
        (lambda: rv.LIF(4) + rv.Astrocyte(tau=-5 * ms), RanvierError, "above 0"),
        (lambda: rv.LIF(4) + rv.Astrocyte(gain=2 * ms), DimensionError, "gain"),
        (lambda: rv.LIF(4) + rv.Astrocyte(uptake=1 * ms), DimensionError, "uptake"),
        (lambda: rv.LIF(4) + rv.Astrocyte() + rv.Astrocyte(), RanvierError, "gain"),
        (lambda: rv.LeakyReadout(4) + rv.Astrocyte(), RanvierError, "threshold"),
        (lambda: rv.CurrentLIF(4) + rv.Astrocyte("I"), RanvierError, "adds to an input called 'I'"),
        (lambda: rv.LIF(4) + rv.Astrocyte(tau="slow"), RanvierError, "slow"),
        (lambda: rv.Linear(4, 4) + rv.Astrocyte(), TypeError, "unsupported"),
    ],
)
def test_mistakes_are_named(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
