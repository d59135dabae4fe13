"""Linear: by event, by the matrix library and with a delay for every synapse, one result."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.connectivity.bound import Binding
from ranvier.errors import ShapeError
from ranvier.units import ms
from tests.connectivity.carriers import carrier

Tensor = torch.Tensor
WIDE = torch.float64


def linear(inputs: int, outputs: int, *, bias: bool = True, delay: object = None, seed: int = 0) -> rv.Linear:
    torch.manual_seed(seed)
    made = rv.Linear(inputs, outputs, bias, delay=delay, dtype=WIDE)
    return made


def results(made: rv.Linear, x: Tensor, run: object) -> list[Tensor]:
    """Output, and the gradients of input, weight and bias."""
    y = x.clone().requires_grad_()
    out = run(y)
    weight = torch.rand(out.shape, generator=torch.Generator().manual_seed(9), dtype=WIDE)
    return [out.detach(), *torch.autograd.grad((out * weight).sum(), [y, *made.parameters()])]


def close(ours: list[Tensor], theirs: list[Tensor]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@settings(max_examples=20)
@given(
    shape=st.sampled_from([(0, 2), (1, 1), (5, 3), (4, 2, 3)]), inputs=st.integers(1, 40), outputs=st.integers(1, 40), bias=st.booleans(),
    density=st.sampled_from([0.0, 0.05, 0.5, 1.0]), analog=st.booleans(), seed=st.integers(0, 9),
)  # fmt: skip
def test_events_and_matrices_agree(
    shape: tuple[int, ...], inputs: int, outputs: int, bias: bool, density: float, analog: bool, seed: int
) -> None:
    made, generator = linear(inputs, outputs, bias=bias, seed=seed), torch.Generator().manual_seed(seed)
    x = (torch.rand(*shape, inputs, generator=generator) < density).to(WIDE)
    x = x * torch.rand(x.shape, generator=generator, dtype=WIDE) if analog else x
    close(results(made, x, lambda y: made(y, carrier=carrier(True))), results(made, x, made))
    torch.testing.assert_close(made(x), torch.nn.functional.linear(x, made.weight, made.bias))


@pytest.mark.parametrize("steps", [0, 1, 4, 15])
@pytest.mark.parametrize("by_event", [False, True])
def test_delays_written_out(steps: int, by_event: bool) -> None:
    """out[t, b, j] = sum over i of w[j, i] x[t - d[j, i], b, i], where negative steps read the history."""
    made = linear(7, 5, delay=rv.Uniform(0 * ms, 6 * ms))
    place = made.bind(Binding(1.0, 0, 0, "linear"))
    generator = torch.Generator().manual_seed(1)
    whole = (torch.rand(6 + steps, 2, 7, generator=generator) < 0.4).to(WIDE)
    table = place.table.long()
    expected = torch.zeros(steps, 2, 5, dtype=WIDE) + made.bias.detach()
    for t in range(steps):
        for j in range(5):
            for i in range(7):
                expected[t, :, j] += made.weight[j, i].detach() * whole[6 + t - table[j, i], :, i]
    torch.testing.assert_close(
        made.delayed(whole[6:], whole[:6], place, carrier(by_event)).detach(), expected, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("density", [0.1, 0.6])
def test_delayed_gradients_agree(density: float) -> None:
    made, generator = linear(9, 6, delay=rv.Uniform(0 * ms, 5 * ms)), torch.Generator().manual_seed(2)
    x, past = ((torch.rand(n, 3, 9, generator=generator) < density).to(WIDE) for n in (8, 5))
    found, place = [], made.bind(Binding(1.0, 0, 0, "linear"))
    for by_event in (True, False):
        history = past.clone().requires_grad_()
        values = results(made, x, lambda y, h=history, e=by_event: made.delayed(y, h, place, carrier(e)))
        (grad,) = torch.autograd.grad(made.delayed(x, history, place, carrier(by_event)).square().sum(), history)
        found.append([*values, grad])
    close(*found)


def test_one_delay_for_all_is_a_number() -> None:
    assert linear(3, 2, delay=4 * ms).bind(Binding(1.0, 0, 0, "l")).latency == 4
    assert linear(3, 2).bind(Binding(1.0, 0, 0, "l")).latency == 0


def test_delays_follow_seed_and_name() -> None:
    tables = []
    for seed, name in ((0, "a"), (0, "a"), (1, "a"), (0, "b")):
        made = rv.Linear(20, 20, delay=rv.Uniform(0 * ms, 50 * ms))
        tables.append(made.bind(Binding(0.5, 0, seed, name)).table)
    assert torch.equal(tables[0], tables[1])
    assert not torch.equal(tables[0], tables[2])
    assert not torch.equal(tables[0], tables[3])
    assert int(tables[0].max()) > 80, "50 ms are 100 steps of 0.5 ms"


def test_features_are_checked() -> None:
    with pytest.raises(ShapeError, match=r"7 features .* \(2, 3\)"):
        linear(7, 2)(torch.zeros(2, 3, dtype=WIDE))
