"""``v_before`` is v when the threshold is tested: recorded, emitted and differentiated beside v after the reset."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms, nA

STEPS, BATCH, CELLS = 30, 2, 5


def drive(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(STEPS, BATCH, CELLS, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(dtype)


def by_hand(x: torch.Tensor, gain: torch.Tensor, reset: str) -> dict[str, torch.Tensor]:
    """A LIF cell in plain torch, with ArcTan behind its spikes; ``reset`` is soft, hard or detached."""
    beta, v, seen = 0.8, torch.zeros_like(x[0]), {"v": [], "v_before": [], "spikes": []}
    for now in x:
        before = beta * v + gain * now
        smooth = torch.atan(torch.pi / 2 * 2.0 * (before - 1.0)) / torch.pi
        spike = smooth + ((before > 1.0).to(x.dtype) - smooth).detach()
        passed = spike.detach() if reset == "detached" else spike
        v = before * (1 - passed) if reset == "hard" else before - passed
        for name, value in (("v", v), ("v_before", before), ("spikes", spike)):
            seen[name].append(value)
    return {n: torch.stack(values) for n, values in seen.items()}


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("reset", ["soft", "hard", "detached"])
def test_both_sides_of_the_reset_and_their_gradients(provider: str, reset: str) -> None:
    cell = rv.LIF(CELLS, tau=-1 / torch.tensor(0.8, dtype=torch.float64).log().item() * ms, reset="v = 0" if reset == "hard" else "v -= V_th")  # fmt: skip
    net = rv.Sequential(cell, dt=1 * ms, dtype=torch.float64, provider=provider)
    gain = torch.full((), 1.7, dtype=torch.float64, requires_grad=True)
    x = drive()
    how = "detached" if reset == "detached" else "surrogate"
    seen = net.observe(x * gain, record={"lif1": ["v", "v_before", "spikes"]}, reset=how)["lif1"]
    expected = by_hand(x, gain, reset)
    assert expected["spikes"].sum() > 20
    for name, value in expected.items():
        assert torch.allclose(seen[name], value, rtol=1e-12, atol=1e-12), name
    for name in ("v", "v_before"):
        found, wanted = (
            torch.autograd.grad((s[name] ** 2).sum(), gain, retain_graph=True)[0] for s in (seen, expected)
        )
        assert torch.allclose(found, wanted, rtol=1e-9), name


def test_a_run_records_both_sides() -> None:
    net = rv.Network(dt=0.5 * ms)
    net.population("cells", 3, rv.CurrentLIF(I_e=1 * nA))
    run = net.run(60 * ms, record={"cells": ["v", "v_before", "spikes"]})["cells"]
    fired = run.v != run.v_before
    assert fired.sum() == len(run.spikes) > 3
    assert (run.v_before[fired] >= -50).all()
    assert (run.v[fired] == -65).all()


def test_a_circuit_records_both_sides() -> None:
    net = rv.Network(dt=0.5 * ms, seed=2)
    net.population("cells", 40, rv.CurrentLIF(I_e=0.6 * nA), v=rv.Uniform(-65 * rv.units.mV, -50 * rv.units.mV))
    net.connect("cells", "cells", rv.FixedProbability(0.2), to="I", weight=0.05 * nA)
    records = []
    for provider in ("cpu", "reference"):
        net.provider = provider
        records.append(net.run(40 * ms, record={"cells": ["v", "v_before"]}, stream=1)["cells"])
    assert abs(records[0].v_before - records[1].v_before).max() < 1e-3
    assert (records[0].v_before != records[0].v).any()


def test_it_can_be_emitted_and_is_v_where_nothing_resets_it() -> None:
    text = "v' = 0.5*v + x : 1\nw' = 0.5*w + x : 1\nx : 1 (input)"
    cell = rv.Cell(text, threshold="v > 1", reset="v = 0", emit="v_before", size=CELLS, name="lif")
    net = rv.Sequential(cell, dt=1 * ms, dtype=torch.float64)
    out, _ = net(2 * drive())
    seen = net.observe(2 * drive(), record={"lif1": ["v_before", "w", "w_before"]})["lif1"]
    assert torch.equal(out, seen["v_before"])
    assert torch.equal(seen["w"], seen["w_before"])


def test_a_variable_of_that_name_is_meant_where_there_is_one() -> None:
    text = "v' = 0.5*v + x : 1\nv_before' = v : 1\nx : 1 (input)"
    net = rv.Sequential(rv.Cell(text, threshold="v > 1", reset="v = 0", size=CELLS, name="lif"), dt=1 * ms)
    seen = net.observe(drive(torch.float32), record={"lif1": ["v", "v_before"]})["lif1"]
    assert torch.equal(seen["v_before"][1:], seen["v"][:-1])


def test_the_names_that_can_be_recorded_are_listed() -> None:
    net = rv.Sequential(rv.LIF(CELLS), dt=1 * ms)
    with pytest.raises(RanvierError, match="v_before"):
        net.observe(drive(torch.float32), record={"lif1": ["v_after"]})
