"""Synchrony of pairs: its definition, gradients, steps, providers, files, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, ShapeError
from ranvier.units import ms, mV

Tensor = torch.Tensor


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def network(dtype: torch.dtype = torch.float64, provider: str | None = None, **values: object) -> rv.Sequential:
    block = rv.blocks.synchrony(6, 10, generator=seeded(), **values)  # pyright: ignore[reportArgumentType]
    return rv.Sequential(block, dt=1 * ms, dtype=dtype, provider=provider, seed=0)


def spikes(steps: int, batch: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return (torch.rand(steps, batch, 6, generator=seeded()) < 0.4).to(dtype)


def direct(net: rv.Sequential, x: Tensor, trace: float, tau: Tensor) -> Tensor:
    """The definition: sums over all pairs of steps."""
    first, second = (m.weight.argmax(1) for m in net.modules() if isinstance(m, rv.Linear))
    ago = torch.arange(len(x))[:, None] - torch.arange(len(x)).to(x)
    z = torch.einsum("ts,sbn->tbn", torch.exp(-ago / trace).tril(), x)
    weights = torch.exp(-ago[..., None] / tau) * (ago >= 0)[..., None]
    return torch.einsum("tsp,sbp->tbp", weights, z[..., first] * z[..., second]) / weights.sum(1).sqrt()[:, None]


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_it_is_its_definition_with_the_gradients(provider: str, batch: int) -> None:
    net = network(provider=provider, trace=2.5 * ms)
    x = spikes(20, batch).requires_grad_()
    tau = net.get_parameter("synchrony1.tau")
    out, wanted = net(x)[0], direct(net, x, 2.5, tau)
    torch.testing.assert_close(out, wanted, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(out)
    ours, theirs = (torch.autograd.grad((y * weights).sum(), [x, tau]) for y in (out, wanted))
    for a, b in zip(ours, theirs, strict=True):
        assert bool(b.any())
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


def test_steps_and_pieces_give_the_sequence() -> None:
    net, x = network(), spikes(12, 3)
    whole, _ = net(x)
    first, state = net(x[:5])
    rest, _ = net(x[5:], state)
    torch.testing.assert_close(torch.cat([first, rest]), whole, rtol=1e-12, atol=1e-12)
    state, rows = None, []
    for row in x:
        out, state = net.step(row, state)
        rows.append(out)
    torch.testing.assert_close(torch.stack(rows), whole, rtol=1e-12, atol=1e-12)


def test_single_precision_is_close() -> None:
    double, single = network(), network(torch.float32)
    single.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in double.state_dict().items()})
    torch.testing.assert_close(
        single(spikes(20, 2, torch.float32))[0].double(), double(spikes(20, 2))[0], rtol=1e-4, atol=1e-5
    )


def test_a_pair_that_fires_together_is_more_synchronous_than_one_that_alternates() -> None:
    net = rv.Sequential(rv.blocks.synchrony(2, 3, trace=1 * ms, tau=50 * ms), dt=1 * ms)
    first, second = (m.weight.argmax(1) for m in net.modules() if isinstance(m, rv.Linear))
    own, across = (first == second).nonzero()[0], (first != second).nonzero()[0]
    together, in_turn = torch.ones(20, 1, 2), torch.eye(2).repeat(10, 1)[:, None]
    both, turns = (net(x)[0][-1, 0] for x in (together, in_turn))
    assert float(both[across]) > 4 * float(turns[across])
    assert float(turns[own]) > 1.5 * float(turns[across])


def test_every_pair_is_drawn_once_and_kept_in_files(tmp_path: Path) -> None:
    net = rv.Sequential(rv.Linear(4, 6), rv.LIF(6), rv.blocks.synchrony(6, 21), rv.Linear(21, 2), dt=1 * ms, seed=0)
    maps = [m.weight.argmax(1) for m in net.modules() if isinstance(m, rv.Linear) and not m.weight.requires_grad]
    assert len({(int(i), int(j)) for i, j in zip(*maps, strict=True)}) == 21
    x = torch.rand(10, 2, 4)
    rv.save(net, tmp_path / "net")
    torch.testing.assert_close(rv.load(tmp_path / "net")(x)[0], net(x)[0], rtol=0, atol=0)


def test_training_leaves_the_choice_and_moves_the_memory() -> None:
    net = rv.Sequential(rv.blocks.synchrony(6, 10), rv.Linear(10, 2), dt=1 * ms, seed=0)
    maps = [m.weight for m in net.modules() if isinstance(m, rv.Linear) and not m.weight.requires_grad]
    before, tau = [m.clone() for m in maps], net.get_parameter("synchrony1.tau").detach().clone()
    rv.train(net, (spikes(8, 8, torch.float32).transpose(0, 1), torch.arange(8) % 2), epochs=2, lr=0.1, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(maps, before, strict=True))
    assert not torch.equal(net.get_parameter("synchrony1.tau"), tau)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"cells": 0}, ShapeError, "cells=0"),
        ({"cells": 2.5}, ShapeError, "cells=2.5"),
        ({"pairs": -1}, ShapeError, "pairs=-1"),
        ({"pairs": 22}, ShapeError, "6 cells have 21 pairs, got pairs=22"),
        ({"tau": 5 * mV}, DimensionError, "tau"),
        ({"trace": 3.0}, DimensionError, "trace"),
    ],
)
def test_mistakes_are_refused(change: dict[str, object], error: type[Exception], text: str) -> None:
    given = {"cells": 6, "pairs": 10, **change}
    with pytest.raises(error, match=text):
        rv.blocks.synchrony(**given)  # pyright: ignore[reportArgumentType]
