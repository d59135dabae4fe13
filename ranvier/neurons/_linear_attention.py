"""The memory of linear attention: one cell for each pair of a key and a value, a synapse that learns by Hebb's rule."""

from __future__ import annotations

from typing import Any

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import checked
from ranvier.units import ms
from ranvier.values import flag

__all__ = ["LinearAttention"]


def LinearAttention(
    size: tuple[int, ...] | None = None, *, tau: Any = 64 * ms, past_only: bool = False, **options: Any
) -> Cell:
    """The state of linear attention, S' = exp(-dt/tau)*S + k v^T, read by q: y[i, j] = q[i]*S'[i, j].

    Cell [i, j] is the synapse between key i and value j, and k*v is Hebb's rule. The sum of y over i is what attention gives,
    sum over s of exp(-(t - s)*dt/tau)*(q[t] . k[s])*v[s]. ``torch.nn.AvgPool2d((keys, 1))`` behind the cells takes the mean over keys.

    Parameters
    ----------
    size
        [heads, keys, values].
    tau
        Time constant with which a stored pair decays [ms].
    past_only
        Read before this step is stored, y[i, j] = q[i]*exp(-dt/tau)*S[i, j].
    options
        More for :class:`Cell`.

    Ports k, v and q [1]: k and q as [heads, keys, 1], v as [heads, 1, values], which spread over the pairs.

    Raises
    ------
    EquationError, DimensionError
        For a size without three axes, an unknown word, or a value with the wrong unit.

    Source: Katharopoulos et al., ICML 2020 (linear attention); Schlag et al., ICML 2021 (fast weights).

    >>> keys, values = [rv.Linear(16, 8), nn.Unflatten(-1, (1, 8, 1))], [rv.Linear(16, 4), nn.Unflatten(-1, (1, 1, 4))]
    >>> memory = rv.Branches(rv.LinearAttention((1, 8, 4)), k=keys, v=values, q=keys)
    >>> net = rv.Sequential(rv.Linear(3, 16), memory, nn.AvgPool2d((8, 1)), nn.Flatten(), dt=1*ms)
    """
    if size is not None and (not isinstance(size, tuple) or len(size) != 3):
        raise EquationError(f"size={size!r}: give (heads, keys, values), such as (1, 32, 32).", line="LinearAttention")
    now = "" if flag(past_only, "LinearAttention: past_only") else " + k*v"
    return Cell(
        f"""
        y' = q*(exp(-dt/tau)*S{now}) : 1
        S' = exp(-dt/tau)*S + k*v : 1
        k : 1 (input)
        v : 1 (input)
        q : 1 (input)
        """,
        emit="y", name="attention", size=size, tau=tau, **checked("LinearAttention", options, tau=tau),
    )  # fmt: skip
