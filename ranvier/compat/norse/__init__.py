"""Cells of Norse 1.1: equal in spikes, membrane (``v``) and gradient, with its parameters, its ``dt`` in seconds and its defaults.

The decays of a step are dt*tau_mem_inv and dt*tau_syn_inv, whatever the step of the network that holds the cell.
"""

from __future__ import annotations

from ranvier.compat.norse._lif import LI, LIF, LIFBox
from ranvier.compat.norse._lsnn import LSNN
from ranvier.compat.norse._parameters import LIFBoxParameters, LIFParameters, LIParameters, LSNNParameters
from ranvier.compat.norse._recurrent import LIFRecurrent, LSNNRecurrent

__all__ = [
    "LI",
    "LIF",
    "LSNN",
    "LIFBox",
    "LIFBoxParameters",
    "LIFParameters",
    "LIFRecurrent",
    "LIParameters",
    "LSNNParameters",
    "LSNNRecurrent",
]
