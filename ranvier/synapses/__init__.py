"""Synaptic ports: parts that shape what arrives and turn it into current, added to a cell with ``+``."""

from ranvier.synapses._drives import NMDA, Conductance, Current
from ranvier.synapses._kernels import Alpha, DoubleExponential, Exponential

__all__ = ["NMDA", "Alpha", "Conductance", "Current", "DoubleExponential", "Exponential"]
