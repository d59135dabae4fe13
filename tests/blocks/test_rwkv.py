"""Spiking RWKV: spikes in front of every matrix, single steps as the sequence, the shift as a learnt delay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms

IDS = torch.randint(11, (24, 7), generator=torch.Generator().manual_seed(1))


def model(cell: Any = rv.LIF, norm: Any = rv.ThresholdBatchNorm, **options: Any) -> rv.Sequential:
    torch.manual_seed(0)
    net = rv.Sequential(
        rv.Linear(11, 8), *rv.blocks.rwkv(8, 12, cell=cell, norm=norm), rv.LIF(8), rv.Linear(8, 11),
        dt=1 * ms, dtype=torch.float64, **options,
    )  # fmt: skip
    with torch.no_grad():
        for projection in net.projections.values():
            for module in projection.chain:
                if isinstance(module, rv.Linear) and not module.weight.any():
                    nn.init.uniform_(module.weight, -1, 1)  # these start at 0
    return net


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize(
    "how", [{}, {"cell": None, "norm": nn.LayerNorm}, {"norm": None}], ids=["spikes", "none", "no norm"]
)
def test_both_providers_agree_and_steps_are_the_sequence(how: dict[str, Any], batch: int, tmp_path: Path) -> None:
    x, found = rv.encoding.tokens(IDS[:, :batch], 11, dtype=torch.float64), []
    for provider in ("cpu", "reference"):
        net = model(**how, provider=provider)
        out, _ = net(x)
        found.append(
            (out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()), allow_unused=True))
        )
    for a, b in zip(*found, strict=True):
        assert a is not None
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
    net = model(**how).eval()
    whole, _ = net(x)
    state, rows = None, []
    for now in x:
        y, state = net.step(now, state)
        rows.append(y)
    torch.testing.assert_close(torch.stack(rows), whole, rtol=1e-10, atol=1e-12)
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(x)[0], whole)


def test_every_matrix_gets_spikes_or_two_shifted_ones() -> None:
    net, x = model(), rv.encoding.tokens(IDS, 11, dtype=torch.float64)
    signal = {n: "spikes" if p.cell.fires else p.cell.emit for n, p in net.populations.items()}
    seen = net.observe(x, record={n: [s] for n, s in signal.items()})
    for p in net.projections.values():
        if any(isinstance(m, rv.Linear) for m in p.chain) and p.pre in net.populations:
            cell = net.populations[p.pre].cell
            emitted = seen[p.pre][signal[p.pre]]
            mix = net[p.pre].mix if cell.name == "shift" else torch.ones(emitted.shape[-1])
            levels = [torch.zeros_like(mix), torch.ones_like(mix), mix, 1 - mix]
            assert bool(torch.stack([(emitted - level).abs() < 1e-12 for level in levels]).any(0).all())


def test_a_block_starts_as_the_identity() -> None:
    net = rv.Sequential(rv.Relay(), *rv.blocks.rwkv(8), rv.Relay(), dt=1 * ms)
    x = torch.randn(5, 2, 8)
    torch.testing.assert_close(net(x)[0], x)


def test_the_shift_is_a_learnt_delay_of_at_most_a_step() -> None:
    torch.manual_seed(0)
    x = (torch.rand(20, 3, 6) < 0.4).double()
    matrix = rv.Linear(6, 4, bias=False)
    late = rv.Linear(6, 4, bias=False, delay=rv.Learn(rv.Uniform(0 * ms, 1 * ms), max=1 * ms), per="pre")
    cells = rv.Sequential(rv.blocks.token_shift(6), matrix, rv.Relay(), dt=1 * ms, dtype=torch.float64)
    delays = rv.Sequential(late, rv.Relay(), dt=1 * ms, dtype=torch.float64)
    mix = cells.shift1.mix
    with torch.no_grad():
        late.weight.copy_(matrix.weight)
        late.delay.position.copy_((1 - mix).view_as(late.delay.position))
    ours, theirs = cells(x)[0], delays(x)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(ours)
    a = torch.autograd.grad((ours * weights).sum(), [matrix.weight, mix])
    b = torch.autograd.grad((theirs * weights).sum(), [late.weight, late.delay.position])
    torch.testing.assert_close(a[0], b[0])
    torch.testing.assert_close(a[1], -b[1].view_as(mix))


def test_it_learns_to_recall_the_token_of_two_steps_ago() -> None:
    torch.manual_seed(0)
    ids = torch.randint(4, (16, 32))
    net = rv.Sequential(rv.Linear(4, 32), *rv.blocks.rwkv(32, 32), rv.LIF(tau=1 * ms), rv.Linear(32, 4), dt=1 * ms)
    x, y = rv.encoding.tokens(ids, 4), torch.cat([torch.zeros(2, 32, dtype=torch.long), ids[:-2]])
    fit = rv.train(net, (x.transpose(0, 1), y.t()), epochs=25, lr=1e-2, loss=rv.losses.EveryStep(), progress=False)
    assert fit.history[-1].train.loss < 0.7 * fit.history[0].train.loss


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: rv.blocks.rwkv(0), "channels=0"),
        (lambda: rv.blocks.rwkv(-4), "channels=-4"),
        (lambda: rv.blocks.rwkv(8, 0), "hidden=0"),
        (lambda: rv.blocks.rwkv(2.5), "channels=2.5"),
        (lambda: rv.blocks.time_mixing(True), "channels=True"),
        (lambda: rv.blocks.channel_mixing(8, -1), "hidden=-1"),
        (lambda: rv.blocks.channel_mixing("8"), "channels='8'"),
        (lambda: rv.blocks.token_shift(0), "channels=0"),
        (lambda: rv.Sequential(rv.Linear(3, 8), *rv.blocks.rwkv(9), dt=1 * ms), "(8|9)"),
        (lambda: rv.Sequential(rv.Linear(3, 8), *rv.blocks.rwkv(8), dt=1 * ms)(torch.rand(5, 3)), r"\[T, B, 3\]"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        make()
