"""The weighted average over the past of RWKV: attention whose weights decay, with a state of three numbers."""

from __future__ import annotations

from typing import Any

from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import checked
from ranvier.units import ms
from ranvier.values import Learn, LogNormal

__all__ = ["WKV"]

#: below any logarithm of a weight: nothing was seen yet
_NOTHING = -1e30


def WKV(size: int | tuple[int, ...] | None = None, *, tau: Any = None, bonus: Any = None, **options: Any) -> Cell:
    """A gated average of all values v so far, weighted by exp(k) and by how long ago they were.

    y[t] = sigmoid(r[t])*(sum over s < t of exp(k[s] - (t - 1 - s)*dt/tau)*v[s] + exp(bonus + k[t])*v[t])
    / (the same sum without v), computed step by step: ``total`` and ``weight`` hold both sums times exp(-``most``), where
    ``most`` is the largest exponent so far, so that no exponential overflows and a stream of any length runs.

    Parameters
    ----------
    size
        Number of cells (channels), or a shape.
    tau
        Time constant with which the weight of a value decays [ms]; None: learnt for each cell, drawn from a log-normal distribution around 5 ms.
    bonus
        Added to k for the present value [1]; None: learnt for each cell, 0 at the start.
    options
        More for :class:`Cell`.

    Ports k, v and r [1]; without a projection to r the gate is 1/2. The cells do not fire: y [1] drives others.

    Raises
    ------
    EquationError, DimensionError
        For an unknown word, or a value with the wrong unit.

    Source: Peng et al., EMNLP Findings 2023 (RWKV); Zhu et al., TMLR 2024 (SpikeGPT).

    >>> mixed = rv.Branches(rv.WKV(64), k=[rv.Linear(64, 64)], v=[rv.Linear(64, 64)], r=[rv.Linear(64, 64)])
    >>> net = rv.Sequential(rv.Linear(20, 64), rv.LIF(64), mixed, rv.LIF(64), rv.Linear(64, 20), rv.LeakyReadout(20), dt=1*ms)
    """
    tau = Learn(LogNormal(5 * ms, 1.5), min=0.1 * ms) if tau is None else tau
    bonus = Learn(0.0, each=True) if bonus is None else bonus
    return Cell(
        """
        largest = maximum(most, k + bonus) : 1
        new = exp(k + bonus - largest) : 1
        old = exp(most - largest) : 1
        y' = sigmoid(r)*(old*total + new*v)/(old*weight + new) : 1
        next = detach(maximum(most - dt/tau, k)) : 1
        total' = exp(most - dt/tau - next)*total + exp(k - next)*v : 1
        weight' = exp(most - dt/tau - next)*weight + exp(k - next) : 1
        most' = next : 1
        k : 1 (input)
        v : 1 (input)
        r : 1 (input)
        """,
        emit="y", name="wkv", size=size, tau=tau, bonus=bonus,
        **{"most": _NOTHING, **checked("WKV", options, tau=tau)},
    )  # fmt: skip
