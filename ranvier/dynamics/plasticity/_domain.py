"""Domains: sets of synapses that share the value of a variable."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

__all__ = ["Domain", "Pairs"]


class Pairs(NamedTuple):
    """The synapses of a projection: presynaptic and postsynaptic cell of each (int64 [synapses]), and the sizes of both
    populations.
    """

    pre: np.ndarray
    post: np.ndarray
    sizes: tuple[int, int]


class Domain(ABC):
    """Sets of synapses that share a value, such as those of a cell, of a branch of its dendrite, of a projection.

    A domain has members; each synapse belongs to one of them and reads its value. A subclass is a frozen dataclass of
    plain numbers and words, so that equal domains are equal and a file can hold them.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class SourceCell(rv.plasticity.Domain):
    ...     def size(self, pairs):
    ...         return pairs.sizes[0]
    ...
    ...     def member(self, pairs):
    ...         return pairs.pre
    """

    @abstractmethod
    def size(self, pairs: Pairs) -> int:
        """How many members there are."""

    @abstractmethod
    def member(self, pairs: Pairs) -> np.ndarray:
        """Which member each synapse belongs to: whole numbers from 0 to size - 1, [synapses]."""
