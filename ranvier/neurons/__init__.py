"""Cells: neuron models as records of equations, with defaults from the literature."""

from ranvier.neurons._cell import Cell
from ranvier.neurons._integrate_and_fire import ALIF, LIF, CurrentLIF, LeakyReadout
from ranvier.neurons._part import Part

__all__ = ["ALIF", "LIF", "Cell", "CurrentLIF", "LeakyReadout", "Part"]
