"""Synapses where a condition holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import ConnectivityError, Ends
from ranvier.connectivity._numbers import probability, spread
from ranvier.connectivity._pair_text import PairText, Uniforms
from ranvier.connectivity._pairwise import PairwiseRule
from ranvier.errors import DimensionError
from ranvier.kernels.drawing import counted_uniforms
from ranvier.values import flag

__all__ = ["Where"]


class Where(PairwiseRule):
    """A pair of cells is joined with probability ``p`` where ``condition`` holds, independently of all other pairs.

    A text is read by the equation language, with units and their checks. It may use the indices ``i`` (before the synapse)
    and ``j`` (behind it), ``N_pre`` and ``N_post``, ``distance`` and the coordinates ``x_pre``, ``y_pre``, ``z_pre``,
    ``x_post``, … where populations have positions, ``rand()`` (a new number between 0 and 1 for each pair), and
    ``values``. Pairs are looked at some rows at a time.

    Parameters
    ----------
    condition
        A text such as ``"i != j"``, or a function of two int64 arrays [pairs], the indices i and j, that returns truth
        values [pairs].
    p
        A number from 0 to 1, a text, or a function of i and j. With a number, only pairs drawn with ``p`` are looked at.
    autapses
        Let a cell reach itself where a population connects to itself.
    values
        Further names of the texts: numbers with their units; arrays with one number per cell under names that end in
        ``_pre`` or ``_post``.

    Raises
    ------
    EquationError, DimensionError
        Where a text cannot be read, or its units do not agree.
    ConnectivityError
        Where a value is no number, a function returns something else, or a probability leaves [0, 1].

    >>> sheet = net.population("sheet", 400, cell, positions=rv.Grid((20, 20), 25*um))
    >>> rule = rv.Where("i != j and distance < r", p="exp(-distance/r)", r=100*um)
    >>> names = net.connect("sheet", "sheet", rule, to="v", weight=0.2*mV)
    >>> rv.Where(lambda i, j: (i + j) % 2 == 0, p=0.5)
    Where(<function>, p=0.5, autapses=True)
    """

    def __init__(
        self,
        condition: str | Callable[[Any, Any], Any],
        *,
        p: float | str | Callable[[Any, Any], Any] = 1.0,
        autapses: bool = True,
        **values: Any,
    ) -> None:
        if not isinstance(condition, str) and (not callable(condition) or isinstance(condition, type)):
            raise ConnectivityError(
                f"Where: {condition!r} is not a condition; give a text such as 'i != j', or a function of i and j."
            )
        self.condition, self.p = condition, p
        self.autapses = flag(autapses, "Where: autapses")
        self._holds = PairText(condition, values, repr(self), truth=True) if isinstance(condition, str) else None
        first = len(self._holds.draws) if self._holds else 0
        self._chance = PairText(p, values, repr(self), first=first) if isinstance(p, str) else None
        read = {name for text in (self._holds, self._chance) if text for name in text.names}
        unread = [name for name in values if name not in read]
        if unread:
            raise ConnectivityError(
                f"{self!r}: {', '.join(unread)} stand in no text; leave them out (a function holds its own)."
            )
        if not isinstance(p, str) and (not callable(p) or isinstance(p, type)):
            self.p = probability(p, "Where: p")

    def expected(self, ends: Ends) -> int:
        """From a sample of pairs; units of probabilities are checked."""
        if self._chance is not None and not (found := self._chance.dimension(ends)).is_none:
            raise DimensionError(f"{self!r} gives probabilities in {found}; they must be plain numbers.")
        return super().expected(ends)

    def peak(self, ends: Ends) -> float:
        """``p`` where it is a number."""
        return self.p if isinstance(self.p, float) else 1.0

    def probability(self, ends: Ends, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
        """``p`` where the condition holds for random numbers of no row, else 0."""
        return self.drawn(ends, pre, post, lambda k: counted_uniforms((0, 0), len(pre), stream=k))

    def drawn(self, ends: Ends, pre: np.ndarray, post: np.ndarray, uniforms: Uniforms) -> np.ndarray:
        """``p`` where the condition holds, else 0."""
        holds = self._holds(ends, pre, post, uniforms) if self._holds else self._asked(pre, post)
        if self._chance is not None:
            p = self._chance(ends, pre, post, uniforms)
        else:
            p = self.p if isinstance(self.p, float) else spread(self.p(*_indices(pre, post)), len(pre), f"{self!r}: p")  # pyright: ignore[reportCallIssue]
        return np.where(holds, p, 0.0)

    def _asked(self, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
        """What the function says."""
        holds = np.asarray(self.condition(*_indices(pre, post)))  # pyright: ignore[reportCallIssue]
        if holds.dtype != bool or holds.shape not in ((), pre.shape):
            raise ConnectivityError(
                f"{self!r}: the function returns {holds.dtype} {holds.shape} for {len(pre)} pairs; return one truth value for "
                f"each, such as i != j, with & and | between conditions, and give probabilities as p."
            )
        return holds

    def __repr__(self) -> str:
        condition, p = (_shown(given) for given in (self.condition, self.p))
        return f"Where({condition}, p={p}, autapses={self.autapses})"


def _indices(pre: np.ndarray, post: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return pre.astype(np.int64), post.astype(np.int64)


def _shown(given: Any) -> str:
    if isinstance(given, str):
        return repr(given)
    return "<function>" if callable(given) else f"{given}"
