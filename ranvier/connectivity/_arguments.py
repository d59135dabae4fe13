"""Arguments of a module as plain data, and back from a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ranvier.connectivity.delays import LONGEST
from ranvier.limits.record import damaged
from ranvier.limits.tensors import told

if TYPE_CHECKING:
    from ranvier.limits.record import Record

__all__ = ["argument", "arguments_of", "latency_of"]


def arguments_of(module: nn.Module, names: Iterable[str]) -> dict[str, Any]:
    """The arguments ``names`` of a module as plain data; a bias is whether there is one."""
    values = {n: getattr(module, n) for n in names}
    if "bias" in values:
        values["bias"] = module.bias is not None
    return {n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}


def argument(record: Record, name: str) -> Any:
    """A number, a word, true or false, or a list of whole numbers."""
    value = record.data[name]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return record.whole(name, -(2**40))
    if isinstance(value, float):
        return record.number(name)
    if isinstance(value, str):
        return record.choice(name, "zeros", "reflect", "replicate", "circular", "same", "valid")
    if isinstance(value, list) and len(value) < 16 and all(type(n) is int and abs(n) < 2**40 for n in value):
        return tuple(value)
    raise record.error(name, "a number, a word or a list of whole numbers")


def latency_of(
    record: Record, table: torch.Tensor | None, shape: tuple[int, ...], kinds: tuple[torch.dtype, ...] = (torch.int32,)
) -> torch.Tensor | int:
    """Whole steps: the ``table`` of a file, one for each synapse, or the one number of its description."""
    if table is None:
        latency = record.whole("latency")
        if latency > LONGEST:
            raise record.error("latency", f"at most {LONGEST} steps")
        return latency
    fits = tuple(table.shape) == shape and table.dtype in kinds
    if not fits or (table.numel() and not 0 <= int(table.min()) <= int(table.max()) <= LONGEST):
        expected = f"{kinds[-1]} {list(shape)} from 0 to {LONGEST}"
        raise damaged(record.where, f"latency_table is {told(table)}, expected {expected}")
    return table
