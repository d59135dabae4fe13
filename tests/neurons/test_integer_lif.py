"""The integer cell is its formula, with the gradient of a clip, and takes the place of other cells."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError
from ranvier.units import ms

DOUBLE = torch.float64


def by_hand(x: torch.Tensor, beta: float, levels: int) -> torch.Tensor:
    v = s = torch.zeros_like(x[0])
    out = []
    for now in x:
        v = beta * (v - s.detach()) + now
        inside = v.clamp(0, levels)
        s = inside + ((v + 0.5).floor().clamp(0, levels) - inside).detach()
        out.append(s)
    return torch.stack(out)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize(("levels", "batch"), [(1, 7), (4, 1), (6, 7)])
def test_it_is_the_formula(provider: str, dtype: torch.dtype, levels: int, batch: int) -> None:
    torch.manual_seed(levels)
    x = (3 * torch.randn(9, batch, 5, dtype=dtype)).requires_grad_()
    net = rv.Sequential(rv.IntegerLIF(5, levels=levels, tau=2 * ms), dt=1 * ms, dtype=dtype, provider=provider)
    out, _ = net(x)
    wanted = by_hand(x, math.exp(-0.5), levels)
    assert torch.equal(out, wanted)
    assert set(out.unique().tolist()) == set(range(levels + 1))
    weight = torch.rand_like(out)
    (found,), (right,) = (torch.autograd.grad((y * weight).sum(), x) for y in (out, wanted))
    torch.testing.assert_close(found, right)


def test_the_gradient_is_one_between_its_levels() -> None:
    """Where v is inside the levels, a change of the input changes the emission of its own step alone."""
    net = rv.Sequential(rv.IntegerLIF(1, levels=3), dt=1 * ms, dtype=DOUBLE)
    x = torch.tensor([-0.4, 0.2, 2.6, 9.0], dtype=DOUBLE)[None, :, None].requires_grad_()
    (slope,) = torch.autograd.grad(net(x)[0].sum(), x)
    assert slope.flatten().tolist() == [0, 1, 1, 0]


def test_single_steps_files_and_training(tmp_path: Any) -> None:
    x = 2 * torch.rand(6, 4, 5)
    net = rv.Sequential(
        rv.Linear(5, 8), rv.IntegerLIF(8, tau=rv.Learn(5 * ms)), rv.Linear(8, 3), rv.LeakyReadout(3), dt=1 * ms
    )
    parts, state = [], None
    for now in x:
        out, state = net(now[None], state)
        parts.append(out)
    torch.testing.assert_close(torch.cat(parts), net(x)[0])
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(x)[0], net(x)[0])
    fit = rv.train(net, (2 * torch.rand(32, 6, 5), torch.arange(32) % 3), epochs=2)
    assert len(fit.history) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"levels": 0}, "levels=0 must be a positive whole number"),
        ({"levels": 2.5}, "levels=2.5 must be"),
        ({"levels": True}, "levels=True must be"),
        ({"reset": "v = 0"}, "IntegerLIF sets its own reset"),
        ({"V_th": 1.0}, "IntegerLIF sets its own V_th"),
        ({"threshold": "v > 1"}, "IntegerLIF sets its own threshold"),
        ({"surrogate": rv.surrogates.ArcTan()}, "IntegerLIF sets its own surrogate"),
        ({"emit": "v"}, "IntegerLIF sets its own emit"),
        ({"beta": 0.5}, "the decay over a step follows from a time constant"),
        ({"tau": float("inf") * ms}, "needs a finite tau"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], words: str) -> None:
    with pytest.raises(EquationError, match=words):
        rv.IntegerLIF(4, **options)
