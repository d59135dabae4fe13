"""Membranes start at the mean of active cells after a batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.units import ms, mV

DOUBLE = torch.float64
X = torch.rand(30, 16, 6, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)


def network(each: bool = False, **how: object) -> rv.Sequential:
    torch.manual_seed(0)
    cell = rv.LIF(8, tau=8 * ms, v=rv.Learn(0.0, each=each))
    parts = (rv.Linear(6, 8), cell, rv.Linear(8, 5), rv.LIF(5), rv.Linear(5, 2), rv.LeakyReadout(2))
    net = rv.Sequential(*parts, dt=1 * ms, dtype=DOUBLE, **how)
    with torch.no_grad():
        net["linear1"].weight.mul_(3)
    return net


@pytest.mark.parametrize("each", [False, True])
def test_it_is_the_mean_of_active_cells(each: bool) -> None:
    net = network(each)
    seen = net.observe(X, record={"lif1": ["v", "spikes"]})["lif1"]
    active, last = seen["spikes"].any(0), seen["v"][-1].detach()
    assert 0 < int(active.sum()) < active.numel()
    means = [last[:, c][active[:, c]].mean() if active[:, c].any() else torch.zeros(()) for c in range(8)]
    wanted = torch.stack([m.double() for m in means]) if each else last[active].mean()
    found = rv.training.stationary_start(net, X, momentum=0.25)
    start = net.populations["lif1"].v_0
    torch.testing.assert_close(start.detach(), 0.25 * wanted)
    assert found == {"lif1": pytest.approx(float(0.25 * wanted.mean()))}
    assert not start.requires_grad
    torch.testing.assert_close(net.initial_state(2, stream=0).variables["lif1"]["v"][1], start.detach().expand(8))


@pytest.mark.parametrize("each", [False, True])
def test_silent_cells_keep_their_start(each: bool) -> None:
    """0 mV would be far above the threshold of a cell that rests at -65 mV."""
    net, layer = rv.Network(dt=1 * ms, dtype=DOUBLE), rv.Linear(6, 8, bias=False)
    net.input("x", 6)
    net.population("out", 8, rv.CurrentLIF(v=rv.Learn(-60 * mV, each=each)), output=True)
    net.connect("x", "out", layer, to="I")
    with torch.no_grad():
        layer.weight.zero_()[0] = 20.0
    seen = net.observe(X, record={"out": ["v", "spikes"]})["out"]
    assert seen["spikes"].any(0).any(0).tolist() == [True] + 7 * [False]
    rv.training.stationary_start(net, X)
    start = net.populations["out"].v_0.detach()
    wanted = seen["v"][-1, :, 0].detach().mean()
    torch.testing.assert_close(start, torch.tensor([wanted, *7 * [-60.0]], dtype=DOUBLE) if each else wanted)
    with torch.no_grad():
        layer.weight.zero_()
    rv.training.stationary_start(net, X)
    torch.testing.assert_close(net.populations["out"].v_0.detach(), start)


def test_first_steps_become_like_later_ones() -> None:
    """The rate of the first steps comes near that of the last."""
    net = network()

    def gap() -> float:
        rate = net.observe(X, record={"lif1": ["spikes"]})["lif1"]["spikes"].mean((1, 2)).detach()
        return abs(float(rate[:3].mean() - rate[10:].mean()))

    before = gap()
    for _ in range(3):
        rv.training.stationary_start(net, X)
    assert gap() < 0.7 * before


def test_every_rule_and_file_takes_it(tmp_path: Path) -> None:
    net = network()
    data = X.transpose(0, 1), torch.arange(16) % 2
    with pytest.raises(TrainingError, match="the initial v of 'lif1' is to be learnt"):
        rv.train(net, data, epochs=1, rule=rv.rules.OTTT(), progress=False)
    rv.training.stationary_start(net, X)
    kept = float(net.populations["lif1"].v_0)
    for rule in (rv.rules.BPTT(), rv.rules.SLTT(), rv.rules.OTTT(), rv.rules.EProp(feedback="random")):
        rv.train(net, data, epochs=1, rule=rule, progress=False)
    assert float(net.populations["lif1"].v_0) == kept != 0
    rv.save(net, tmp_path / "model")
    assert float(rv.load(tmp_path / "model").populations["lif1"].v_0) == kept


def test_mistakes() -> None:
    plain = rv.Sequential(rv.Linear(6, 3), rv.LIF(3), dt=1 * ms, dtype=DOUBLE)
    with pytest.raises(TrainingError, match=r"write v=rv.Learn\(0.0\) in its cell"):
        rv.training.stationary_start(plain, X)
    with pytest.raises(TrainingError, match="momentum=0"):
        rv.training.stationary_start(network(), X, momentum=0)
