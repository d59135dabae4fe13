"""Synapses from the entries of a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError, Ends
from ranvier.connectivity._from_arrays import Given

__all__ = ["FromMatrix"]


class FromMatrix(Given):
    """One synapse per non-zero entry of a matrix [pre, post]: a SciPy sparse matrix of any format, or an array.

    Entries are carried as weights, which ``weight`` of ``connect`` multiplies (and gives their unit). Stored zeros of a
    sparse matrix are synapses of weight 0.

    >>> import scipy.sparse
    >>> rule = rv.FromMatrix(scipy.sparse.random_array((100, 100), density=0.1))
    >>> names = net.connect("cells", "cells", rule, to="v", weight=0.5*mV)
    """

    def __init__(self, matrix: Any) -> None:
        from scipy import sparse  # slow to import

        dense = not sparse.issparse(matrix)
        try:
            table = np.asarray(matrix) if dense else matrix
        except ValueError:  # rows of different length
            table = np.empty(0, object)
        if table.ndim != 2 or table.dtype.kind not in "fiub":
            raise ConnectivityError(
                f"FromMatrix takes a matrix of numbers [pre, post], got {table.dtype} of shape {tuple(table.shape)}."
            )
        entries = sparse.coo_array(table)
        self.shape = (int(entries.shape[0]), int(entries.shape[1]))
        pre, post = (x.astype(np.int64) for x in entries.coords)
        super().__init__(pre, post, {"weight": entries.data.astype(np.float64)})

    def expected(self, ends: Ends) -> int:
        """As many as there are entries."""
        if self.shape != ends.sizes:
            raise ConnectivityError(
                f"FromMatrix: the matrix is {self.shape[0]} x {self.shape[1]}, the populations have {ends.sizes[0]} and "
                f"{ends.sizes[1]} cells; it must be [pre, post]."
            )
        return len(self.pre)
