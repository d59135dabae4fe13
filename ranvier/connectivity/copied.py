"""A copy of a module, to be changed in place."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn

from ranvier.connectivity.computed import class_of, make_plain
from ranvier.errors import RanvierError

__all__ = ["copied"]

Module = TypeVar("Module", bound=nn.Module)


def copied(module: Module) -> Module:
    """A deep copy.

    Raises
    ------
    RanvierError
        Where torch cannot copy a part after a call with gradient, because it holds a weight computed from others.
    """
    try:
        return copy.deepcopy(module)
    except RuntimeError as error:
        for name, part in module.named_modules():
            if remedy := make_plain(part, "weight", "bias"):
                raise RanvierError(
                    f"{name or class_of(module).__name__} computes a parameter from others, which torch cannot copy after a call with gradient: make it plain first, as in "
                    f"{remedy}."
                ) from error
        raise
