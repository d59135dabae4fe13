"""Maximum pooling is torch's, in value and gradient, ties and NaN included."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import ranvier as rv
from ranvier.connectivity.adapters._maximum import MaximumAdapter
from ranvier.kernels.cpu.events.pool2d import max_pool2d
from ranvier.units import ms


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 19), st.integers(1, 37)),
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_equal_to_torch(shape, size, dtype) -> None:
    if shape[2] < size[0] or shape[3] < size[1]:
        return
    x = (torch.rand(shape) < 0.3).to(dtype) * torch.randint(1, 3, shape)
    x[0, 0, 0, 0] = torch.nan
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    a, b = max_pool2d(ours, size), nn.functional.max_pool2d(theirs, size)
    assert torch.equal(a.nan_to_num(-1), b.nan_to_num(-1))
    upstream = torch.randn_like(b)
    a.backward(upstream)
    b.backward(upstream)
    assert torch.equal(ours.grad, theirs.grad)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.MaxPool2d(2), (2, 2)), (nn.MaxPool2d((2, 3)), (2, 3)), (nn.MaxPool2d(2, stride=1), None), (nn.MaxPool2d(3, 3, padding=1), None),
        (nn.MaxPool2d(2, dilation=2), None), (nn.MaxPool2d(2, ceil_mode=True), None), (nn.AvgPool2d(2), None), (nn.MaxPool2d(17), None),
    ],
)  # fmt: skip
def test_only_plain_pooling_is_replaced(module: nn.Module, expected: tuple[int, int] | None) -> None:
    assert MaximumAdapter(module).plain_size() == expected


def test_hooks_are_not_bypassed() -> None:
    module = nn.MaxPool2d(2)
    module.register_forward_hook(lambda *_: None)
    assert MaximumAdapter(module).plain_size() is None


def _learn(provider: str, retain: bool) -> list[torch.Tensor]:
    torch.manual_seed(0)
    net = rv.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), rv.LIF(), nn.MaxPool2d(2), nn.Conv2d(4, 3, 3), rv.LIF(), nn.MaxPool2d(2), nn.Flatten(), rv.Linear(12, 5),
        rv.LeakyReadout(5), dt=1 * ms, provider=provider,
    ).double()  # fmt: skip
    x = (torch.rand(6, 3, 2, 12, 12) < 0.4).double().requires_grad_()
    loss = net(x)[0].square().sum()
    if retain:
        loss.backward(retain_graph=True)
        net.zero_grad()
        x.grad = None
    loss.backward()
    return [x.grad, *(p.grad for p in net.parameters())]


def test_a_convolutional_network_learns_alike_and_its_graph_can_be_used_twice() -> None:
    for other in (_learn("cpu", True), _learn("reference", False)):
        for a, b in zip(_learn("cpu", False), other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
