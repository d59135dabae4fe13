"""Learning rules on circuits: windows shorter than delays, noise of sources, and drawn initial values."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.units import Hz, ms, mV
from tests.training.crossed.circuits import conductance, learnt
from tests.training.crossed.definitions import RULES
from tests.training.crossed.table import apart, found, network

R = rv.rules
STEPS, BATCH = 10, 2


@pytest.mark.parametrize("option", ["circuit, cells behind, delays", "learnable delay behind"])
@pytest.mark.parametrize("rule", [R.SLTT, R.OTTT])
def test_windows_shorter_than_the_delays(option: str, rule: Any) -> None:
    """Errors reach the steps before a window, and the steps before these."""
    net, x = network(option)
    whole = found(net, rule(window=11), x)
    for window in (1, 4, 10):
        assert apart(whole, found(net, rule(window=window), x)) < 1e-9, window


def noisy(source: bool, drawn: bool) -> rv.Network:
    """A circuit in which noise spikes come from a source, or from an input in its place."""
    torch.manual_seed(0)
    net = rv.Network(dt=1 * ms, dtype=torch.float64, seed=3)
    net.input("cue", 5)
    if source:
        net.source("noise", rv.Poisson(150 * Hz, 6))
    else:
        net.input("noise", 6)
    start = {"v": rv.Uniform(-54 * mV, -50.1 * mV)} if drawn else {}
    exc = net.population("exc", 6, conductance(6), **start)
    inh, some = net.population("inh", 3, conductance(3)), rv.FixedProbability(0.7)
    net.connect("noise", exc, rv.OneToOne(), to="g_e", weight=learnt(0.1, 0.2), name="shot")
    net.connect("cue", exc, some, to="g_e", weight=learnt(0.1, 0.3), name="into")
    net.connect(exc, inh, some, to="g_e", weight=0.3, delay=1 * ms, name="exc_inh")
    net.connect(inh, exc, some, to="g_i", weight=learnt(0, 0.5), name="inh_exc")
    net.connect(exc, net.population("out", 3, rv.LeakyReadout(tau=9 * ms), output=True), rv.Linear(6, 3), name="read")
    return net


@pytest.mark.parametrize(
    "rule", ["BPTT, window", "SLTT", "SLTT-K", "OTTT", "EProp, random", "Evolution", pytest.param("SnAp1", marks=pytest.mark.slow)]
)  # fmt: skip
def test_a_source_counts_as_the_spikes_that_it_draws(rule: str) -> None:
    """Every sample has noise of its own, the same in every pass of a rule."""
    cue = (torch.rand(STEPS, BATCH, 5, generator=torch.Generator().manual_seed(2)) < 0.4).double()
    net, given = noisy(True, False), noisy(False, False)
    torch.manual_seed(1)
    stream = int(torch.randint(0, 2**31 - 1, (1,)))  # what found() takes
    spikes = net.sources["noise"].emissions(0, STEPS, net.graph, stream, BATCH)
    assert not torch.equal(spikes[:, 0], spikes[:, 1])
    lag = net.projections["shot"].latency - given.projections["shot"].latency
    spikes = torch.cat([torch.zeros(lag, BATCH, 6, dtype=torch.float64), spikes])[:STEPS]
    assert apart(found(net, RULES[rule][0], cue), found(given, RULES[rule][0], {"cue": cue, "noise": spikes})) < 1e-12


@pytest.mark.parametrize("drawn", [False, True])
def test_rules_that_run_sample_by_sample_draw_as_the_batch_does(drawn: bool) -> None:
    """RTRL is BPTT, also with noise and with initial values that are drawn."""
    cue = (torch.rand(STEPS, BATCH, 5, generator=torch.Generator().manual_seed(2)) < 0.4).double()
    net = noisy(True, drawn)
    assert apart(found(net, R.BPTT(), cue), found(net, R.RTRL(window=5), cue)) < 1e-12


@pytest.mark.parametrize("rule", [R.SLTT(window=7), R.OTTT(window=7), R.EProp(window=7)])
def test_frozen_inputs_leave_a_cycle_that_learns(rule: Any) -> None:
    """All that learns lies inside one operation, so nothing that enters it has a gradient."""
    net, x = network("circuit")
    net.projections["into"].requires_grad_(False)
    whole = found(net, rule, x)
    assert float(whole["inh_exc.weight"].abs().max()) > 0
    assert apart(whole, found(net, type(rule)(window=2), x)) < 1e-9
