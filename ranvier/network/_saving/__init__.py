"""How a network, a state or a training run becomes files, and comes back from files that may be damaged or hostile."""

from ranvier.network._saving._folder import Kind, read_pair, write_file, write_pair
from ranvier.network._saving._graph import describe, rebuild
from ranvier.network._saving._record import Record, damaged

__all__ = ["Kind", "Record", "damaged", "describe", "read_pair", "rebuild", "write_file", "write_pair"]
