"""Mistakes of torch users with states: each works or says what to write."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms

X = torch.rand(6, 3, 8, generator=torch.Generator().manual_seed(0))


def lif(dt: float = 1.0, **how: object) -> rv.Layer:
    return rv.LIF(8, tau=rv.Learn(5 * ms)).layer(dt=dt * ms, **how)


def net(**how: object) -> rv.Sequential:
    return rv.Sequential(rv.Linear(8, 8), rv.LIF(8, tau=rv.Learn(5 * ms)), rv.Linear(8, 2), dt=1 * ms, **how)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("make", [lif, net])
def test_backward_through_the_state_of_the_last_batch(make: Callable[..., torch.nn.Module], provider: str) -> None:
    module = make(provider=provider)
    out, state = module(X)
    out.sum().backward()
    with pytest.raises(RanvierError, match=r"pass state\.detach\(\)"):
        module(X, state)[0].sum().backward()
    module(X, state.detach())[0].sum().backward()


def test_backward_in_every_step() -> None:
    module = lif()
    out, state = module.step(X[0])
    out.sum().backward()
    with pytest.raises(RanvierError, match=r"pass state\.detach\(\)"):
        module.step(X[1], state)[0].sum().backward()
    state = None
    for row in X:
        out, state = module.step(row, state)
        out.sum().backward()
        state = state.detach()


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: lif()(X[:, :2], lif()(X)[1]), "made for a batch of 3.*the input has 2: start from state=None"),
        (lambda: lif()(X, rv.LIF(5).layer(dt=1 * ms)(X[..., :5])[1]), r"has shape \(5,\), the population \(8,\)"),
        (lambda: lif()(X, rv.ALIF(8).layer(dt=1 * ms)(X)[1]), "the state holds alif, the network lif"),
        (lambda: lif()(X, net()(X)[1]), "the state holds lif1, the network lif"),
        (lambda: lif(0.5)(X, lif()(X)[1]), "made with dt=1 ms, the network has dt=0.5 ms"),
        (lambda: lif()(X, lif().double()(X.double())[1]), r"call state\.to\(torch\.float32\)"),
        (lambda: lif()(X, lif()(X)), r"state is tuple: pass on the state a call returned"),
        (lambda: lif()(X, torch.zeros(3, 8)), "state is Tensor: pass on the state a call returned"),
    ],
)
def test_states_of_something_else(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        ask()


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: lif().reset(), "leave the state out to start afresh"),
        (lambda: net().reset_states(), "leave the state out to start afresh"),
        (lambda: lif().init_leaky(), "leave the state out to start afresh"),
        (lambda: lif().v, r"state\.variables\['lif'\]\['v'\]"),
        (lambda: net().lif1.v, r"state\.variables\['lif1'\]\['v'\]"),
        (lambda: lif().mem, r"state\.variables\['lif'\]"),
        (lambda: lif().beta, r"beta = exp\(-dt/tau\)"),
        (lambda: net().lif1.threshold, "is called V_th"),
    ],
)
def test_attributes_of_other_libraries(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(AttributeError, match=words):
        ask()
    assert not hasattr(lif(), "reset")


def test_a_state_is_a_value() -> None:
    """A state that is passed on twice gives the same twice, and calls change nothing in it."""
    module = lif()
    _, state = module(X)
    before = state.clone()
    first, second = (module(X, state.detach())[0] for _ in range(2))
    assert torch.equal(first, second)
    assert all(torch.equal(a, b) for a, b in zip(state.tensors().values(), before.tensors().values(), strict=True))
