"""Synapses that are given, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import Connectivity, ConnectivityError, Ends
from ranvier.connectivity._synapses import Synapses

__all__ = ["FromArrays", "Given"]


class Given(Connectivity):
    """A rule whose synapses are known: arrays of cells, and numbers for every synapse by name (weight, delay)."""

    scratch = 24

    def __init__(self, pre: np.ndarray, post: np.ndarray, carried: dict[str, np.ndarray]) -> None:
        self.pre, self.post, self.carried = pre, post, carried
        for name, values in carried.items():
            bad = ~np.isfinite(values)
            if bad.any():
                k = int(np.argmax(bad))
                raise ConnectivityError(
                    f"{self._name}: the {name} of synapse {k} ({pre[k]} to {post[k]}) is {values[k]}; give finite numbers."
                )

    @property
    def _name(self) -> str:
        return type(self).__name__

    def expected(self, ends: Ends) -> int:
        """As many as were given."""
        for label, index, size in (("pre", self.pre, ends.sizes[0]), ("post", self.post, ends.sizes[1])):
            if index.size and (index.min() < 0 or index.max() >= size):
                bad = int(index.max() if index.max() >= size else index.min())
                raise ConnectivityError(
                    f"{self._name}: {label} holds {bad}, but the population has cells 0 to {size - 1}."
                )
        return len(self.pre)

    def build(self, ends: Ends, key: tuple[int, int]) -> Synapses:
        """The given synapses in order."""
        self.expected(ends)
        return Synapses.of(self.pre, self.post, ends.sizes, self.carried)

    def __repr__(self) -> str:
        return f"{self._name}({len(self.pre)} synapses)"


class FromArrays(Given):
    """Synapses given as two arrays of indices, one entry per synapse; a pair may occur more than once.

    An array of weights or delays given to ``connect`` follows the order of these arrays.

    >>> names = net.connect("exc", "inh", rv.FromArrays([0, 0, 1], [3, 4, 3]), to="v", weight=[0.1, 0.2, 0.3]*mV)
    """

    def __init__(self, pre: Any, post: Any) -> None:
        first, second = np.asarray(pre), np.asarray(post)
        if first.shape != second.shape or first.ndim != 1:
            raise ConnectivityError(
                f"FromArrays: pre has shape {first.shape} and post {second.shape}; give two lists of equal length."
            )
        if first.size and not all(np.issubdtype(x.dtype, np.integer) for x in (first, second)):
            raise ConnectivityError(f"FromArrays: indices must be whole numbers, got {first.dtype} and {second.dtype}.")
        super().__init__(first.astype(np.int64), second.astype(np.int64), {})
