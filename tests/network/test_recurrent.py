"""Cells that project to themselves through a rule for single synapses."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms

CELLS = 4
EYE = torch.eye(CELLS, dtype=torch.float64)


def network(part: rv.Recurrent, provider: str = "cpu") -> rv.Sequential:
    torch.manual_seed(6)
    return rv.Sequential(rv.Linear(3, CELLS), part, dt=1 * ms, seed=2, dtype=torch.float64, provider=provider)


def matrix(weights: torch.Tensor) -> rv.Linear:
    linear = rv.Linear(CELLS, CELLS, bias=False, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(weights)
    return linear


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("rule", ["each to itself", "each to the others"])
def test_single_synapses_equal_the_matrix_that_they_are(rule: str, provider: str) -> None:
    cell = rv.LIF(CELLS, tau=5 * ms)
    if rule == "each to itself":
        synapses, weights = rv.Recurrent(cell, rv.OneToOne(), weight=rv.Learn(-0.5)), -0.5 * EYE
    else:
        others = rv.AllToAll(autapses=False)
        synapses, weights = rv.Recurrent(cell, others, weight=rv.Learn(0.2)), 0.2 * (1 - EYE)
    ours, theirs = network(synapses, provider), network(rv.Recurrent(cell, matrix(weights)), provider)
    x = 2 * torch.randn(30, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (a, _), (b, _) = ours(x), theirs(x)
    assert torch.equal(a, b)
    assert a.sum() > 20
    found, whole = (
        torch.autograd.grad((out * torch.arange(CELLS)).sum(), list(n.parameters()))
        for out, n in ((a, ours), (b, theirs))
    )
    torch.testing.assert_close(found[:2], whole[:2], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found[2], whole[2].T[weights.T != 0], rtol=1e-10, atol=1e-12)


def test_a_delay_of_single_synapses_comes_on_top_of_the_step() -> None:
    x = torch.zeros(8, 1, CELLS)
    x[0, 0, 0] = 2.0
    cell = rv.LIF(CELLS, tau=1e6 * ms, reset="v = 0")
    net = rv.Sequential(rv.Recurrent(cell, rv.OneToOne(), weight=1.5, delay=2 * ms), dt=1 * ms)
    out, _ = net(x)
    assert out[:, 0, 0].tolist() == [1, 0, 0, 1, 0, 0, 1, 0]


def test_a_rule_needs_the_number_of_cells() -> None:
    with pytest.raises(RanvierError, match="number of cells"):
        rv.Sequential(rv.Linear(3, CELLS), rv.Recurrent(rv.LIF(), rv.OneToOne()), dt=1 * ms)


def test_weights_of_a_transform_are_its_own() -> None:
    with pytest.raises(RanvierError, match="weights of its own"):
        rv.Sequential(rv.Recurrent(rv.LIF(CELLS), rv.Linear(CELLS, CELLS), weight=0.5), dt=1 * ms)
