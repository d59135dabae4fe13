"""How a network, a state or a training run becomes files, and comes back from files that may be damaged or hostile."""

from ranvier.limits.record import Record, damaged
from ranvier.network.saving._fingerprint import fingerprint
from ranvier.network.saving._folder import Kind, holds_pair, read_pair, tidy, write_pair
from ranvier.network.saving._graph import FORMAT, NETWORK, describe, rebuild
from ranvier.network.saving._plain import differences, digest, plain, shown
from ranvier.network.saving._tensor_file import pieces_of, read_tensors

__all__ = [
    "FORMAT",
    "NETWORK",
    "Kind",
    "Record",
    "damaged",
    "describe",
    "differences",
    "digest",
    "fingerprint",
    "holds_pair",
    "pieces_of",
    "plain",
    "read_pair",
    "read_tensors",
    "rebuild",
    "shown",
    "tidy",
    "write_pair",
]
