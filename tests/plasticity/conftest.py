"""A small circuit under any rule: recorded-like input onto recurrent cells, every synapse with a delay of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.units import Hz, ms, mV, nA

CELL = """
dv/dt = (E_L - v + R*I)/tau_m : mV (unless refractory)
dg/dt = -g/tau_s : mV
I = g/R + I_e + c : nA
c : nA (input)
"""


def make_cell(**values: object) -> rv.Cell:
    """Leaky cells with a synaptic trace g in mV and a current port c, near threshold by themselves."""
    given = {"E_L": -65 * mV, "R": 40 * rv.units.Mohm, "tau_m": 10 * ms, "tau_s": 3 * ms, "I_e": 0.45 * nA, **values}
    given = {"v": rv.Uniform(-65 * mV, -51 * mV), "V_t": -50 * mV, "V_r": -60 * mV, **given}
    cell = rv.Cell(CELL, threshold="v > V_t", reset="v = V_r", refractory=1 * ms, **given)
    return cell + rv.plasticity.VoltageTraces() + rv.plasticity.Modulator(tau=60 * ms) + rv.plasticity.Teacher()


@pytest.fixture(scope="session")
def circuit() -> Callable[..., rv.Network]:
    """Build the circuit for a rule whose weights are in mV; projections "driven" and "recurrent" are under the rule."""

    def build(
        rule: rv.Plasticity, provider: str | None = None, *, dtype: torch.dtype = torch.float64, seed: int = 3,
        cells: int = 19, **weights: object,
    ) -> rv.Network:  # fmt: skip
        net = rv.Network(dt=0.5 * ms, seed=seed, dtype=dtype, provider=provider)
        net.source("input", rv.Poisson(40 * Hz, 23))
        net.source("reward", rv.Poisson(30 * Hz, 2))
        net.population("cells", cells, make_cell())
        weight = rv.Uniform(0.2 * mV, 1.8 * mV)
        late = rv.Uniform(0 * ms, 4 * ms)
        words = {"to": "g", "weight": weight, "plasticity": rule, **weights}
        net.connect("input", "cells", rv.FixedProbability(0.5), delay=late, name="driven", **words)
        net.connect("cells", "cells", rv.FixedProbability(0.4 * 19 / cells), delay=late, name="recurrent", **words)
        net.connect("reward", "cells", rv.FixedProbability(0.5), to="dopamine", weight=20 * Hz)
        net.connect("reward", "cells", rv.FixedProbability(0.5), to="teach")
        return net

    return build
