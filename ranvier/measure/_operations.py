"""Counting the operations of a network on samples."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ranvier.errors import ShapeError
from ranvier.measure._counter import Counter
from ranvier.measure._neurobench import NeuroBench
from ranvier.measure._report import Operations, Row, Uncounted
from ranvier.measure.following import tensors
from ranvier.measure.walk import walk
from ranvier.network import Network

__all__ = ["operations"]

Tensor = torch.Tensor
CONVENTIONS: dict[str, type[Counter]] = {"elements": Counter, "neurobench": NeuroBench}


def operations(
    net: nn.Module, x: Any, *more: Any, convention: str = "elements", samples_axis: int | None = None, **how: Any
) -> Operations:
    """Count what ``net(x, *more, **how)`` computes: multiplications, additions and updates of states, element by element.

    A copy of ``net`` runs in evaluation mode. A product of two numbers costs nothing if one of them is 0, an addition (AC) if one is 1 or -1,
    and a multiplication with an addition (MAC) otherwise. So counts of a sample do not depend on its batch. Numbers outside of a
    convolution's input meet no weight. A spike is counted where it arrives: behind a delay that is after the last step, it is not.

    - Matrices, convolutions, single synapses, recurrence, delays and attention are products. Biases are no operations.
    - A norm that weights hold costs nothing. Any other costs a MAC for each number (a layer or group norm two, and an AC).
    - Where several projections meet, one without weights adds an AC for each number that is not 0. Averages and sums are ACs, too.
    - Products of single numbers are MACs, unless a 0, 1 or -1 chooses.
    - Comparisons and moves cost nothing.
    - A population advances each of its states in each step (``updates``); the operations of its equations are a column of their own.

    All else, such as an exponential, is listed in ``uncounted``.

    Parameters
    ----------
    net
        A network or layer, or any module that may contain some.
    x, more, how
        The arguments of its call: x [T, B, …] for a network.
    convention
        ``"elements"``, or ``"neurobench"`` for what NeuroBench 2.3 counts, with the differences that ``docs/measuring.md`` lists.
    samples_axis
        The axis of ``x`` that counts samples; by default 1 where there is a network in ``net``, else 0.

    Raises
    ------
    ShapeError
        Where ``net`` is no module, the convention is unknown, the axis does not exist, there are no samples, or ``lengths`` are given.

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> counts = rv.measure.operations(net, torch.rand(10, 4, 20).round().clamp(min=1))
    >>> counts.macs, counts["linear1"].acs
    (0.0, 24000)
    """
    if not isinstance(net, nn.Module):
        raise ShapeError(
            f"operations takes a module, got {type(net).__name__}: give rv.Sequential, or any torch.nn.Module."
        )
    if convention not in CONVENTIONS:
        raise ShapeError(f"convention={convention!r} is unknown: there are {', '.join(map(repr, CONVENTIONS))}.")
    if how.get("lengths") is not None:
        raise ShapeError(
            "operations counts every step: give samples of one length at a time, without lengths=, and add the counts."
        )
    samples = _samples(net, x, samples_axis)
    counter = CONVENTIONS[convention]()
    with ExitStack() as plainly:
        plainly.enter_context(sdpa_kernel(SDPBackend.MATH))
        plainly.callback(torch.backends.mkldnn.set_flags, torch.backends.mkldnn.set_flags(False)[0])
        fast = torch.backends.mha.get_fastpath_enabled()
        plainly.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch.backends.mha.set_fastpath_enabled(False)
        walk(net, counter, x, *more, **how)
    rows = tuple(
        Row(
            place, *t.pairs, t.inputs, t.events, t.outputs, sum(n for _, n in t.weights.values()),
            sum(n for n, _ in t.weights.values()), t.updates, t.arithmetic, t.cells, t.spikes, t.slots, t.convolved, t.steps,
        )
        for place, t in counter.tallies.items()
    )  # fmt: skip
    held = [*net.parameters(), *net.buffers()]
    left = tuple(Uncounted(place, operation, n) for (place, operation), n in counter.uncounted.items())
    return Operations(
        rows, samples, left, sum(t.numel() * t.element_size() for t in held), counter.state_bytes, convention
    )  # fmt: skip


def _samples(net: nn.Module, x: Any, axis: int | None) -> int:
    """How many samples ``x`` holds."""
    if axis is None:
        axis = int(any(isinstance(getattr(m, "inner_network", None), Network) for m in net.modules()))
    found = tensors(x)
    if not found:
        raise ShapeError(f"operations needs tensors as x, got {type(x).__name__}: give a batch [T, B, …] or [B, …].")
    if not isinstance(axis, int) or not 0 <= axis < found[0].ndim:
        raise ShapeError(f"samples_axis={axis!r} is no axis of an input of shape {tuple(found[0].shape)}.")
    if not found[0].shape[axis]:
        raise ShapeError(f"an input of shape {tuple(found[0].shape)} has no samples along axis {axis}.")
    return found[0].shape[axis]
