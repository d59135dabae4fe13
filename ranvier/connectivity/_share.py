"""The synapses onto some of the postsynaptic cells, out of those that a rule makes, without keeping the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ranvier.connectivity._synapses import Places, Synapses

if TYPE_CHECKING:
    from ranvier.connectivity._connectivity import Ends

__all__ = ["Share", "Shared", "joined_rows", "row_tiles", "share_of"]

#: synapses drawn together, of which a share is kept
_TILE = 1 << 19

_NO_TARGETS, _NO_ROWS = np.empty(0, np.int32), np.empty(0, np.int64)

Rows = tuple[np.ndarray, np.ndarray]


class Shared(NamedTuple):
    """What a transform with a share of the synapses knows of all of them.

    ``places`` say which they are; ``reach`` is the first and the last step on which anything arrives over any synapse;
    ``asked`` tells rule, weights and delays as they were given.
    """

    places: Places
    reach: tuple[int, int] | None = None
    asked: str = ""

    @property
    def numbers(self) -> torch.Tensor:
        """Int64, which of all synapses they are."""
        return torch.from_numpy(self.places.of(0, len(self.places)))

    def of_all(self, values: torch.Tensor) -> torch.Tensor:
        """Own values of ``values`` [..., all synapses]; a single number stays."""
        return values[..., self.numbers] if values.ndim else values


@dataclass(frozen=True)
class Share:
    """The postsynaptic cells ``low`` … ``high`` - 1, one of several shares.

    ``span(least, most)`` gives the least and the greatest number of all shares; ``asked`` tells what synapses are asked for.
    """

    low: int
    high: int
    span: Callable[[int, int], tuple[int, int]]
    asked: str = ""

    def of(self, places: Places, reach: tuple[int, int] | None) -> Shared:
        """What a transform with these of the synapses knows of all of them."""
        return Shared(places, reach, self.asked)


def row_tiles(ends: Ends, expected: int) -> Iterable[tuple[int, int]]:
    """Ranges of rows that hold about ``_TILE`` synapses each."""
    rows = ends.sizes[0]
    at_once = max(1, int(_TILE * rows / max(1, expected)))
    return ((first, min(first + at_once, rows)) for first in range(0, rows, at_once))


def joined_rows(tiles: Iterable[Rows], ends: Ends, low: int, high: int) -> Synapses:
    """Those onto [low, high) of rows that come in tiles (row pointer from 0, ascending targets)."""
    targets, counts, before, lengths = [_NO_TARGETS], [_NO_ROWS], [_NO_ROWS], [_NO_ROWS]
    for pointer, target in tiles:
        mine = (target >= low) & (target < high)
        targets.append(target[mine])
        counts.append(_per_row(pointer, mine))
        before.append(_per_row(pointer, target < low))
        lengths.append(np.diff(pointer))
    begin = _pointer(np.concatenate(lengths))
    places = Places(_pointer(np.concatenate(counts)), begin[:-1] + np.concatenate(before), int(begin[-1]))
    return Synapses(places.row_pointer, np.concatenate(targets), ends.sizes, places=places)


def share_of(whole: Synapses, low: int, high: int) -> Synapses:
    """Those onto [low, high) of all synapses."""
    mine = (whole.target >= low) & (whole.target < high)
    counts, before = _per_row(whole.row_pointer, mine), _per_row(whole.row_pointer, whole.target < low)
    pointer, places = _pointer(counts), Places(_pointer(counts), whole.row_pointer[:-1] + before, len(whole))
    order = None if whole.order is None else whole.order[mine]
    carried = {n: values[mine] for n, values in whole.carried.items()}
    return Synapses(pointer, whole.target[mine], whole.sizes, order, carried, places)


def _per_row(pointer: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """How many of each row are chosen."""
    return np.diff(np.concatenate([[0], np.cumsum(chosen, dtype=np.int64)])[pointer])


def _pointer(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
