"""The cell of Lava-DL (``lava.lib.dl.slayer``): equal in spikes, membrane (``v``) and gradient, with its arguments and defaults.

Its states are whole numbers of 1/4096, as on Loihi. Weights of 8 bits are ``storage=rv.storages.Int8(scale=1/32)``.
"""

from __future__ import annotations

from ranvier.compat.lava._cuba import CUBA

__all__ = ["CUBA"]
