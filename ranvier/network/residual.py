"""A branch and the way past it, joined again: the parts of residual networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ranvier.network.branches import Branches, check_parts
from ranvier.network.order import GraphError
from ranvier.network.parts.population import Relay
from ranvier.neurons import Cell

__all__ = ["Residual"]

_JOINS = {"and": "branch*past", "iand": "(1 - branch)*past"}


class Residual(Branches):
    """Parts in a row, and what entered them, joined: y = join(branch(x), shortcut(x)), all in the same step.

    Whether spikes or currents are joined follows from the last part of the branch: ends it with a cell, spikes are (SEW);
    ends it with a transform, currents are (MS).

    Parameters
    ----------
    parts
        The branch: transforms, cells and further residuals, as in :class:`ranvier.Sequential`.
    shortcut
        Parts on the way past, where size or number of channels change; none by default.
    join
        ``"add"`` (a sum: the join is a relay), ``"and"`` (branch*past) or ``"iand"`` ((1 - branch)*past) of spikes.

    Raises
    ------
    GraphError
        Where a part is of another kind or the join is unknown.

    Source: Fang et al., NeurIPS 2021 (SEW); Hu et al., IEEE TNNLS 2024 (MS). :mod:`ranvier.blocks` has both ready-made.

    >>> block = rv.Residual(rv.Conv2d(64, 64, 3, padding=1), rv.ThresholdBatchNorm(64), rv.LIF(), join="iand")
    """

    def __init__(self, *parts: Any, shortcut: Sequence[Any] = (), join: str = "add") -> None:
        if not parts:
            raise GraphError("Residual needs at least one transform or cell in its branch.")
        if join != "add" and join not in _JOINS:
            raise GraphError(f"join={join!r} is unknown: use 'add', 'and' or 'iand'.")
        check_parts("shortcut", shortcut)
        self.parts, self.shortcut, self.join = parts, tuple(shortcut), join
        self.cell, branch, past = _join_of(join)
        self.ways = ((branch, self.parts), (past, self.shortcut))


def _join_of(join: str) -> tuple[Cell | Relay, str | None, str | None]:
    """The population that joins, and its ports for the branch and for the way past (None: its only one)."""
    if join == "add":
        return Relay(), None, None
    cell = Cell(f"y = {_JOINS[join]} : 1\nbranch : 1 (input)\npast : 1 (input)", emit="y", name="join")
    return cell, "branch", "past"
