"""Cells of snnTorch 1.0: equal in spikes, membrane (``v``) and gradient, with its arguments and defaults.

``init_hidden`` and ``output`` have no effect: they select what snnTorch's ``forward`` returns. Here the state is a value, and ``net.observe`` gives the membrane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._elsewhere import elsewhere
from ranvier.compat.snntorch._absent import INSTEAD
from ranvier.compat.snntorch._alpha import Alpha
from ranvier.compat.snntorch._lapicque import Lapicque
from ranvier.compat.snntorch._leaky import Leaky
from ranvier.compat.snntorch._recurrent import RLeaky, RSynaptic
from ranvier.compat.snntorch._reset import mechanism_of
from ranvier.compat.snntorch._synaptic import Synaptic

__all__ = ["Alpha", "Lapicque", "Leaky", "RLeaky", "RSynaptic", "Synaptic", "mechanism_of"]

if not TYPE_CHECKING:
    __getattr__ = elsewhere(__name__, INSTEAD)
