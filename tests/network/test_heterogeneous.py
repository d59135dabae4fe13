"""Every parameter of a cell may differ between cells and be learnt, one value each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import ms
from tests.training.crossed.cells import Spike

N = 6
X = (torch.rand(12, 3, 4, generator=torch.Generator().manual_seed(0)) < 0.4).double()


def cell(**values: object) -> rv.Cell:
    """A LIF whose reset value is a parameter too."""
    text = "v' = beta*v + x : 1\nbeta = exp(-dt/tau) : 1\nx : 1 (input)"
    given = {"tau": 8 * ms, "V_th": 0.6, "V_r": 0.1, **values}
    return rv.Cell(text, threshold="v > V_th", reset="v = V_r", name="cell", size=N, **given)


LEARNT = {
    "tau": rv.Learn(rv.LogNormal(8 * ms, 0.4), min=1 * ms),
    "V_th": rv.Learn(rv.Uniform(0.4, 0.9)),
    "V_r": rv.Learn(rv.Normal(0.1, 0.05)),
}


def net(provider: str, **values: object) -> rv.Sequential:
    torch.manual_seed(0)
    first = rv.Linear(4, N)
    with torch.no_grad():
        first.weight.abs_().mul_(2)
        first.bias.fill_(0.3)  # so that every cell fires, and with it its reset value counts
    return rv.Sequential(
        first, cell(**values), rv.Linear(N, 2), rv.LeakyReadout(2), dt=1 * ms, dtype=torch.float64, provider=provider
    )


def by_hand(made: rv.Sequential) -> torch.Tensor:
    """The output, written out step by step with the surrogate of the network."""
    p, (first, second) = made.populations["cell1"], (made.projections[n].chain[0] for n in ("linear1", "linear2"))
    beta, v = torch.exp(-1 / p.tau), torch.zeros(X.shape[1], N, dtype=torch.float64)
    out, r, decay = [], torch.zeros(X.shape[1], 2, dtype=torch.float64), float(np.exp(-1 / 20))
    for x in X:
        v = beta * v + first(x)
        s = Spike.apply(v - p.V_th)
        v = v + s * (p.V_r - v)
        r = decay * r + (1 - decay) * second(s)
        out.append(r)
    return torch.stack(out)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_all_parameters_of_all_cells_have_their_own_gradient(provider: str) -> None:
    made = net(provider, **LEARNT)
    population = made.populations["cell1"]
    for name in LEARNT:
        value = getattr(population, name)
        assert isinstance(value, torch.nn.Parameter)
        assert value.shape == (N,)
        assert len(value.unique()) == N
    out, _ = made(X)
    wanted = by_hand(made)
    torch.testing.assert_close(out, wanted, rtol=1e-10, atol=1e-12)
    ours = torch.autograd.grad(out.square().sum(), list(made.parameters()))
    theirs = torch.autograd.grad(wanted.square().sum(), list(made.parameters()))
    for (name, _), a, b in zip(made.named_parameters(), ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-11, msg=name)
    for name in LEARNT:
        index = [n for n, _ in made.named_parameters()].index(f"cell1.{name}")
        assert int((ours[index] != 0).sum()) == N


def test_values_are_drawn_by_the_seed_and_the_name() -> None:
    one, two = net("cpu", **LEARNT), net("reference", **LEARNT)
    assert torch.equal(one.populations["cell1"].tau, two.populations["cell1"].tau)


@pytest.mark.parametrize(
    "value", [np.linspace(3, 9, N) * ms, rv.Uniform(3 * ms, 9 * ms)], ids=["array", "distribution"]
)
def test_what_differs_need_not_be_learnt(value: object) -> None:
    made = net("cpu", tau=value)
    assert made.populations["cell1"].tau.shape == (N,)
    assert "cell1.tau" not in dict(made.named_parameters())
    torch.testing.assert_close(made(X)[0], by_hand(made), rtol=1e-10, atol=1e-12)


def test_training_moves_every_cell_its_own_way() -> None:
    made = net("cpu", **LEARNT)
    before = {n: getattr(made.populations["cell1"], n).detach().clone() for n in LEARNT}
    rv.train(
        made,
        (X.transpose(0, 1), torch.tensor([0, 1, 0])),
        epochs=5,
        lr=1e-2,
        loss=rv.losses.MeanMembrane(),
        progress=False,
    )
    for name, old in before.items():
        moved = getattr(made.populations["cell1"], name).detach() - old
        assert int((moved != 0).sum()) == N
        assert len(moved.round(decimals=6).unique()) > 2
