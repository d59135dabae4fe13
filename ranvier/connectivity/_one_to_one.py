"""Cell i to cell i."""

from __future__ import annotations

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError, Ends, RowRule

__all__ = ["OneToOne"]


class OneToOne(RowRule):
    """Cell i reaches cell i; both populations have the same size.

    >>> signal = net.source("signal", rv.step_current(0.5*nA, 100))
    >>> names = net.connect("signal", "cells", rv.OneToOne(), to="I")
    """

    divides = False

    def expected(self, ends: Ends) -> int:
        """One per cell."""
        if ends.sizes[0] != ends.sizes[1]:
            raise ConnectivityError(
                f"OneToOne joins populations of equal size, got {ends.sizes[0]} and {ends.sizes[1]}; use another rule."
            )
        return ends.sizes[0]

    def rows(self, ends: Ends, key: tuple[int, int], first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """One target each."""
        return np.arange(stop - first + 1, dtype=np.int64), np.arange(first, stop, dtype=np.int32)

    def __repr__(self) -> str:
        return "OneToOne()"
