"""Cells of SpikingJelly 2.0 (``activation_based.neuron``): equal in spikes, membrane (``v``) and gradient, with its defaults.

``step_mode`` and ``store_v_seq`` have no effect: a network runs sequences [T, B, …] and single steps, and
``net.observe`` gives the membrane. Time constants are numbers of steps, as there.
"""

from __future__ import annotations

from ranvier.compat.spikingjelly._linear import IFNode, LIFNode, ParametricLIFNode
from ranvier.compat.spikingjelly._nonlinear import EIFNode, KLIFNode, QIFNode

__all__ = ["EIFNode", "IFNode", "KLIFNode", "LIFNode", "ParametricLIFNode", "QIFNode"]
