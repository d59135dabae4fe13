"""Statements before firing: between the advance and the test of the threshold, in every step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError
from ranvier.kernels.step import NumpyStep
from ranvier.network import GraphError
from ranvier.units import ms, mV

DOUBLE = torch.float64
X = torch.rand(9, 3, 5, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)


def network(provider: str | None = None, dtype: torch.dtype = DOUBLE, **options: object) -> rv.Sequential:
    torch.manual_seed(0)
    cell = rv.LIF(5, tau=5 * ms, before_firing="v = gain*v; v = minimum(v, 1.2)", gain=rv.Learn(1.1), **options)
    return rv.Sequential(cell, rv.Linear(5, 2), rv.LeakyReadout(2), dt=1 * ms, dtype=dtype, provider=provider)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_they_come_between_advance_and_threshold(provider: str) -> None:
    seen = network(provider).observe(X, record={"lif1": ["v", "v_before", "spikes"]})["lif1"]
    v, beta = torch.zeros(3, 5, dtype=DOUBLE), np.exp(-1 / 5)
    for n, row in enumerate(X):
        u = (1.1 * (beta * v + row)).clamp(max=1.2)
        v = u - (u > 1).double()
        for name, want in (("v", v), ("v_before", u), ("spikes", (u > 1).double())):
            torch.testing.assert_close(seen[name][n], want, rtol=1e-6, atol=1e-7)
    assert 0.1 < float(seen["spikes"].detach().mean()) < 0.9


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_providers_agree(dtype: torch.dtype) -> None:
    """With the gradient of a parameter in the statements."""
    found = []
    for provider in ("cpu", "reference"):
        net = network(provider, dtype)
        out, _ = net(X.to(dtype))
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))))
    rtol = 1e-4 if dtype == torch.float32 else 1e-9
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol)
    assert float(found[0][1].abs().max()) > 0


def test_cut_saved_and_printed_as_a_step_graph(tmp_path: Path) -> None:
    net = network()
    wanted, _ = net(X)
    first, state = net(X[:4])
    torch.testing.assert_close(torch.cat([first, net(X[4:], state)[0]]), wanted)
    rv.save(net, tmp_path / "model")
    assert torch.equal(rv.load(tmp_path / "model")(X)[0], wanted)
    with torch.no_grad():
        (same := rv.Linear(5, 5, bias=False)).weight.copy_(torch.eye(5))
    cell, last = net.populations["lif1"].cell, net["linear1"]
    sized = rv.Sequential(same, cell, last, rv.LeakyReadout(2), dt=1 * ms, dtype=DOUBLE)
    plain = NumpyStep(rv.step_graph(sized))
    for row, out in zip(X[:, 0].numpy(), wanted[:, 0].detach().numpy(), strict=True):
        np.testing.assert_allclose(plain.step({"input_input": row})["output_readout1"], out, rtol=1e-9, atol=1e-12)


def test_a_frozen_variable_stays() -> None:
    cell = rv.Cell(
        "dv/dt = -v/tau + x/ms : 1 (unless refractory)\nx : 1 (input)", threshold="v > 1", reset="v = 0.5",
        refractory=3 * ms, before_firing="v += 0.1", tau=5 * ms,
    )  # fmt: skip
    net = rv.Sequential(cell, dt=1 * ms, dtype=DOUBLE)
    v = net.observe(torch.full((6, 1, 1), 1.1, dtype=DOUBLE), record={"cell1": ["v"]})["cell1"]["v"].flatten()
    assert v[:4].tolist() == [0.5] * 4
    assert float(v[4]) == 0.5  # free again, it fires at once


def test_it_ends_no_stage_of_an_integrator() -> None:
    """A bound at the threshold would be one of another membrane."""
    text = "dv/dt = v**2/ms : 1"
    bound = rv.Cell(text, threshold="v > 1", reset="v = 0", method="rk2", v=0.9)
    free = rv.Cell(text, threshold="v > 1", reset="v = 0", method="rk2", v=0.9, before_firing="v = v/10")
    assert "minimum" in str(bound.step().program.statements)
    assert "minimum" not in str(free.step().program.statements)


def test_mistakes() -> None:
    with pytest.raises(EquationError, match="before_firing='v = 0' needs a threshold"):
        rv.Cell("v' = v : 1", before_firing="v = 0")
    with pytest.raises(EquationError, match="assigns to 'w'"):
        rv.LIF(3, before_firing="w = 0")
    with pytest.raises(EquationError, match="is not text"):
        rv.LIF(3, before_firing=3)
    net = rv.Network(dt=1 * ms)
    x = net.input("x", 3)
    net.population("out", 2, rv.CurrentLIF(refractory=None, before_firing="v = maximum(v, E_L)"), output=True)
    net.connect(x, "out", rv.Linear(3, 2), to="I")
    with pytest.raises(GraphError, match=r"'out' sets v before it fires: give its cell before_firing=None"):
        net(torch.ones(3, 1, 3), reset="times")
    assert str(rv.CurrentLIF(before_firing="v = maximum(v, -70*mV)").explain()).count("before firing: v = ") == 1
    assert rv.CurrentLIF(V_th=-50 * mV).before_firing is None
