"""What adapters have in common: they speak for a module of torch, which stays the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from ranvier.connectivity._arguments import argument, arguments_of
from ranvier.connectivity.bound import BoundTransform
from ranvier.connectivity.transform import Transform
from ranvier.kernels.provider import Runnable
from ranvier.limits.tensors import fill

if TYPE_CHECKING:
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["Adapter"]

Tensor = torch.Tensor


class Adapter(Transform):
    """A transform that speaks for a module of torch."""

    delay = None
    of_torch = True
    #: classes of torch that it speaks for
    kinds: ClassVar[tuple[type[nn.Module], ...]] = ()
    #: those of them that a file may hold, with the arguments that make one again
    arguments: ClassVar[dict[type[nn.Module], tuple[str, ...]]] = {}

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    @property
    def module(self) -> nn.Module:
        """The module of torch."""
        return self._module

    def __call__(self, x: Tensor) -> Tensor:
        """``module(x)``, with its hooks."""
        return self._module(x)

    def run(self, x: Tensor, carrier: Runnable | None) -> Tensor:
        """``module(x)``, with its hooks."""
        return self._module(x)

    def effective_weight(self) -> Tensor:
        """The weights of the module."""
        return self._module.weight  # pyright: ignore[reportReturnType]

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """The arguments that make the module again."""
        names = self.arguments.get(type(self._module))
        return None if names is None else arguments_of(self._module, names)

    @classmethod
    def rebuild(cls, kind: type[nn.Module], record: Record, take: Take) -> nn.Module:
        """The module of class ``kind`` in a file."""
        with torch.device("meta"):
            module = kind(**{n: argument(record, n) for n in cls.arguments[kind] if n in record})
        fill(module, take, record.where)
        return module
