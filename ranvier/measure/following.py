"""Follows what comes from an input through operations of torch and products of a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from ranvier.kernels.products import carried

if TYPE_CHECKING:
    from ranvier.connectivity import Transform
    from ranvier.kernels.tasks import Propagate
    from ranvier.network import Network

__all__ = ["Following", "tensors"]

Tensor = torch.Tensor


class Following(TorchDispatchMode):
    """Knows which tensors come from marked ones, and is told of every operation on them at the present ``place``.

    :func:`ranvier.measure.walk.walk` leads it through a module. Its methods below :meth:`at` are told what happens; by default they do nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.place, self.paused = "", False
        #: steps and samples of the rows that a transform of a network maps; None elsewhere
        self.lead: tuple[int, int] | None = None
        self._data = WeakTensorKeyDictionary()

    def mark(self, values: Any) -> None:
        """Take tensors for data."""
        for t in tensors(values):
            self._data[t] = True
            base = t._base
            if base is not None:  # written through a view
                self._data[base] = True

    def follows(self, value: Any) -> bool:
        """Whether ``value`` is a tensor that comes from the input."""
        return isinstance(value, Tensor) and value in self._data

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """What follows is computed at ``place``."""
        before, self.place = self.place, place
        try:
            yield
        finally:
            self.place = before

    def see(self, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """An operation of torch on data, before it runs."""

    def made(self, out: Any) -> None:
        """What the operation that was seen last gives."""

    def carry(self, task: Propagate, kind: str) -> Tensor:
        """The product of a task, in a transform of this ``kind``."""
        return carried(None, task)

    def drawn(self, x: Tensor, transform: Transform) -> None:
        """Synapses that are drawn carry ``x`` [T*B, pre]."""

    def joined(self, operands: list[Tensor]) -> None:
        """A cell without states multiplies these, [T, B, …] each."""

    def summed(self, x: Tensor) -> None:
        """``x`` [T, B, …] arrives without a product where other projections arrive, too."""

    def ran(self, net: Network, prefix: str, emitted: dict[str, Tensor], args: tuple[Any, ...], how: Any) -> None:
        """A network was called with ``args`` and ``how``; ``emitted`` [T, B, …] are its inputs and what its parts emit."""

    def __torch_dispatch__(self, call: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        watched = not self.paused and any(t in self._data for t in tensors((args, kwargs)))
        if watched:  # before an operation in place
            self.see(call, args, kwargs)
        out = call(*args, **kwargs)
        if watched:
            self.made(out)
            self.mark((out, args[0]) if call._schema.is_mutable else out)
        return out


def tensors(values: Any) -> list[Tensor]:
    """The tensors in nested containers."""
    return [t for t in tree_leaves(values) if isinstance(t, Tensor)]
