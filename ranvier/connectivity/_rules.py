"""Rules that say who talks to whom; drawn by counting, so equal seeds give equal synapses on every machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch

from ranvier.connectivity._sparse import Synapses
from ranvier.errors import RanvierError
from ranvier.values import key_of, uniforms

__all__ = ["AllToAll", "Connectivity", "ConnectivityError", "FixedInDegree", "FixedProbability", "FromArrays", "OneToOne"]


class ConnectivityError(RanvierError, ValueError):
    """A rule that cannot be honoured for the given populations."""


class Connectivity(ABC):
    """Decides the synapses between two populations."""

    @abstractmethod
    def pairs(self, sizes: tuple[int, int], same: bool, key: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Arrays ``pre`` and ``post``; ``same`` tells that both are one population."""

    def build(self, sizes: tuple[int, int], same: bool, seed: int, name: str) -> Synapses:
        """The synapses, sorted by presynaptic cell and then by postsynaptic cell."""
        pre, post = self.pairs(sizes, same, key_of(seed, f"{name}.connectivity"))
        order = np.lexsort((post, pre)) if len(pre) and not _sorted(pre, post) else None
        if order is not None:
            pre, post = pre[order], post[order]
        return Synapses(torch.from_numpy(pre.astype(np.int64)), torch.from_numpy(post.astype(np.int64)), sizes)


def _sorted(pre: np.ndarray, post: np.ndarray) -> bool:
    step = np.diff(pre)
    return bool((step >= 0).all() and (np.diff(post)[step == 0] >= 0).all())


class FixedProbability(Connectivity):
    """Every possible synapse exists with probability ``p``, independently.

    ``autapses`` allows a cell to reach itself where a population connects to itself.
    """

    def __init__(self, p: float, *, autapses: bool = True) -> None:
        if not 0 <= p <= 1:
            raise ConnectivityError(f"FixedProbability: p={p!r} is not a probability; give a number from 0 to 1.")
        self.p, self.autapses = float(p), autapses

    def pairs(self, sizes: tuple[int, int], same: bool, key: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        n, m = sizes
        total = n * m
        if self.p == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        if self.p == 1:
            return _keep(np.arange(total), m, same and not self.autapses)
        found, start, last = [], 0, -1
        while last < total:  # distances between synapses are geometric
            count = int((total - last) * self.p * 1.05) + 64
            gaps = np.floor(np.log(uniforms(key, count, start=start)) / np.log1p(-self.p)).astype(np.int64) + 1
            where = last + np.cumsum(gaps)
            found.append(where)
            start, last = start + count, int(where[-1])
        place = np.concatenate(found)
        return _keep(place[place < total], m, same and not self.autapses)

    def __repr__(self) -> str:
        return f"FixedProbability({self.p:g})"


class FixedInDegree(Connectivity):
    """Every postsynaptic cell receives exactly ``degree`` synapses, drawn with replacement (``multapses``) or without."""

    def __init__(self, degree: int, *, autapses: bool = True, multapses: bool = True) -> None:
        if not isinstance(degree, int) or degree < 0:
            raise ConnectivityError(f"FixedInDegree: degree={degree!r} must be a whole number of 0 or more.")
        self.degree, self.autapses, self.multapses = degree, autapses, multapses

    def pairs(self, sizes: tuple[int, int], same: bool, key: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        n, m = sizes
        barred = same and not self.autapses
        choices = n - 1 if barred else n
        if choices < (self.degree if not self.multapses else min(1, self.degree)):
            raise ConnectivityError(f"FixedInDegree: {self.degree} synapses per cell cannot be had from {choices} presynaptic cells; lower the degree or allow multapses.")
        post = np.repeat(np.arange(m), self.degree)
        if self.multapses:
            pre = (uniforms(key, m * self.degree) * choices).astype(np.int64)
        else:
            pre = np.concatenate(
                [np.argpartition(uniforms(key, choices, stream=1, step=j), self.degree - 1)[: self.degree] for j in range(m)] or [np.empty(0, np.int64)]
            ) if self.degree else np.empty(0, np.int64)  # fmt: skip
        return (pre + (pre >= post) if barred else pre), post

    def __repr__(self) -> str:
        return f"FixedInDegree({self.degree})"


class OneToOne(Connectivity):
    """Cell i to cell i; both populations have the same size."""

    def pairs(self, sizes: tuple[int, int], same: bool, key: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        if sizes[0] != sizes[1]:
            raise ConnectivityError(f"OneToOne joins populations of equal size, got {sizes[0]} and {sizes[1]}; use another rule.")
        return np.arange(sizes[0]), np.arange(sizes[0])

    def __repr__(self) -> str:
        return "OneToOne()"


class AllToAll(Connectivity):
    """Every cell to every cell."""

    def __init__(self, *, autapses: bool = True) -> None:
        self.autapses = autapses

    def pairs(self, sizes: tuple[int, int], same: bool, key: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return _keep(np.arange(sizes[0] * sizes[1]), sizes[1], same and not self.autapses)

    def __repr__(self) -> str:
        return "AllToAll()"


class FromArrays(Connectivity):
    """Synapses given as two arrays of indices, one entry per synapse."""

    def __init__(self, pre: Any, post: Any) -> None:
        self.pre, self.post = np.asarray(pre), np.asarray(post)
        if self.pre.shape != self.post.shape or self.pre.ndim != 1:
            raise ConnectivityError(f"FromArrays: pre has shape {self.pre.shape} and post {self.post.shape}; give two lists of equal length.")
        if not np.issubdtype(self.pre.dtype, np.integer) or not np.issubdtype(self.post.dtype, np.integer):
            raise ConnectivityError(f"FromArrays: indices must be whole numbers, got {self.pre.dtype} and {self.post.dtype}.")

    def pairs(self, sizes: tuple[int, int], same: bool, key: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        for label, index, size in (("pre", self.pre, sizes[0]), ("post", self.post, sizes[1])):
            if index.size and (index.min() < 0 or index.max() >= size):
                raise ConnectivityError(f"FromArrays: {label} holds {int(index.max() if index.max() >= size else index.min())}, but the population has cells 0 to {size - 1}.")
        return self.pre.astype(np.int64), self.post.astype(np.int64)

    def order(self) -> np.ndarray:
        """Where the k-th synapse of the sorted pattern stands in the given arrays."""
        return np.lexsort((self.post, self.pre))

    def __repr__(self) -> str:
        return f"FromArrays({self.pre.size} synapses)"


def _keep(place: np.ndarray, m: int, barred: bool) -> tuple[np.ndarray, np.ndarray]:
    pre, post = place // m, place % m
    keep = pre != post if barred else slice(None)
    return pre[keep], post[keep]
