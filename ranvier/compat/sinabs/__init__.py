"""Cells of Sinabs 3.1: equal in spikes, membrane (``v``) and gradient, with its arguments and defaults.

Networks here take [T, B, …] where Sinabs takes [B, T, …]. Time constants are numbers of steps and learn, as there.
``record_states`` has no effect: ``net.observe`` gives states. ``shape`` sets the size.
"""

from __future__ import annotations

from ranvier.compat.sinabs._adaptive import ALIF
from ranvier.compat.sinabs._leaky import IAF, LIF, ExpLeak

__all__ = ["ALIF", "IAF", "LIF", "ExpLeak"]
