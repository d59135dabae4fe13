"""Cells that send several spikes in one step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError
from ranvier.units import ms

DOUBLE = torch.float64


def network(cell: rv.Cell, dtype: torch.dtype = DOUBLE, **how: Any) -> rv.Sequential:
    return rv.Sequential(cell, dt=1 * ms, dtype=dtype, **how)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("batch", [1, 7])
def test_it_counts_what_arrives(provider: str, dtype: torch.dtype, batch: int) -> None:
    """Within its range, what was sent differs from T*x by half a spike at most, after every step."""
    x = (drawn(batch, 40) * 4 - 1.5).to(dtype)
    net = network(rv.MultiSpikeIF(levels=5, low=3, V_th=0.5), dtype, provider=provider)
    out = net(x.expand(20, *x.shape))[0]
    assert bool((out == out.round()).all())
    assert float(out.min()) >= -3
    assert float(out.max()) <= 5
    steps = torch.arange(1, 21, dtype=dtype).reshape(-1, 1, 1)
    assert float((steps * x - 0.5 * out.cumsum(0)).abs().max()) <= 0.25 + 1e-5
    assert torch.equal(out[0], torch.floor(x / 0.5 + 0.5).clamp(-3, 5))


def test_one_step_is_several_of_plain_cells() -> None:
    """One step with L levels sends what a cell without leak sends in L steps of x/L, from half a threshold."""
    x = drawn(1, 3, 50) * 3 - 1
    few = network(rv.MultiSpikeIF(levels=8, V_th=0.25))(x)[0][0]
    many = network(rv.IF(V_th=0.25, v=0.125))(x.expand(8, 3, 50) / 8)[0].sum(0)
    inside = (x[0] / 0.25 + 0.5) % 1 > 1e-6
    assert torch.equal(few[inside], many[inside])
    assert int(inside.sum()) > 100


def test_every_cell_may_have_its_own_levels() -> None:
    levels, V_th = np.array([1, 4, 2]), np.array([1.0, 0.25, 0.5])
    out = network(rv.MultiSpikeIF(3, levels=levels, V_th=V_th))(torch.full((1, 2, 3), 5.0, dtype=DOUBLE))[0]
    assert out[0, 1].tolist() == [1, 4, 2]


def test_the_gradient_passes_the_floor() -> None:
    x = torch.tensor([[[0.3, 1.2, 5.0, -0.4]]], dtype=DOUBLE, requires_grad=True)
    network(rv.MultiSpikeIF(levels=3, V_th=0.5))(x)[0].sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [2, 2, 0, 0]


def test_files_and_steps(tmp_path: Path) -> None:
    net, x = network(rv.MultiSpikeIF(6, levels=3, low=1)), drawn(9, 2, 6) * 3 - 1
    out = net(x)[0]
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(x)[0], out)
    state, rows = None, []
    for row in x:
        one, state = net.step(row, state)
        rows.append(one)
    assert torch.equal(torch.stack(rows), out)
    spikes = net.observe(x, record={"multispike1": ["spikes"]})["multispike1"]["spikes"]
    assert torch.equal(spikes != 0, out != 0)


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: rv.MultiSpikeIF(3, V_th=0.0), "V_th=0.0 must be above 0"),
    (lambda: rv.MultiSpikeIF(3, levels=0), "levels=0 must be above 0"),
    (lambda: rv.MultiSpikeIF(3, levels=1.5), "levels=1.5 must be whole numbers"),
    (lambda: rv.MultiSpikeIF(3, low=-1), "low=-1 must be whole numbers of spikes, 0 or more"),
    (lambda: rv.MultiSpikeIF(3, levels=True), "levels=True must be a whole number"),
    (lambda: rv.MultiSpikeIF(3, levels=rv.Learn(2.0)), "must be a whole number, or an array"),
    (lambda: rv.MultiSpikeIF(2, levels=[2, 0.5]), "must be whole numbers"),
    (lambda: rv.MultiSpikeIF(3, reset="v = 0"), "reset"),
    (lambda: rv.MultiSpikeIF(3, emit="v"), "emit"),
    (lambda: rv.MultiSpikeIF(3, threshold=1.0), "V_th=1.0"),
]


@pytest.mark.parametrize(("make", "words"), MISTAKES)
def test_mistakes_are_named(make: Callable[[], object], words: str) -> None:
    with pytest.raises(EquationError, match=words):
        make()
