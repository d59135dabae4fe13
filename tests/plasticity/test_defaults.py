"""Every rule can be used as it comes, on a weight without unit, and says what it is."""

from __future__ import annotations

import pytest

import ranvier as rv
from ranvier import plasticity
from ranvier.units import Hz, ms, mV

CELL = rv.Cell(
    "dv/dt = (E_L - v)/tau + g*mV/ms : mV\ndg/dt = -g/tau : 1", threshold="v > V_th", reset="v = E_L", E_L=-70 * mV, V_th=-50 * mV,
    tau=10 * ms, v=-70 * mV,
)  # fmt: skip
RULES = [
    plasticity.STDP, plasticity.TripletSTDP, plasticity.PowerLawSTDP, plasticity.MultiplicativeSTDP, plasticity.InhibitorySTDP,
    plasticity.VoltageSTDP, plasticity.BCM, plasticity.Oja, plasticity.SynapticScaling, plasticity.DopamineSTDP,
    plasticity.ReSuMe, rv.TsodyksMarkram, rv.StochasticRelease,
]  # fmt: skip


@pytest.mark.parametrize("make", RULES)
def test_a_rule_works_without_arguments(make: type) -> None:
    rule = make()
    assert repr(rule).startswith(f"{make.__name__}(")
    net = rv.Network(dt=0.5 * ms)
    net.source("input", rv.Poisson(50 * Hz, 30))
    net.population("cells", 4, CELL + plasticity.VoltageTraces() + plasticity.Modulator() + plasticity.Teacher())
    net.connect("input", "cells", rv.AllToAll(), to="g", weight=0.5, plasticity=rule, name="synapses")
    w = net.run(100 * ms, stream=0, record={"synapses": ["w"]}, every=10 * ms)["synapses"].w
    assert w.shape == (10, 120)
    assert (w[-1] != 0.5).any() or make in (rv.TsodyksMarkram, rv.StochasticRelease, plasticity.DopamineSTDP)


def test_the_tempotron_works_without_arguments() -> None:
    net = rv.Network(dt=0.5 * ms)
    net.source("input", rv.Poisson(50 * Hz, 30))
    net.population("readout", 2, plasticity.TempotronCell())
    net.connect("input", "readout", rv.AllToAll(), to="r", weight=1 * mV, plasticity=plasticity.Tempotron())
    assert net.run(20 * ms, stream=0).state.step == 40
