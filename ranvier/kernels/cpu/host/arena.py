"""The working memory of a list of calls in one piece, so that every run has one of its own and none waits for another's."""

from __future__ import annotations

from collections.abc import Iterable

import torch

__all__ = ["Arena"]

Tensor = torch.Tensor
_ALIGNMENT = 64


class Arena:
    """Tensors laid end to end; :meth:`new` makes memory with the numbers that they hold now, ``size`` bytes.

    Tensors that share memory go on sharing it. The numbers in ``blank`` ones are not kept: calls write them before they read them.
    """

    def __init__(self, tensors: Iterable[Tensor], blank: Iterable[Tensor] = ()) -> None:
        self._storages = {_place(t): t.untyped_storage() for t in tensors if t.untyped_storage().nbytes()}
        last = {_place(t) for t in blank}
        self._offsets: dict[int, int] = {}
        self.size = filled = 0
        for place, storage in sorted(self._storages.items(), key=lambda pair: pair[0] in last):
            self._offsets[place] = self.size
            self.size += -(-storage.nbytes() // _ALIGNMENT) * _ALIGNMENT
            filled = filled if place in last else self.size
        self._image = torch.zeros(filled, dtype=torch.uint8)
        for place, storage in self._storages.items():
            if place not in last:
                first = self._offsets[place]
                self._image[first : first + storage.nbytes()] = torch.empty(0, dtype=torch.uint8).set_(storage)

    def __contains__(self, tensor: Tensor) -> bool:
        return _place(tensor) in self._offsets

    def offset(self, tensor: Tensor) -> int:
        """Bytes from the begin of the arena to that of a tensor."""
        place = _place(tensor)
        return self._offsets[place] + tensor.data_ptr() - place

    def new(self) -> Tensor:
        """Memory of its own for one run."""
        if self.size == len(self._image):
            return self._image.clone()
        out = torch.empty(self.size, dtype=torch.uint8)
        out[: len(self._image)] = self._image
        return out


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
