"""The Hebbian state of linear attention is attention, in sequences, single steps and the Dragon Hatchling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import DimensionError, EquationError, ShapeError
from ranvier.units import ms

Tensor = torch.Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, tau: float, past_only: bool) -> Tensor:
    """The definition: weights q.k of all steps so far, which decay."""
    steps = torch.arange(len(q))
    ago = (steps[:, None] - steps).clamp(min=0).to(q)
    seen = steps[:, None] > steps if past_only else steps[:, None] >= steps
    weights = torch.einsum("tbk,sbk->bts", q, k) * torch.exp(-ago / tau) * seen
    return torch.einsum("bts,sbv->tbv", weights, v)


@pytest.mark.parametrize("past_only", [False, True])
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_the_synapses_are_attention_with_its_gradients(provider: str, batch: int, past_only: bool) -> None:
    torch.manual_seed(0)
    net = rv.Network(dt=1 * ms, dtype=torch.float64, provider=provider)
    net.population("memory", None, rv.LinearAttention((1, 5, 3), tau=6 * ms, past_only=past_only), output=True)
    for port, size, shape in (("k", 5, (1, 5, 1)), ("q", 5, (1, 5, 1)), ("v", 3, (1, 1, 3))):
        net.connect(net.input(port, size), "memory", nn.Unflatten(-1, shape), to=port, same_step=True)
    x = {p: torch.randn(20, batch, n, dtype=torch.float64).requires_grad_() for p, n in (("k", 5), ("v", 3), ("q", 5))}
    out = net(x)[0].sum((2, 3))
    wanted = attention(x["q"], x["k"], x["v"], 6, past_only)
    torch.testing.assert_close(out, wanted, rtol=1e-11, atol=1e-12)
    weights = torch.randn_like(out)
    ours, theirs = (torch.autograd.grad((y * weights).sum(), list(x.values())) for y in (out, wanted))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


def hatchling(**options: object) -> rv.Sequential:
    torch.manual_seed(0)
    body = rv.blocks.dragon_hatchling(6, 10, tau=8 * ms)
    return rv.Sequential(
        rv.Linear(9, 6), nn.LayerNorm(6), *body, *body, rv.Linear(6, 9), dt=1 * ms, dtype=torch.float64, **options
    )  # fmt: skip


def test_a_dragon_hatchling_is_its_equations() -> None:
    body = rv.blocks.dragon_hatchling(6, 10, tau=8 * ms)
    net = rv.Sequential(nn.LayerNorm(6, elementwise_affine=False), *body, dt=1 * ms, dtype=torch.float64)
    x = torch.randn(15, 3, 6, dtype=torch.float64)
    rise, up, down = (q for q in net.parameters() if q.ndim == 2)
    v = nn.functional.layer_norm(x, (6,))
    keys = (v @ rise.T).relu()
    read = nn.functional.layer_norm(attention(keys, keys, v, 8, True) / 10, (6,))
    y = (read @ up.T).relu() * keys
    wanted = nn.functional.layer_norm(v + nn.functional.layer_norm(y @ down.T, (6,)), (6,))
    torch.testing.assert_close(net(x)[0], wanted, rtol=1e-9, atol=1e-10)


def test_its_passes_share_weights_and_its_stream_is_the_sequence(tmp_path: Path) -> None:
    net = hatchling()
    assert len(list(net.parameters())) == 2 + 2 + 1 + 2 + 1 + 1 + 2 + 2 + 2  # one layer, although it stands twice
    x = rv.encoding.tokens(torch.randint(9, (20, 2)), 9, dtype=torch.float64)
    whole, _ = net(x)
    state, rows = None, []
    for now in x:
        y, state = net.step(now, state)
        rows.append(y)
    torch.testing.assert_close(torch.stack(rows), whole, rtol=1e-10, atol=1e-11)
    rv.save(net, tmp_path / "net")
    torch.testing.assert_close(rv.load(tmp_path / "net")(x)[0], whole)
    torch.testing.assert_close(hatchling(provider="reference")(x)[0], whole, rtol=1e-10, atol=1e-11)


def test_every_activity_is_positive_and_some_are_silent() -> None:
    net = hatchling()
    seen = net.observe(
        rv.encoding.tokens(torch.randint(9, (20, 2)), 9, dtype=torch.float64), record={"active1": ["xy"]}
    )
    assert bool((seen["active1"]["xy"] >= 0).all())
    assert 0 < float((seen["active1"]["xy"] > 0).double().mean()) < 0.8


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: rv.LinearAttention(5), EquationError, "heads, keys, values"),
        (lambda: rv.LinearAttention((5, 3)), EquationError, "heads, keys, values"),
        (lambda: rv.LinearAttention((1, 5, 0)), EquationError, "size"),
        (lambda: rv.LinearAttention((1, 5, 3), tau=5), DimensionError, "ms"),
        (lambda: rv.LinearAttention((1, 5, 3), tau=-5 * ms), EquationError, "above 0"),
        (lambda: rv.LinearAttention((1, 5, 3), decay=0.9), EquationError, "tau="),
        (lambda: rv.LinearAttention((1, 5, 3), emit="S"), EquationError, "emit"),
        (lambda: rv.LinearAttention((1, 5, 3), past_only="yes"), rv.errors.RanvierError, "past_only"),
        (lambda: rv.LinearAttention((1, 5, 3), heads=2), EquationError, "heads"),
        (lambda: rv.blocks.dragon_hatchling(0, 10), ShapeError, "channels=0"),
        (lambda: rv.blocks.dragon_hatchling(6, 1.5), ShapeError, "neurons=1.5"),
        (lambda: rv.blocks.dragon_hatchling(6, 10, tau=5), DimensionError, "ms"),
    ],
)
def test_mistakes_are_named(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
