"""The decaying weighted average of RWKV as a cell: its definition, its gradients, long streams, and mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, EquationError
from ranvier.units import ms

Tensor = torch.Tensor
PORTS = ("k", "v", "r")


def network(
    size: int = 5, dtype: torch.dtype = torch.float64, provider: str | None = None, **values: object
) -> rv.Network:
    net = rv.Network(dt=1 * ms, dtype=dtype, provider=provider)
    net.population("wkv", size, rv.WKV(**values), output=True)
    for port in PORTS:
        net.connect(net.input(port, size), "wkv", [], to=port, same_step=True)
    return net


def signals(steps: int, batch: int, dtype: torch.dtype = torch.float64, scale: float = 1.0) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {p: scale * torch.randn(steps, batch, 5, generator=draw).to(dtype) for p in PORTS}


def direct(x: dict[str, Tensor], tau: Tensor, bonus: Tensor) -> Tensor:
    """The definition: a softmax over all tokens so far."""
    k, v, r = (x[p] for p in PORTS)
    rows = []
    for t in range(len(k)):
        ago = torch.arange(t - 1, -1, -1, dtype=k.dtype)[:, None, None]
        weights = torch.softmax(torch.cat([k[:t] - ago / tau, (k[t] + bonus)[None]]), 0)
        rows.append(torch.sigmoid(r[t]) * (weights * v[: t + 1]).sum(0))
    return torch.stack(rows)


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_it_is_its_definition_with_the_gradients(provider: str, batch: int) -> None:
    torch.manual_seed(0)
    net = network(provider=provider, bonus=rv.Learn(rv.Normal(0, 1)))
    x = {p: s.requires_grad_() for p, s in signals(30, batch).items()}
    learnt = [*x.values(), net.wkv.tau, net.wkv.bonus]
    out, wanted = net(x)[0], direct(x, net.wkv.tau, net.wkv.bonus)
    torch.testing.assert_close(out, wanted, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(out)
    ours, theirs = (torch.autograd.grad((y * weights).sum(), learnt) for y in (out, wanted))
    for a, b in zip(ours, theirs, strict=True):
        assert bool(b.any())
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


def test_gradients_are_finite_differences() -> None:
    net, x = network(tau=4 * ms, bonus=0.3), signals(4, 1)
    inputs = tuple(s.requires_grad_() for s in x.values())
    assert torch.autograd.gradcheck(lambda *s: net(dict(zip(PORTS, s, strict=True)))[0], inputs)


@pytest.mark.parametrize("scale", [1.0, 60.0], ids=["usual", "exponents beyond float32"])
def test_float32_is_as_exact_as_it_can_be(scale: float) -> None:
    x = signals(50, 3, scale=scale)
    exact = network(tau=4 * ms, bonus=0.3)(x)[0]
    single = network(dtype=torch.float32, tau=4 * ms, bonus=0.3)({p: s.float() for p, s in x.items()})[0]
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-5 * scale)


def test_single_steps_and_windows_are_the_sequence(tmp_path: Path) -> None:
    net, x = network(tau=4 * ms), signals(20, 2)
    whole, _ = net(x)
    state, rows = None, []
    for t in range(20):
        y, state = net.step({p: s[t] for p, s in x.items()}, state)
        rows.append(y)
    torch.testing.assert_close(torch.stack(rows), whole, rtol=1e-12, atol=1e-12)
    _, state = net({p: s[:7] for p, s in x.items()})
    torch.testing.assert_close(net({p: s[7:] for p, s in x.items()}, state)[0], whole[7:], rtol=1e-12, atol=1e-12)
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(x)[0], whole)


def test_a_stream_of_a_hundred_thousand_tokens_keeps_four_numbers_a_cell() -> None:
    """Keys that grow without end would overflow any exponential in a few hundred steps."""
    net, state = network(dtype=torch.float32, tau=rv.Learn(50 * ms), bonus=0.0), None
    steps = torch.arange(10_000.0)[:, None, None].expand(-1, 1, 5)
    with torch.no_grad():
        for k in range(10):
            x = {"k": (steps + 10_000 * k) / 100, "v": steps % 7, "r": torch.full_like(steps, 20.0)}
            out, state = net(x, state)
            assert bool(torch.isfinite(out).all())
            assert sum(s.numel() for s in state.tensors().values()) == 4 * 5
    decay = torch.exp(-torch.arange(999.0, -1, -1).double() * (1 / 50 + 1 / 100))
    wanted = (decay * (steps[-1000:, 0, 0] % 7)).sum() / decay.sum()
    torch.testing.assert_close(out[-1].double(), wanted.expand(1, 5), rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: rv.WKV(5, tau=4), DimensionError, "ms"),
        (lambda: rv.WKV(5, tau=-4 * ms), EquationError, "above 0"),
        (lambda: rv.WKV(5, decay=0.9), EquationError, "tau="),
        (lambda: rv.WKV(5, bonus=1 * ms), DimensionError, "bonus"),
        (lambda: rv.WKV(5, emit="spike"), EquationError, "emit"),
        (lambda: rv.WKV(5, gain=2.0), EquationError, "gain"),
        (lambda: rv.WKV(5, V_th=2.0), EquationError, "V_th"),
        (lambda: rv.WKV(5, equations="y = k : 1"), EquationError, "equations"),
        (lambda: rv.WKV(-5), EquationError, "size=-5"),
        (lambda: rv.Sequential(rv.WKV(5), dt=1 * ms), rv.errors.RanvierError, "k, v, r"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
