"""Lists of calls in which the addresses of some tensors are replaced before each run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from ranvier.kernels.cpu.host.schedule import Call, Repeated

__all__ = ["Slot", "Table", "fit"]

Tensor = torch.Tensor


class Slot(NamedTuple):
    """An array of a call whose address is replaced: ``offset`` bytes into tensor ``k`` of a kind."""

    call: Call
    name: str
    kind: str
    k: int
    offset: int = 0


class Table:
    """A list of calls with the places of the addresses that are replaced, by kind."""

    def __init__(self, calls: Sequence[Call], slots: Sequence[Slot]) -> None:
        self._list = Repeated(calls)
        self._words, self.go = self._list.words, self._list.go
        self._places: dict[str, list[tuple[int, int, int]]] = {}
        for slot in slots:
            for place in self._list.places(slot.call, slot.name):
                self._places.setdefault(slot.kind, []).append((place, slot.k, slot.offset))

    def put(self, kind: str, tensors: Sequence[Tensor]) -> None:
        """Work with these tensors from here on."""
        words = self._words
        for place, k, offset in self._places.get(kind, ()):
            words[place] = tensors[k].data_ptr() + offset


def fit(tensors: Sequence[Tensor], wanted: Sequence[tuple[torch.Size | tuple[int, ...], torch.dtype]]) -> bool:
    """Whether kernels can take their addresses."""
    if len(tensors) != len(wanted):
        return False
    for t, (shape, dtype) in zip(tensors, wanted, strict=True):
        if (
            t.__class__ is not Tensor
            or t.dtype is not dtype
            or t.shape != shape
            or not t.is_contiguous()
            or not t.is_cpu
        ):
            return False
    return True
