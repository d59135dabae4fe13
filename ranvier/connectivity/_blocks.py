"""Groups of cells, with a probability of connection from every group to every group."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError, Ends
from ranvier.connectivity._numbers import probability, whole
from ranvier.connectivity._pairwise import PairwiseRule
from ranvier.values import flag

__all__ = ["Blocks", "Clustered"]


class Blocks(PairwiseRule):
    """A stochastic block model: a synapse from group a to group b exists with probability ``p[a, b]``.

    Parameters
    ----------
    p
        Probabilities [groups of pre, groups of post].
    pre
        The group of every presynaptic cell, a whole number from 0.
    post
        The group of every postsynaptic cell; those of ``pre`` if left out.
    autapses
        Let a cell reach itself where a population connects to itself.

    >>> rule = rv.Blocks([[0.2, 0.01], [0.01, 0.2]], np.repeat([0, 1], 50))
    """

    def __init__(self, p: Any, pre: Any, post: Any = None, *, autapses: bool = True) -> None:
        self.autapses = flag(autapses, "Blocks: autapses")
        self.p = _table(p)
        if self.p.ndim != 2 or not ((self.p >= 0) & (self.p <= 1)).all():
            raise ConnectivityError(f"Blocks: p={p!r} must be a table of numbers from 0 to 1.")
        self.pre = _groups(pre, self.p.shape[0], "pre")
        self.post = self.pre if post is None else _groups(post, self.p.shape[1], "post")
        if post is None and self.p.shape[0] != self.p.shape[1]:
            raise ConnectivityError(f"Blocks: p has the shape {self.p.shape}, so give the groups of post as well.")

    def expected(self, ends: Ends) -> int:
        """The sum of all probabilities."""
        for name, groups, size in (("pre", self.pre, ends.sizes[0]), ("post", self.post, ends.sizes[1])):
            if len(groups) != size:
                raise ConnectivityError(f"Blocks: {name} names the groups of {len(groups)} cells, there are {size}.")
        sizes = (np.bincount(g, minlength=n) for g, n in zip((self.pre, self.post), self.p.shape, strict=True))
        before, behind = sizes
        return int(before @ self.p @ behind)

    def peak(self, ends: Ends) -> float:
        """The largest entry of the table."""
        return float(self.p.max(initial=0))

    def probability(self, ends: Ends, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
        """The entry of the two groups."""
        return self.p[self.pre[pre], self.post[post]]

    def __repr__(self) -> str:
        return f"Blocks({self.p.shape[0]} x {self.p.shape[1]} groups, autapses={self.autapses})"


class Clustered(PairwiseRule):
    """Both populations fall into ``clusters`` equal runs of cells; within a cluster synapses exist with probability
    ``p_in``, between clusters with ``p_out`` (Litwin-Kumar and Doiron, *Nat. Neurosci.* 15, 2012).

    >>> rule = rv.Clustered(50, p_in=0.5, p_out=0.2, autapses=False)
    """

    def __init__(self, clusters: int, *, p_in: float, p_out: float, autapses: bool = True) -> None:
        self.clusters, self.autapses = whole(clusters, "Clustered: clusters", 1), flag(autapses, "Clustered: autapses")
        self.p_in, self.p_out = probability(p_in, "Clustered: p_in"), probability(p_out, "Clustered: p_out")

    def expected(self, ends: Ends) -> int:
        """Pairs within and between clusters times their probabilities."""
        if self.clusters > min(ends.sizes):
            raise ConnectivityError(
                f"Clustered: {self.clusters} clusters need as many cells, there are {min(ends.sizes)}."
            )
        before, behind = (np.bincount(self._group(np.arange(n), n)) for n in ends.sizes)
        inside = int(before @ behind)
        return int(self.p_in * inside + self.p_out * (ends.sizes[0] * ends.sizes[1] - inside))

    def peak(self, ends: Ends) -> float:
        """The larger of both."""
        return max(self.p_in, self.p_out)

    def probability(self, ends: Ends, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
        """``p_in`` where both are of one cluster."""
        same = self._group(pre, ends.sizes[0]) == self._group(post, ends.sizes[1])
        return np.where(same, self.p_in, self.p_out)

    def _group(self, cell: np.ndarray, size: int) -> np.ndarray:
        return cell.astype(np.int64) * self.clusters // size

    def __repr__(self) -> str:
        return f"Clustered({self.clusters}, p_in={self.p_in:g}, p_out={self.p_out:g}, autapses={self.autapses})"


def _table(p: Any) -> np.ndarray:
    """Numbers; nothing where ``p`` has others, or rows of different length."""
    try:
        return np.asarray(p, np.float64)
    except (TypeError, ValueError):
        return np.empty(0)


def _groups(labels: Any, count: int, name: str) -> np.ndarray:
    array = np.asarray(labels)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ConnectivityError(f"Blocks: {name} must be one list of whole numbers, got {array.dtype} {array.shape}.")
    if array.size and not 0 <= array.min() <= array.max() < count:
        raise ConnectivityError(
            f"Blocks: {name} names groups {array.min()} to {array.max()}, but p has a place for 0 to {count - 1}."
        )
    return array.astype(np.int64)
