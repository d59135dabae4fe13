"""Who talks to whom, as compressed rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Places", "Synapses"]


@dataclass(frozen=True)
class Places:
    """Which of ``total`` synapses a share of them are: those of a row follow one another.

    Synapses ``row_pointer[k]`` up to ``row_pointer[k + 1]`` of the share are those from number ``begin[k]`` on of all.
    """

    row_pointer: np.ndarray
    begin: np.ndarray
    total: int

    def __len__(self) -> int:
        return int(self.row_pointer[-1])

    def of(self, start: int, stop: int) -> np.ndarray:
        """Numbers among all synapses, int64, of those ``start`` … ``stop`` - 1 of the share."""
        first = int(np.searchsorted(self.row_pointer, start, "right")) - 1
        last = int(np.searchsorted(self.row_pointer, stop, "left"))
        bounds = np.clip(self.row_pointer[first : last + 1], start, stop)
        shift = self.begin[first:last] - self.row_pointer[first:last]
        return np.arange(start, stop) + np.repeat(shift, np.diff(bounds))


@dataclass(frozen=True)
class Synapses:
    """The synapses between two populations, sorted by presynaptic and then by postsynaptic cell.

    Attributes
    ----------
    row_pointer
        Int64 ``[pre + 1]``: synapses of cell i are ``row_pointer[i]`` up to ``row_pointer[i + 1]``.
    target
        Int32 ``[synapses]``, the postsynaptic cells.
    sizes
        Cells before and behind.
    order
        Where the k-th synapse stood in the list the rule was given; None where there was none.
    carried
        Numbers the rule brought for every synapse: ``weight``, ``delay``.
    places
        Which of all synapses these are; None where they are all.
    """

    row_pointer: np.ndarray
    target: np.ndarray
    sizes: tuple[int, int]
    order: np.ndarray | None = None
    carried: Mapping[str, np.ndarray] = field(default_factory=dict)
    places: Places | None = None

    @classmethod
    def of(
        cls, pre: np.ndarray, post: np.ndarray, sizes: tuple[int, int], carried: Mapping[str, np.ndarray] | None = None
    ) -> Synapses:
        """From one entry per synapse, in any order."""
        place = pre.astype(np.int64) * sizes[1] + post
        order = np.argsort(place, kind="stable")
        pointer = np.zeros(sizes[0] + 1, np.int64)
        np.cumsum(np.bincount(pre, minlength=sizes[0]), out=pointer[1:])
        brought = {name: np.asarray(values, np.float64)[order] for name, values in (carried or {}).items()}
        return cls(pointer, post[order].astype(np.int32), sizes, order, brought)

    def __len__(self) -> int:
        return len(self.target)

    @property
    def total(self) -> int:
        """How many the rule made."""
        return len(self) if self.places is None else self.places.total

    @property
    def pre(self) -> np.ndarray:
        """Int64 ``[synapses]``, the presynaptic cells, worked out anew."""
        return self.pre_of(0, len(self))

    @property
    def post(self) -> np.ndarray:
        """Int64 ``[synapses]``, the postsynaptic cells."""
        return self.target.astype(np.int64)

    def pre_of(self, start: int, stop: int) -> np.ndarray:
        """The presynaptic cells of synapses ``start`` … ``stop`` - 1."""
        first = int(np.searchsorted(self.row_pointer, start, "right")) - 1
        last = int(np.searchsorted(self.row_pointer, stop, "left"))
        bounds = np.clip(self.row_pointer[first : last + 1], start, stop)
        return np.repeat(np.arange(first, last), np.diff(bounds))
