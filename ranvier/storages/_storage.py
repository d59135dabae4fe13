"""The interface of a storage: how weights become whole numbers of few bits, and which number each code stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from ranvier.errors import RanvierError
from ranvier.storages._stored import Stored

if TYPE_CHECKING:
    from ranvier.kernels.elementary import Value, Words

__all__ = ["Storage", "StorageError"]

Tensor = torch.Tensor


class StorageError(RanvierError, ValueError):
    """A weight that a storage cannot hold, or a storage that is not known."""


class Storage:
    """How the numbers of a weight lie in memory: as *codes*, each of which stands for (number - zero) * scale.

    A storage of your own is a frozen dataclass that defines ``name``, ``code``, :meth:`encode` and :meth:`numbers`; with
    :meth:`write`, kernels and printed steps read its codes too. ``rv.storages.register`` makes it known to files.

    >>> layer = rv.Linear(700, 256, storage=rv.storages.Int8())
    """

    #: its name in plans and files
    name: ClassVar[str]
    #: type of a code: ``torch.int8``, ``torch.int16`` or ``torch.int32``
    code: ClassVar[torch.dtype]

    def encode(self, weight: Tensor, output: int | None = None) -> Stored:
        """The codes of a ``weight``, float32 or float64, with their scale and zero.

        Parameters
        ----------
        output
            The axis along which outputs change; None for single synapses.
        """
        raise StorageError(f"{type(self).__name__} does not say how it encodes weights: define encode(weight, output).")

    @property
    def learns(self) -> bool:
        """Whether its scale is a parameter that training moves: it then has :meth:`first_step`, :meth:`with_step` and :meth:`read`."""
        return False

    def first_step(self, weight: Tensor, output: int | None = None) -> Tensor:
        """Where the learnt scale of a ``weight`` starts."""
        raise StorageError(f"{type(self).__name__} has no scale that is learnt.")

    def with_step(self, weight: Tensor, step: Tensor) -> Stored:
        """The codes of a ``weight`` for a learnt scale."""
        raise StorageError(f"{type(self).__name__} has no scale that is learnt.")

    def read(self, weight: Tensor, step: Tensor) -> Tensor:
        """The decoded weight for a learnt scale, with the gradients of both."""
        raise StorageError(f"{type(self).__name__} has no scale that is learnt.")

    def numbers(self, codes: Tensor) -> Tensor:
        """Float32: the number of every code, before zero and scale."""
        raise StorageError(f"{type(self).__name__} does not say what its codes stand for: define numbers(codes).")

    def write(self, k: Words, codes: Value) -> Value:
        """The same as code: float32 numbers in the words of a target, from 32-bit integers; every operation must be exact."""
        raise StorageError(f"{type(self).__name__} has no code for kernels: define write(k, codes).")

    @property
    def compiles(self) -> bool:
        """Whether kernels can read its codes."""
        return type(self).write is not Storage.write
