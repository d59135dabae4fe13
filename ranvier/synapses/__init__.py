"""Synapses: parts that shape what arrives at a cell (added with ``+``), and rules for weights that change."""

from ranvier.synapses._drives import NMDA, Conductance, Current
from ranvier.synapses._kernels import Alpha, DoubleExponential, Exponential
from ranvier.synapses._plasticity import BoundPlasticity, Plasticity

__all__ = [
    "NMDA",
    "Alpha",
    "BoundPlasticity",
    "Conductance",
    "Current",
    "DoubleExponential",
    "Exponential",
    "Plasticity",
]
