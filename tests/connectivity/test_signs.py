"""Dale's law: a weight keeps its sign in every product, and what is pushed across can come back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms

SIGNS = torch.tensor([1.0, -1.0, 0.0, 1.0])
MAKERS: dict[str, Callable[..., torch.nn.Module]] = {
    "linear": lambda sign: rv.Linear(4, 3, sign=sign),
    "delayed": lambda sign: rv.Linear(4, 3, sign=sign, delay=rv.Uniform(0 * ms, 3 * ms)),
    "conv": lambda sign: rv.Conv2d(4, 3, 2, sign=sign),
    "delayed conv": lambda sign: rv.Conv2d(4, 3, 2, sign=sign, delay=rv.Uniform(0 * ms, 3 * ms)),
}


def net(kind: str, sign: object, provider: str, pushed: bool) -> tuple[rv.Sequential, torch.nn.Module]:
    torch.manual_seed(0)
    layer = MAKERS[kind](sign)
    with torch.no_grad():
        if pushed:  # training has moved weights across zero
            layer.weight.add_(torch.randn_like(layer.weight))
    made = rv.Sequential(layer, rv.LeakyReadout(tau=5 * ms), dt=1 * ms, dtype=torch.float64, provider=provider)
    return made, layer


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("kind", MAKERS)
def test_the_weights_in_use_keep_their_sign(kind: str, provider: str) -> None:
    x = (torch.rand(6, 2, 4, *((5, 5) if "conv" in kind else ())) < 0.4).double()
    made, layer = net(kind, SIGNS, provider, pushed=True)
    plain, free = net(kind, None, provider, pushed=False)
    sign = SIGNS.double().reshape(1, 4, *(1 for _ in layer.weight.shape[2:]))
    wanted = torch.where(sign * layer.weight < 0, 0.0, layer.weight.detach())
    assert (wanted == 0).any()
    with torch.no_grad():
        free.weight.copy_(wanted)
        free.bias.copy_(layer.bias)
    out, same = made(x)[0], plain(x)[0]
    torch.testing.assert_close(out, same, rtol=1e-12, atol=1e-12)
    out.square().sum().backward()
    same.square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, free.weight.grad, rtol=1e-10, atol=1e-12)
    assert (layer.weight.grad[wanted == 0] != 0).any()


def test_recurrent_weights_keep_their_sign() -> None:
    outs = []
    x = torch.rand(20, 2, 6, generator=torch.Generator().manual_seed(1)).double()
    for provider in ("cpu", "reference"):
        torch.manual_seed(0)
        loop = rv.Linear(5, 5, sign=-1)
        with torch.no_grad():
            loop.weight.add_(0.3)
        net = rv.Sequential(
            rv.Linear(6, 5), rv.Recurrent(rv.LIF(5, V_th=0.2), loop), dt=1 * ms, dtype=torch.float64, provider=provider
        )
        out, _ = net(x)
        outs.append((out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))))
        assert (loop.effective_weight() <= 0).all()
    for a, b in zip(*outs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_training_never_breaks_the_law() -> None:
    torch.manual_seed(0)
    layer = rv.Linear(6, 4, sign=torch.tensor([1, 1, 1, 1, -1, -1]))
    net = rv.Sequential(layer, rv.LIF(4), rv.Linear(4, 2, sign=1), rv.LeakyReadout(2), dt=1 * ms)
    assert (layer.weight[:, :4] >= 0).all()
    assert (layer.weight[:, 4:] <= 0).all()
    x, y = (torch.rand(30, 10, 6) < 0.5).float(), torch.randint(0, 2, (30,))
    rv.train(net, (x, y), epochs=10, lr=0.1, progress=False)
    assert (layer.effective_weight()[:, :4] >= 0).all()
    assert (layer.effective_weight()[:, 4:] <= 0).all()
    assert (layer.weight[:, :4] < 0).any()


@pytest.mark.parametrize("sign", [2, 0.5, [1, 1], [1, -1, 1, 3]])
def test_other_signs_are_refused(sign: object) -> None:
    with pytest.raises(ShapeError, match=r"-1 or 1, or one of -1, 0, 1 for each of 4 inputs"):
        rv.Linear(4, 3, sign=sign)


def test_signs_of_channels_need_one_group() -> None:
    with pytest.raises(ShapeError, match="groups=1"):
        rv.Conv2d(4, 4, 3, groups=2, sign=[1, 1, -1, -1])
    assert (rv.Conv2d(4, 4, 3, groups=2, sign=-1).weight <= 0).all()


def test_layers_that_run_together_keep_their_signs() -> None:
    """Pushed weights, and enough rows that the layers run as one operation."""
    x, found = (torch.rand(20, 8, 6, generator=torch.Generator().manual_seed(1)) < 0.2).double(), []
    for provider in ("cpu", "reference"):
        torch.manual_seed(0)
        layers = [rv.Linear(6, 70, sign=1), rv.Linear(70, 60, sign=-1), rv.Linear(60, 50, sign=[1] * 30 + [-1] * 30)]
        with torch.no_grad():
            for layer in layers:
                layer.weight.add_(0.3 * torch.randn_like(layer.weight))
                layer.bias.add_(0.2)
        parts = [p for layer in layers for p in (layer, rv.LIF(layer.out_features, V_th=0.5))]
        net = rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64, provider=provider)
        out, _ = net(x)
        assert out.any()
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
