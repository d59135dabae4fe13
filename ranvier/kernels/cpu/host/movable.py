"""Lists of kernel calls that work with other memory in every run: the tensors given, and arenas of working memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ranvier.kernels.cpu.host.arena import Arena
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.schedule import HEAD, Turns, driver
from ranvier.kernels.cpu.llvm.jit import packer

__all__ = ["Movable", "tensors_of"]

Tensor = torch.Tensor
_pointers, _integers, _none = packer(2, "q"), packer(4, "q"), packer(0, "d")()


class Movable:
    """Runs lists of calls one after the other, as often as wanted and by several threads at once.

    The calls were made for the tensors ``outside`` and for those in ``arenas``; a run replaces all of these by others of equal
    shape and layout. Whatever else the calls read stays as it is.
    """

    def __init__(self, lists: Sequence[Turns], outside: Sequence[Tensor], arenas: Sequence[Arena]) -> None:
        words: list[int] = []
        which: list[int] = []
        width, self._lists = 0, list[tuple[int, bytes]]()
        places = {t.untyped_storage().data_ptr(): k for k, t in enumerate(outside) if t.numel()}
        for calls, count, reverse in lists:
            if not (calls and count):
                continue
            self._lists.append((8 * len(words), _integers(len(calls), 0, count, reverse)))
            for call in calls:
                own = call.words
                bases = [0] * len(own)
                for k, array in enumerate(call.arrays):
                    tensor = array.tensor if isinstance(array, Place) else array
                    if tensor is None:
                        continue
                    found = places.get(tensor.untyped_storage().data_ptr())
                    if found is not None:
                        bases[HEAD + 2 * k] = 1 + found
                        own[HEAD + 2 * k] -= outside[found].data_ptr()
                        continue
                    for a, arena in enumerate(arenas):
                        if tensor in arena:
                            bases[HEAD + 2 * k] = 1 + len(outside) + a
                            own[HEAD + 2 * k] += arena.offset(tensor) - tensor.data_ptr()
                words += own
                which += bases
                width = max(width, len(call.arrays))
        self._calls = [c for one in lists for c in one.calls]
        self._room = 8 * len(words)
        self._words = np.array(words + [0] * width, np.int64)
        self._which = np.array(which + [0] * width, np.intp)

    def run(self, addresses: Sequence[int]) -> None:
        """Run all lists with the tensors at these addresses in the place of those ``outside``, then of the arenas."""
        table = np.array((0, *addresses), np.int64).take(self._which)
        table += self._words
        place = table.__array_interface__["data"][0]
        go = driver().kernel.run
        for first, integers in self._lists:
            go(_pointers(place + first, place + self._room), integers, _none)


def tensors_of(lists: Sequence[Turns]) -> list[Tensor]:
    """The tensors that calls read or write."""
    arrays = [a for one in lists for call in one.calls for a in call.arrays]
    return [a.tensor if isinstance(a, Place) else a for a in arrays if a is not None]
