"""How a network, a state or a training run becomes files, and comes back from files that may be damaged or hostile."""

from ranvier.limits.record import Record, damaged
from ranvier.network._saving._fingerprint import fingerprint
from ranvier.network._saving._folder import Kind, holds_pair, read_pair, tidy, write_pair
from ranvier.network._saving._graph import FORMAT, describe, rebuild
from ranvier.network._saving._plain import differences, plain, shown

__all__ = [
    "FORMAT",
    "Kind",
    "Record",
    "damaged",
    "describe",
    "differences",
    "fingerprint",
    "holds_pair",
    "plain",
    "read_pair",
    "rebuild",
    "shown",
    "tidy",
    "write_pair",
]
