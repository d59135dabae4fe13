"""Parallel spiking neurons equal their formula in torch, spikes and gradients, and train."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.units import ms

Tensor = torch.Tensor


@pytest.mark.parametrize("order", [None, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spikes_and_gradients_equal_the_formula(order: int | None, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    parts = rv.PSN(6, steps=15, order=order, surrogate=rv.surrogates.Sigmoid(alpha=4.0))
    net = rv.Sequential(*parts, dt=1 * ms, dtype=dtype)
    matrix, _ = parts
    with torch.no_grad():
        matrix.weight *= 4
    x = torch.randn(15, 3, 6, dtype=dtype, requires_grad=True)
    upstream = torch.randn(15, 3, 6, dtype=dtype)
    out, _ = net(x)
    (out * upstream).sum().backward()
    assert 0.05 < float(out.detach().mean()) < 0.6

    W, b = (p.detach().clone().requires_grad_() for p in (matrix.weight, matrix.bias))
    assert b.tolist() == [-1.0] * 15
    mask = torch.ones(15, 15, dtype=dtype)
    mask = mask if order is None else mask.tril() * mask.triu(-(order - 1))
    other = x.detach().clone().requires_grad_()
    h = torch.addmm(b.unsqueeze(1), W * mask, other.flatten(1)).view_as(other)
    soft = torch.sigmoid(4.0 * h)
    spikes = (h >= 0).to(dtype) + soft - soft.detach()
    (spikes * upstream).sum().backward()
    assert torch.equal(out, (h >= 0).to(dtype))
    for ours, theirs in ((x.grad, other.grad), (matrix.weight.grad, W.grad), (matrix.bias.grad, b.grad)):
        torch.testing.assert_close(ours, theirs)


def test_a_masked_one_of_equal_rows_is_a_sliding_one() -> None:
    matrix, cells = rv.PSN(3, steps=20, order=4)
    with torch.no_grad():
        matrix.weight.zero_()
        for i in range(4):
            matrix.weight += torch.diag(torch.full((20 - i,), 0.5**i), -i)
    x = torch.randn(20, 2, 3)
    sliding = rv.SlidingPSN(3, order=4).layer(dt=1 * ms)
    whole = rv.Sequential(matrix, cells, dt=1 * ms)(x)[0]
    assert torch.equal(whole, sliding(x)[0])
    assert whole.any()


def test_it_learns_an_order_of_events() -> None:
    torch.manual_seed(0)
    x = torch.zeros(200, 12, 2)
    y = torch.arange(200) % 2
    first, gap = torch.randint(0, 5, (200,)), torch.randint(2, 6, (200,))
    for k in range(200):
        a, b = (0, 1) if y[k] == 0 else (1, 0)
        x[k, first[k], a], x[k, first[k] + gap[k], b] = 1, 1
    net = rv.Sequential(
        rv.Linear(2, 32), *rv.PSN(32, steps=12), rv.Linear(32, 2), rv.LeakyReadout(2, tau=20 * ms), dt=1 * ms
    )
    rv.initialize(net, x.transpose(0, 1), rate=0.2)
    fit = rv.train(net, (x, y), epochs=30, lr=0.01, progress=False)
    assert fit.history[-1].train.metrics["accuracy"] > 0.9


def test_likely_mistakes_name_the_remedy() -> None:
    with pytest.raises(rv.errors.EquationError, match="thresholds of PSN are learnt"):
        rv.PSN(6, steps=5, V_th=1.0)
    with pytest.raises(rv.errors.RanvierError, match=r"unpack it with a star: .*\*rv\.PSN"):
        rv.Sequential(rv.Linear(7, 6), rv.PSN(6, steps=5), dt=1 * ms)
