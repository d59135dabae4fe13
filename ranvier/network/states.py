"""States for other packages: checks of one from a user, and the variables of synapses at the start."""

from ranvier.network._check_state import check_state
from ranvier.network._plastic import initial_synapses

__all__ = ["check_state", "initial_synapses"]
