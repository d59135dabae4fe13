"""Ports that become current: they add up, and each is the current its equation says."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.errors import EquationError
from ranvier.neurons import LIF, AdEx, Cell, CurrentLIF, TraubMiles
from ranvier.synapses import NMDA, Conductance, Current, Exponential
from ranvier.units import mM, ms, mV, nF, nS
from tests.dynamics.evaluate import simulate

CELL = Cell("dv/dt = I/C_m : mV\nI : nA (input)", C_m=1 * nF, v=-65 * mV)


def current(cell: Cell, **streams: float) -> float:
    """The total input current over a step too short to change the voltage."""
    return float(simulate(cell, 1, 1e-9, {"I": 0.0, **streams})["I:out"][0])


def test_each_drive_is_the_current_of_its_equation():
    assert current(CELL + Current("I_x"), I_x=0.3) == pytest.approx(0.3)
    assert current(CELL + Conductance("g_e", E=0 * mV), g_e=0.01) == pytest.approx(0.01 * 65)
    block = 1 + 1 / 3.57 * np.exp(0.062 * 65)
    assert current(CELL + NMDA("g_n", E=0 * mV), g_n=0.01) == pytest.approx(0.65 / block)
    assert current(CELL + NMDA("g_n", E=0 * mV, Mg=0 * mM), g_n=0.01) == pytest.approx(0.65)


def test_drives_add_to_each_other_and_to_what_arrives():
    cell = CELL + Conductance("g_e", E=0 * mV) + Conductance("g_i", E=-80 * mV) + Current("I_x")
    assert current(cell, I=1.0, g_e=0.01, g_i=0.02, I_x=0.5) == pytest.approx(1.0 + 0.65 - 0.3 + 0.5)
    assert cell.ports == ("I", "g_e", "g_i", "I_x", "v")


def test_parts_can_be_joined_before_they_meet_a_cell():
    excitation = Conductance("g_e", E=0 * mV) + Exponential("g_e", tau=5 * ms)
    inhibition = Conductance("g_i", E=-80 * mV) + Exponential("g_i", tau=10 * ms)
    for cell in (AdEx(), TraubMiles(), CELL):
        joined = cell + excitation + inhibition
        assert {"g_e", "g_i"} <= set(joined.system.states)
        assert joined.system.inputs == ("I",)


def test_a_conductance_moves_the_cell_towards_its_reversal():
    cell = AdEx() + Conductance("g_i", E=-80 * mV) + Exponential("g_i", tau=10 * ms, unit=nS)
    run = simulate(cell, 500, 0.1, {"I": 0.0}, {"g_i": np.r_[0.1, np.zeros(499)]})
    assert -80 < run["v"].min() < -73
    assert run["I:out"][0] < 0


@pytest.mark.parametrize("cell", [LIF(), CurrentLIF()])
def test_a_cell_without_that_input_is_told(cell: Cell):
    with pytest.raises(EquationError, match=r"'I \+= …' adds to an input called 'I'.*declare 'I : unit \(input\)'"):
        cell + Conductance("g_e", E=0 * mV)
