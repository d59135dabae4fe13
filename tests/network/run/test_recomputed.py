"""Steps that are computed again on the way back: other parameters are refused, running statistics are counted once."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import StateError
from ranvier.units import Hz, ms


def _circuit() -> rv.Network:
    net = rv.Network(dt=1 * ms, seed=4, dtype=torch.float64)
    net.source("input", rv.Poisson(300 * Hz, 6))
    net.population("cells", 6, rv.LIF(tau=rv.Learn(5 * ms)))
    net.connect("input", "cells", rv.OneToOne(), weight=rv.Learn(0.6))
    net.connect("cells", "cells", rv.FixedProbability(0.5), weight=rv.Learn(0.3), name="loop")
    return net


def _run(net: rv.Network, **how: object) -> torch.Tensor:
    return net.run(20 * ms, stream=1, grad=True, record={"cells": ["v"]}, **how)["cells"].v.sum()  # type: ignore[call-overload]


@pytest.mark.parametrize("change", ["loop", "tau"])
def test_a_parameter_that_changed_before_the_backward_pass_is_refused(change: str) -> None:
    whole, net = _circuit(), _circuit()
    _run(whole).backward()
    _run(net, segment=6 * ms).backward()
    for p, q in zip(whole.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)
    loss = _run(net, segment=6 * ms)
    with torch.no_grad():
        next(q for n, q in net.named_parameters() if change in n).mul_(2)
    with pytest.raises(StateError, match=r"changed between a run and its backward pass.*call backward before"):
        loss.backward()


NORMS: dict[str, Callable[[], list[nn.Module | rv.Cell]]] = {
    "over time": lambda: [rv.ThresholdBatchNorm(8), rv.LIF(8, tau=5 * ms)],
    "of torch": lambda: [nn.BatchNorm1d(8), rv.LIF(8, tau=5 * ms)],
    "on the membrane": lambda: [rv.MembraneNorm(rv.LIF(8, tau=5 * ms))],
}


@pytest.mark.parametrize("norm", NORMS)
def test_running_statistics_are_counted_once(norm: str) -> None:
    """As in windows of the same length, which are run once."""
    torch.manual_seed(0)
    net = rv.Sequential(rv.Linear(5, 8), *NORMS[norm](), rv.Linear(8, 2), rv.LeakyReadout(2), dt=1 * ms)
    other, x = copy.deepcopy(net), 3 * torch.rand(10, 4, 5)
    net(x, checkpoint=4)[0].sum().backward()
    other(x, window=4)[0].sum().backward()
    found, wanted = dict(net.named_buffers()), dict(other.named_buffers())
    assert any("running_mean" in n and bool(t.any()) for n, t in wanted.items())
    for n, t in wanted.items():
        torch.testing.assert_close(found[n], t)
