"""How much memory a projection will take, told and checked before it is built."""

from __future__ import annotations

import torch

from ranvier.connectivity._connectivity import Connectivity, ConnectivityError, Ends
from ranvier.limits import need

__all__ = ["check_memory", "check_weights"]


def check_memory(rule: Connectivity, ends: Ends, per_synapse: int, name: str, part: float = 1.0) -> tuple[int, int]:
    """Expected synapses and bytes at the highest point of building, where a ``part`` of them is kept.

    Raises
    ------
    ConnectivityError
        Where that is more than is free.
    """
    synapses = int(part * rule.expected(ends))
    needed = synapses * (per_synapse + rule.scratch) + 8 * ends.sizes[0]
    need(
        needed,
        f"{name}: {rule!r} makes about {synapses:,} synapses of {per_synapse} bytes; building them",
        "use fewer synapses, one number instead of a distribution, or a machine with more memory",
        ConnectivityError,
    )
    return synapses, needed


def check_weights(count: int, delayed: bool, what: str, remedy: str) -> None:
    """Check that ``count`` weights and their delays fit into memory; other devices than the processor are not checked.

    Raises
    ------
    MemoryLimitError
        With both numbers, before they are drawn.
    """
    if torch.get_default_device().type == "cpu":
        need((12 if delayed else 4) * count, what, remedy)
