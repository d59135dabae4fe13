"""Delayed products with several taps equal the plain product per step, in value and in every gradient."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ranvier.kernels.cpu.delays import products
from ranvier.kernels.cpu.delays.events import delayed_events
from ranvier.kernels.cpu.delays.products import delayed_linear, delayed_sparse
from ranvier.kernels.cpu.delays.tap_table import TapTable
from ranvier.kernels.cpu.delays.taps import delayed_dense, delayed_forward
from ranvier.kernels.reference import run_product
from ranvier.kernels.tasks import DelayedMatrixProduct, pattern

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-11}


def spikes(shape: tuple[int, ...], density: float, graded: bool, dtype: torch.dtype) -> Tensor:
    fired = (torch.rand(shape) < density).to(dtype)
    return fired * torch.randn(shape, dtype=dtype) if graded else fired


def gradients(out: Tensor, leaves: list[Tensor], grad: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(out, leaves, grad))


def assert_near(got: Tensor, wanted: Tensor) -> None:
    scale = max(1.0, float(wanted.detach().abs().max())) if wanted.numel() else 1.0
    torch.testing.assert_close(got / scale, wanted / scale, rtol=0, atol=TOLERANCE[wanted.dtype])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dense", [False, True])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_dense_equals_the_product_per_step(dtype: torch.dtype, dense: bool, data: st.DataObject) -> None:
    torch.manual_seed(data.draw(st.integers(0, 99)))
    steps, batch, taps = (data.draw(st.integers(1, n)) for n in (40, 20, 19))
    inputs, targets, past = (data.draw(st.integers(1, n)) for n in (24, 70, 12))
    x = spikes((steps, batch, inputs), 0.2, data.draw(st.booleans()), dtype).requires_grad_()
    history = spikes((past, batch, inputs), 0.2, data.draw(st.booleans()), dtype).requires_grad_()
    weights = torch.randn(targets, inputs, taps, dtype=dtype, requires_grad=True)
    first = torch.randint(0, data.draw(st.integers(1, 9)), (targets, inputs), dtype=torch.int32)
    chosen = -1.0 if dense else 2.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "worth_following", lambda *_: chosen)
        got = delayed_linear(x, weights, first, history)
    wanted = run_product(DelayedMatrixProduct(x, weights, first, history))
    assert_near(got, wanted)
    grad = torch.randn_like(wanted)
    for a, b in zip(
        gradients(got, [x, weights, history], grad), gradients(wanted, [x, weights, history], grad), strict=True
    ):
        assert_near(a, b)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_sparse_equals_the_dense_product(dtype: torch.dtype, data: st.DataObject) -> None:
    torch.manual_seed(data.draw(st.integers(0, 99)))
    steps, batch, taps = (data.draw(st.integers(1, n)) for n in (30, 20, 10))
    inputs, targets, past = (data.draw(st.integers(1, n)) for n in (15, 20, 8))
    exists = torch.rand(inputs, targets) < data.draw(st.floats(0, 1))
    pre, post = torch.nonzero(exists, as_tuple=True)
    x = spikes((steps, batch, inputs), 0.2, data.draw(st.booleans()), dtype).requires_grad_()
    history = spikes((past, batch, inputs), 0.2, data.draw(st.booleans()), dtype).requires_grad_()
    weights = torch.randn(pre.numel(), taps, dtype=dtype, requires_grad=True)
    first = torch.randint(0, 6, (pre.numel(),), dtype=torch.int32)
    whole = torch.zeros(targets, inputs, taps, dtype=dtype).index_put((post, pre), weights)
    place = torch.zeros(targets, inputs, dtype=torch.int32).index_put((post, pre), first)
    got = delayed_sparse(x, pattern(pre, post, (inputs, targets)), weights, first, history)
    wanted = run_product(DelayedMatrixProduct(x, whole, place, history))
    assert_near(got, wanted)
    grad = torch.randn_like(wanted)
    for a, b in zip(
        gradients(got, [x, weights, history], grad), gradients(wanted, [x, weights, history], grad), strict=True
    ):
        assert_near(a, b)


def test_following_events_and_all_steps_agree() -> None:
    x = spikes((50, 5, 30), 0.3, False, torch.float64)
    table = TapTable(torch.randn(20, 30, 3, dtype=torch.float64), torch.randint(0, 25, (20, 30), dtype=torch.int32), 50)
    torch.testing.assert_close(
        delayed_dense(x, None, table), delayed_forward(delayed_events(x, None, table.reach), table)
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_a_sequence_cut_in_two_gives_the_same_bits(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        x = spikes((60, 6, 40), 0.03, False, torch.float32)
        taps, first = torch.randn(33, 40, 2), torch.randint(0, 25, (33, 40), dtype=torch.int32)
        whole = delayed_linear(x, taps, first)
        pieces = torch.cat([delayed_linear(x[:23], taps, first), delayed_linear(x[23:], taps, first, x[:23])])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(whole, pieces)


def test_long_windows_use_narrow_blocks() -> None:
    x = spikes((700, 2, 10), 0.05, False, torch.float64)
    taps = torch.randn(70, 10, 2, dtype=torch.float64, requires_grad=True)
    first = torch.randint(0, 250, (70, 10), dtype=torch.int32)
    assert TapTable(taps.detach(), first, 700).width < 64
    got, wanted = delayed_linear(x, taps, first), run_product(DelayedMatrixProduct(x, taps, first, x[:0]))
    torch.testing.assert_close(got, wanted)


def test_mistakes_are_refused() -> None:
    x, taps = torch.zeros(3, 2, 4), torch.zeros(5, 4, 2)
    with pytest.raises(ValueError, match="latency holds -1"):
        delayed_linear(x, taps, torch.full((5, 4), -1, dtype=torch.int32))
    with pytest.raises(TypeError, match="latency has dtype"):
        delayed_linear(x, taps, torch.zeros(5, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"x has shape \(3, 2, 3\)"):
        delayed_linear(x[..., :3], taps, torch.zeros(5, 4, dtype=torch.int32))
    with pytest.raises(TypeError, match="x has dtype"):
        delayed_linear(x.double(), taps, torch.zeros(5, 4, dtype=torch.int32))


def test_a_second_derivative_is_refused() -> None:
    taps = torch.randn(5, 4, 2, requires_grad=True)
    x = torch.ones(3, 2, 4, requires_grad=True)
    out = delayed_linear(x, taps, torch.zeros(5, 4, dtype=torch.int32))
    with pytest.raises(RuntimeError, match="second derivative"):
        torch.autograd.grad(out.sum(), taps, create_graph=True)
