"""A run in pieces beside one run, and the states of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from ranvier import Cell, Network, State
from ranvier.connectivity import AllToAll
from ranvier.units import ms

__all__ = ["diverging", "equal_states", "same_in_pieces"]


def equal_states(one: State, other: State) -> bool:
    """Whether two states have the same bits, in any order of names."""
    a, b = one.tensors(), other.tensors()
    same = a.keys() == b.keys() and all(torch.equal(a[n], b[n]) and a[n].dtype == b[n].dtype for n in a)
    return same and (one.step, one.stream, one.dt, one.times) == (other.step, other.stream, other.dt, other.times)


def diverging() -> Network:
    """Populations ``a`` and ``b`` whose v becomes infinite after some steps of 0.1 ms."""
    cell = Cell("v' = v*v + x : 1\nx : 1 (input)", threshold="v < -1", reset="v = 0")
    net = Network(dt=0.1 * ms, seed=1)
    for n in ("a", "b"):
        net.population(n, 3, cell, v=2.0)
    net.connect("a", "b", AllToAll(), to="x", weight=1.0)
    net.connect("b", "a", AllToAll(), to="x", weight=1.0)
    return net


def same_in_pieces(net: Network, record: Mapping[str, Sequence[str]], lengths: Iterable[float], stream: int) -> None:
    """Runs of ``lengths`` (ms), each from the state of the one before it, give the bits of one run: v of ``cells``, and the state."""
    lengths = tuple(lengths)
    whole = net.run(sum(lengths) * ms, stream=stream, record=record)
    state, pieces = None, []
    for length in lengths:
        part = net.run(length * ms, state, stream=stream, record=record)
        state = part.state
        pieces.append(part["cells"].v)
    np.testing.assert_array_equal(np.concatenate(pieces), whole["cells"].v)
    assert state is not None
    assert all(torch.equal(t, whole.state.tensors()[n]) for n, t in state.tensors().items())
