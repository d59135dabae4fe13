"""The sliding parallel spiking neuron equals a causal convolution with a threshold, whole and in a stream."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError
from ranvier.units import ms

Tensor = torch.Tensor


def convolved(x: Tensor, weight: Tensor) -> Tensor:
    """h [T, B, N] of the last inputs, the present one first, by torch's convolution."""
    rows = x.flatten(1).T.unsqueeze(1)
    padded = torch.nn.functional.pad(rows, (len(weight) - 1, 0))
    return torch.nn.functional.conv1d(padded, weight.flip(0).reshape(1, 1, -1)).squeeze(1).T.reshape(x.shape)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_it_is_a_convolution_with_a_threshold_and_its_gradient(order: int) -> None:
    surrogate = rv.surrogates.Sigmoid(alpha=4.0)
    layer = rv.SlidingPSN(3, order=order, surrogate=surrogate).layer(dt=1 * ms, dtype=torch.float64)
    x = torch.randn(40, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    out, _ = layer(x)
    weight = torch.randn(40, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (out * weight).sum().backward()
    values = dict(layer.named_parameters())
    assert [float(values[f"w_{i}"].detach()) for i in range(order)] == [0.5**i for i in range(order)]

    other = x.detach().clone().requires_grad_()
    w = torch.tensor([0.5**i for i in range(order)], dtype=torch.float64, requires_grad=True)
    level = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    over = convolved(other, w) - level
    soft = torch.sigmoid(4.0 * over)
    spikes = (over >= 0).double() + soft - soft.detach()
    (spikes * weight).sum().backward()
    assert torch.equal(out, (over >= 0).double())
    assert 0.05 < float(out.detach().mean()) < 0.6
    torch.testing.assert_close(x.grad, other.grad, atol=1e-12, rtol=1e-10)
    torch.testing.assert_close(torch.stack([values[f"w_{i}"].grad for i in range(order)]), w.grad)
    torch.testing.assert_close(values["V_th"].grad, level.grad)


def test_a_stream_has_the_bits_of_the_whole_and_keeps_the_last_inputs() -> None:
    layer = rv.SlidingPSN(3, order=4).layer(dt=1 * ms)
    x = torch.randn(30, 2, 3, generator=torch.Generator().manual_seed(0))
    whole, _ = layer(x)
    first, state = layer(x[:11])
    second, state = layer(x[11:29], state)
    last, state = layer.step(x[29], state)
    assert torch.equal(whole, torch.cat([first, second, last.unsqueeze(0)]))
    kept = state.variables["psn"]
    assert [n for n in kept if n != "h"] == ["x_1", "x_2", "x_3"]
    assert all(torch.equal(kept[f"x_{i}"], x[30 - i]) for i in (1, 2, 3))


def test_given_weights_and_weights_of_each_cell() -> None:
    x = torch.randn(20, 1, 2, generator=torch.Generator().manual_seed(0))
    given = rv.SlidingPSN(2, order=3, weight=[0.5, -1.0, 2.0], V_th=0.5).layer(dt=1 * ms)
    assert not list(given.parameters())
    assert torch.equal(given(x)[0], (convolved(x, torch.tensor([0.5, -1.0, 2.0])) >= 0.5).float())
    learnt = rv.SlidingPSN(2, order=3, weight=rv.Learn([0.5, -1.0, 2.0], min=-1, max=2), V_th=0.5).layer(dt=1 * ms)
    assert [n.rpartition(".")[2] for n, _ in learnt.named_parameters()] == ["w_0", "w_1", "w_2"]
    assert torch.equal(learnt(x)[0], given(x)[0])
    each = rv.SlidingPSN(2, order=2, w_0=rv.Learn(np.array([1.0, -1.0]))).layer(dt=1 * ms)
    assert each(x)[0][0, 0].tolist() == [float(x[0, 0, 0] >= 1), float(-x[0, 0, 1] >= 1)]


@pytest.mark.parametrize(
    ("words", "text"),
    [({"order": 0}, "from 1 to 64"), ({"order": True}, "from 1 to 64"), ({"order": 3, "weight": [1, 2]}, "asks for 3 numbers")],
)  # fmt: skip
def test_wrong_orders_are_refused(words: dict, text: str) -> None:
    with pytest.raises(EquationError, match=text):
        rv.SlidingPSN(**words)
