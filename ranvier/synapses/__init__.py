"""Synapses: parts that shape what arrives at a cell (added with ``+``), and rules for weights that change."""

from ranvier.synapses._astrocyte import Astrocyte
from ranvier.synapses._drives import NMDA, Conductance, Current
from ranvier.synapses._gap_junction import GapJunction
from ranvier.synapses._kernels import Alpha, DoubleExponential, Exponential
from ranvier.synapses._plasticity import BoundPlasticity, Plasticity
from ranvier.synapses._release import StochasticRelease
from ranvier.synapses._short_term import TsodyksMarkram

__all__ = [
    "NMDA",
    "Alpha",
    "Astrocyte",
    "BoundPlasticity",
    "Conductance",
    "Current",
    "DoubleExponential",
    "Exponential",
    "GapJunction",
    "Plasticity",
    "StochasticRelease",
    "TsodyksMarkram",
]
