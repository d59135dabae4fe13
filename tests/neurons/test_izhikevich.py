"""The cell of Izhikevich against Brian2, and its named patterns."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.errors import EquationError
from ranvier.neurons import IZHIKEVICH_KINDS, Izhikevich
from ranvier.units import ms, mV
from tests.dynamics.evaluate import simulate
from tests.neurons.witnesses import load, require_equal_spikes, require_equal_traces


def test_equals_brian2_spike_for_spike():
    w = load("izhikevich")
    cell = Izhikevich(10, a=w["a"] / ms, b=w["b"], c=w["c"] * mV, d=w["d"] * mV, v=w["v_0"] * mV, u=w["u_0"] * mV)
    run = simulate(cell, 5000, float(w["dt"]), {"I": w["current"]}, only=("spike",))
    require_equal_spikes(run["spike"], w["spike_step"], w["spike_neuron"])
    for name in ("v", "u"):
        require_equal_traces(run[name][:1000], w[f"{name}_dense"], 1, 1e-9)
        require_equal_traces(run[name][1000:], w[name], int(w["every"]), 1e-7)


def test_kinds_are_those_of_the_witness():
    w = load("izhikevich")
    for k, kind in enumerate(w["pattern"][:5]):
        assert IZHIKEVICH_KINDS[str(kind)] == tuple(w[n][k] for n in "abcd")


@pytest.mark.parametrize("kind", IZHIKEVICH_KINDS)
def test_every_kind_fires(kind: str):
    run = simulate(Izhikevich(kind=kind), 3000, 0.1, {"I": 12.0}, only=("spike",))
    assert 3 <= run["spike"].sum() <= 100
    assert run["v"].max() < 30


def test_chattering_fires_in_bursts_and_regular_spiking_does_not():
    def spread(kind: str) -> float:
        gaps = np.diff(
            np.flatnonzero(simulate(Izhikevich(kind=kind), 5000, 0.1, {"I": 10.0}, only=("spike",))["spike"])
        )
        return gaps.max() / gaps.min()

    assert spread("CH") > 5
    assert spread("RS") < 5


def test_unknown_kind():
    with pytest.raises(EquationError, match=r"kind='XX'.*RS, IB"):
        Izhikevich(kind="XX")
