"""Who goes where: fixed divisions that no speaker, subject or seed can cross."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

import numpy as np

from ranvier.data._errors import DataError

__all__ = ["by_group", "divide", "held_out"]


def _draw(*parts: object) -> float:
    """A number in [0, 1) that depends on ``parts`` alone."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def held_out(group: np.ndarray, share: float, name: str, leave: int = 1) -> np.ndarray:
    """A mask [S]: the groups that hold about ``share`` of all samples, whole groups in an order that ``name``
    decides; at least ``leave`` groups stay behind."""
    names, counts = np.unique(group, return_counts=True)
    if len(names) <= leave:
        raise DataError(f"{name}: {len(names)} group(s) cannot be divided into {leave + 1} parts without sharing one")
    order = sorted(range(len(names)), key=lambda i: _draw(name, names[i]))
    chosen, size = [], 0
    for i in order[:-leave]:
        if chosen and size + counts[i] / 2 > share * len(group):
            break
        chosen.append(names[i])
        size += counts[i]
    return np.isin(group, chosen)


def by_group(group: np.ndarray, shares: tuple[float, float], name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks of train, validation and test, no group in two of them; ``shares`` of validation and test."""
    test = held_out(group, shares[1], f"{name}/test", leave=2)
    valid = np.zeros(len(group), bool)
    rest = np.flatnonzero(~test)
    valid[rest] = held_out(group[rest], shares[0] / (1 - shares[1]), f"{name}/valid")
    return ~(test | valid), valid, test


def divide(target: np.ndarray, shares: Sequence[float], name: str) -> list[np.ndarray]:
    """Masks of the first parts (``shares`` of each class) and of the rest, for sets without groups.

    A sample's place depends on ``name`` and its number alone.
    """
    rank = np.empty(len(target))
    for label in np.unique(target):
        own = np.flatnonzero(target == label)
        order = np.argsort([_draw(name, int(i)) for i in own], kind="stable")
        rank[own[order]] = (np.arange(len(own)) + 0.5) / len(own)
    edges = np.concatenate([[0.0], np.cumsum(shares), [1.0]])
    return [(rank >= low) & (rank < high) for low, high in itertools.pairwise(edges)]
