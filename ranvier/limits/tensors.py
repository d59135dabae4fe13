"""Tensors of a file in the place of those of a module, each checked first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ranvier.limits.record import damaged

__all__ = ["FLOATS", "Take", "fill", "told"]

#: a tensor of the file by its name within a module, handed out once; None where the file has none
Take = Callable[[str], torch.Tensor | None]
FLOATS = frozenset((torch.float32, torch.float64))
_ANY = FLOATS | {torch.bfloat16, torch.float16}


def fill(module: nn.Module, take: Take, where: str, parameters: bool = True) -> None:
    """Put a tensor of the file in the place of every parameter (if ``parameters``) and buffer of ``module`` itself."""
    tables: tuple[Any, ...] = (module._parameters, module._buffers) if parameters else (module._buffers,)
    for table in tables:
        for name, old in table.items():
            if old is None:
                continue
            new = take(name)
            if new is None:
                raise damaged(where, f"tensor {name!r} is missing")
            if new.shape != old.shape or not (new.dtype == old.dtype or {new.dtype, old.dtype} <= _ANY):
                raise damaged(f"{where}.{name}", f"is {told(new)}, expected {told(old)}")
            table[name] = nn.Parameter(new) if isinstance(old, nn.Parameter) else new


def told(tensor: torch.Tensor) -> str:
    """Type and shape of a tensor, for messages."""
    return f"{tensor.dtype} {list(tensor.shape)}"
