"""Single synapses as plain data: sizes, bounds and delays, beside the tensors of rows, targets and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ranvier.connectivity._arguments import latency_of
from ranvier.connectivity._connectivity import ConnectivityError
from ranvier.connectivity._delay_record import decode_delays, encode_delays
from ranvier.connectivity._synapses import Synapses
from ranvier.connectivity.bound import Binding
from ranvier.limits.record import Record, damaged
from ranvier.limits.tensors import FLOATS, Take

if TYPE_CHECKING:
    from ranvier.connectivity._sparse import Sparse

__all__ = ["decode_sparse", "encode_sparse"]

#: synapses to look at in one go
_PIECE = 1 << 20


def encode_sparse(module: Sparse) -> dict[str, Any]:
    """Plain data; rows, targets and weights are saved as tensors."""
    if module.shared is not None:
        raise ConnectivityError(
            f"this process holds {len(module):,} of {module.total:,} synapses, and other processes hold the others, so it cannot write "
            "all to a file. Save the state with rv.save_state and rebuild the network with its script, or save from a run in one process."
        )
    own = None if isinstance(module.latency, torch.Tensor) else module.latency
    when = {"latency": own, "delay": encode_delays(module.delay)}
    when |= {"learn": isinstance(module.weight, nn.Parameter), "bounds": list(module.bounds)}
    when |= {} if module.storage is None else {"storage": module.describe_storage()}
    return {"sizes": list(module.sizes), **when}


def decode_sparse(record: Record, take: Take, binding: Binding) -> tuple[Any, ...]:
    """The arguments of the synapses that :func:`encode_sparse` described.

    Synapses index memory in native kernels, so every index is checked.
    """
    sizes = record.sizes("sizes")
    if sizes is None or len(sizes) != 2:
        raise record.error("sizes", "two positive whole numbers")
    alone = "storage" in record and record.child("storage").flag("alone")
    pointer, target = (take(n) for n in ("row_pointer", "target"))
    weight = torch.zeros(1) if alone else take("weight")  # stored numbers come in its place
    if pointer is None or target is None or weight is None:
        raise damaged(record.where, "row_pointer, target or weight is missing")
    kinds = pointer.dtype == torch.int64 and target.dtype == torch.int32 and weight.dtype in FLOATS
    count = target.numel()
    if not kinds or target.ndim != 1 or tuple(pointer.shape) != (sizes[0] + 1,) or weight.shape not in ((1,), (count,)):
        raise damaged(record.where, "row_pointer, target and weight do not describe synapses")
    if int(pointer[0]) != 0 or int(pointer[-1]) != count or bool((pointer.diff() < 0).any()):
        raise damaged(record.where, f"row_pointer does not rise from 0 to the number of synapses, {count}")
    if count and not 0 <= int(target.min()) <= int(target.max()) < sizes[1]:
        raise damaged(record.where, f"target names a cell outside 0 to {sizes[1] - 1}")
    if not _sorted(pointer, target):
        raise damaged(record.where, "the synapses are not sorted by presynaptic and then by postsynaptic cell")
    bounds = record.data.get("bounds", [None, None])
    if not isinstance(bounds, list) or len(bounds) != 2 or any(type(x) not in (float, int, type(None)) for x in bounds):
        raise record.error("bounds", "two numbers or null")
    learn = record.flag("learn")
    if learn and weight.numel() != count:
        raise damaged(record.where, "weights that are learnt are not one per synapse")
    latency = latency_of(record, take("latency_table"), (count,), (torch.uint8, torch.int16, torch.int32))
    synapses = Synapses(pointer.numpy(), target.numpy(), (sizes[0], sizes[1]))
    delay = decode_delays(record, (count,), record.where, take, binding.dt)
    return (synapses, weight, latency, learn, delay, (bounds[0], bounds[1]), binding.lag)


def _sorted(pointer: torch.Tensor, target: torch.Tensor) -> bool:
    """Whether targets rise within each row; looked at in pieces, to need little memory beside them."""
    for low in range(0, len(target) - 1, _PIECE):
        piece = target[low : low + _PIECE + 1]
        backwards = piece[1:] < piece[:-1]
        first, last = torch.searchsorted(pointer, torch.tensor([low + 1, low + len(piece)])).tolist()
        backwards[pointer[first:last] - low - 1] = False
        if bool(backwards.any()):
            return False
    return True
