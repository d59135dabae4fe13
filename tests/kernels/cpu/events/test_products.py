"""The spike-driven products against dense torch: values, gradients, shapes, threads, refusals."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from ranvier.kernels.cpu.events.products import (
    delayed_linear,
    events,
    gather,
    input_gradient,
    sparse_linear,
    spike_linear,
    weight_gradient,
)
from ranvier.kernels.tasks import Pattern

DTYPES = [torch.float32, torch.float64]
SIZES = st.integers(1, 70) | st.sampled_from([127, 128, 129, 255, 256, 257, 300])


def close(got: Tensor, wanted: Tensor) -> None:
    """Equal to 1e-12 (float64) or 1e-5 (float32) of the largest element."""
    relative = 1e-12 if wanted.dtype == torch.float64 else 1e-5
    bound = relative * max(1.0, float(wanted.detach().abs().max())) if wanted.numel() else 0
    torch.testing.assert_close(got, wanted, rtol=0, atol=bound)


def spikes(*shape: int, density: float = 0.2, graded: bool = False, dtype: torch.dtype = torch.float64) -> Tensor:
    x = (torch.rand(*shape, dtype=dtype) < density).to(dtype)
    return x * torch.randn(*shape, dtype=dtype) if graded else x


def random_pattern(sources: int, targets: int, density: float) -> tuple[Pattern, Tensor]:
    mask = torch.rand(sources, targets) < density
    pointer = torch.cat([torch.zeros(1, dtype=torch.int64), mask.sum(1).cumsum(0)])
    return Pattern(pointer, mask.nonzero()[:, 1].to(torch.int32), targets), mask


def dense_delayed(x: Tensor, weight: Tensor, latency: Tensor, history: Tensor | None) -> Tensor:
    before = x[:0] if history is None else history
    extended, steps = torch.cat([before, x]), before.shape[0]
    out = []
    for t in range(steps, steps + x.shape[0]):
        terms = [extended[t - d] @ (weight * (latency == d)).T for d in range(min(t, int(latency.max())) + 1)]
        out.append(torch.stack(terms).sum(0))
    return torch.stack(out)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("compress", [None, False])
@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 15), (4, 16), (5, 17), (9, 31), (2, 700), (0, 4), (4, 0)])
def test_events_list_the_non_zero_elements(
    dtype: torch.dtype, compress: bool | None, graded: bool, shape: tuple[int, int]
) -> None:
    x = spikes(*shape, density=0.4, graded=graded, dtype=dtype)
    found = events(x, compress)
    assert torch.equal(found.index.long(), x.nonzero()[:, 1])
    assert torch.equal(found.pointer[1:], (x != 0).sum(1).cumsum(0))
    assert found.pointer[0] == 0
    if found.value is None:
        assert torch.equal(x, (x != 0).to(dtype))
    else:
        assert torch.equal(found.value, x[x != 0])


def test_events_keep_nan_and_drop_minus_zero() -> None:
    x = torch.zeros(2, 20)
    x[0, 3], x[0, 19], x[1, 5] = float("nan"), 1.0, -0.0
    found = events(x)
    assert found.index.tolist() == [3, 19]
    assert found.value is not None
    assert found.value[0].isnan()


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40)
@given(data=st.data())
def test_spike_linear_equals_dense(dtype: torch.dtype, data: st.DataObject) -> None:
    rows, inputs, outputs = data.draw(st.integers(0, 60)), data.draw(SIZES), data.draw(SIZES)
    density, graded, biased = (
        data.draw(st.sampled_from([0.0, 0.02, 0.3, 1.0])),
        data.draw(st.booleans()),
        data.draw(st.booleans()),
    )
    torch.manual_seed(rows * 1009 + inputs * 31 + outputs)
    x = spikes(rows, inputs, density=density, graded=graded, dtype=dtype).requires_grad_()
    weight = torch.randn(outputs, inputs, dtype=dtype, requires_grad=True)
    bias = torch.randn(outputs, dtype=dtype, requires_grad=True) if biased else None
    leaves = [x, weight] + ([bias] if bias is not None else [])
    got, wanted = spike_linear(x, weight, bias), torch.nn.functional.linear(x, weight, bias)
    grad = torch.randn_like(wanted)
    close(got, wanted)
    for a, b in zip(torch.autograd.grad(got, leaves, grad), torch.autograd.grad(wanted, leaves, grad), strict=True):
        close(a, b)


def test_spike_linear_over_many_blocks_and_leading_axes() -> None:
    torch.manual_seed(0)
    x = spikes(20, 110, 33).requires_grad_()
    weight = torch.randn(300, 33, dtype=torch.float64, requires_grad=True)
    got, wanted = spike_linear(x, weight), torch.nn.functional.linear(x, weight)
    grad = torch.randn_like(wanted).transpose(0, 1).contiguous().transpose(0, 1)
    close(got, wanted)
    for a, b in zip(
        torch.autograd.grad(got, [x, weight], grad), torch.autograd.grad(wanted, [x, weight], grad), strict=True
    ):
        close(a, b)


@pytest.mark.parametrize("graded", [False, True])
def test_gradcheck(graded: bool) -> None:
    torch.manual_seed(1)
    x = spikes(4, 2, 9, graded=graded).requires_grad_()
    weight, bias = torch.randn(5, 9, dtype=torch.float64, requires_grad=True), torch.randn(5).double().requires_grad_()
    assert gradcheck(spike_linear, (x, weight, bias))
    pattern, _ = random_pattern(9, 5, 0.5)
    values = torch.randn(pattern.synapses, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x, v, b: sparse_linear(x, pattern, v, b), (x, values, bias))
    latency = torch.randint(0, 4, (5, 9), dtype=torch.int32)
    history = spikes(5, 2, 9, graded=graded).requires_grad_()
    assert gradcheck(lambda x, w, h: delayed_linear(x, w, latency, h), (x, weight, history))


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=30)
@given(data=st.data())
def test_sparse_linear_equals_dense(dtype: torch.dtype, data: st.DataObject) -> None:
    rows, inputs, outputs = data.draw(st.integers(0, 40)), data.draw(SIZES), data.draw(SIZES)
    density, graded = data.draw(st.sampled_from([0.0, 0.1, 1.0])), data.draw(st.booleans())
    torch.manual_seed(rows * 1009 + inputs * 31 + outputs)
    pattern, mask = random_pattern(inputs, outputs, data.draw(st.sampled_from([0.0, 0.1, 0.7])))
    x = spikes(rows, inputs, density=density, graded=graded, dtype=dtype).requires_grad_()
    values = torch.randn(pattern.synapses, dtype=dtype, requires_grad=True)
    weight = torch.zeros(inputs, outputs, dtype=dtype).masked_scatter(mask, values)
    got, wanted = sparse_linear(x, pattern, values), x @ weight
    grad = torch.randn_like(wanted)
    close(got, wanted)
    for a, b in zip(
        torch.autograd.grad(got, [x, values], grad), torch.autograd.grad(wanted, [x, values], grad), strict=True
    ):
        close(a, b)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=30)
@given(data=st.data())
def test_delayed_linear_equals_dense(dtype: torch.dtype, data: st.DataObject) -> None:
    steps, batch = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 4))
    inputs, outputs = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 90))
    longest, depth = data.draw(st.integers(0, 12)), data.draw(st.sampled_from([None, 0, 1, 5, 20]))
    graded, density = data.draw(st.booleans()), data.draw(st.sampled_from([0.0, 0.1, 1.0]))
    torch.manual_seed(steps * 1009 + inputs * 31 + outputs)
    x = spikes(steps, batch, inputs, density=density, graded=graded, dtype=dtype).requires_grad_()
    weight = torch.randn(outputs, inputs, dtype=dtype, requires_grad=True)
    latency = torch.randint(0, longest + 1, (outputs, inputs), dtype=torch.int32)
    history = None if depth is None else spikes(depth, batch, inputs, graded=graded, dtype=dtype).requires_grad_()
    leaves = [x, weight] + ([history] if history is not None else [])
    got, wanted = delayed_linear(x, weight, latency, history), dense_delayed(x, weight, latency, history)
    grad = torch.randn_like(wanted)
    close(got, wanted)
    for a, b in zip(torch.autograd.grad(got, leaves, grad), torch.autograd.grad(wanted, leaves, grad), strict=True):
        close(a, b)


def test_delayed_linear_long_sequence_uses_several_chunks() -> None:
    torch.manual_seed(2)
    x = spikes(610, 1, 6, density=0.1).requires_grad_()
    weight = torch.randn(70, 6, dtype=torch.float64, requires_grad=True)
    latency = torch.randint(0, 40, (70, 6), dtype=torch.int32)
    got, wanted = delayed_linear(x, weight, latency), dense_delayed(x, weight, latency, None)
    grad = torch.randn_like(wanted)
    close(got, wanted)
    for a, b in zip(
        torch.autograd.grad(got, [x, weight], grad), torch.autograd.grad(wanted, [x, weight], grad), strict=True
    ):
        close(a, b)


def test_delayed_linear_cut_anywhere_gives_the_same() -> None:
    torch.manual_seed(3)
    x, weight = spikes(20, 3, 11), torch.randn(17, 11, dtype=torch.float64)
    latency = torch.randint(0, 7, (17, 11), dtype=torch.int32)
    whole = delayed_linear(x, weight, latency)
    pieces = [delayed_linear(x[:9], weight, latency), delayed_linear(x[9:], weight, latency, x[:9])]
    assert torch.equal(torch.cat(pieces), whole)


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    torch.manual_seed(4)
    x = spikes(300, 5, 90, graded=True, dtype=torch.float32)
    weight, grad = torch.randn(260, 90), torch.randn(1500, 260)
    latency = torch.randint(0, 9, (260, 90), dtype=torch.int32)
    pattern, _ = random_pattern(90, 260, 0.5)
    values = torch.randn(pattern.synapses)

    def everything() -> list[Tensor]:
        leaves = [t.clone().requires_grad_() for t in (x, weight, values)]
        found = events(x.view(1500, 90))
        outs = [sparse_linear(leaves[0], pattern, leaves[2]), delayed_linear(leaves[0], leaves[1], latency)]
        grads = [g for out in outs for g in torch.autograd.grad(out, leaves, grad.view_as(out), allow_unused=True)]
        return [spike_linear(x, weight), weight_gradient(found, grad), *outs, *(g for g in grads if g is not None)]

    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(everything())
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_pieces_for_a_loop_driven_by_hand() -> None:
    torch.manual_seed(5)
    x, weight_t, grad = spikes(12, 20), torch.randn(20, 7, dtype=torch.float64), torch.randn(12, 7, dtype=torch.float64)
    found, out, total = events(x), torch.ones(12, 7, dtype=torch.float64), torch.ones(20, 7, dtype=torch.float64)
    gather(found, weight_t, out)
    close(out, 1 + x @ weight_t)
    assert weight_gradient(found, grad, total) is total
    close(total, 1 + x.T @ grad)
    into = torch.empty(12, 20, dtype=torch.float64)
    assert input_gradient(grad, weight_t.T.contiguous(), into) is into
    close(into, grad @ weight_t.T)
    large = torch.randn(2000, 64), torch.randn(64, 64)
    close(input_gradient(*large), large[0] @ large[1])


def test_only_needed_gradients() -> None:
    x, weight = spikes(3, 4), torch.randn(2, 4, dtype=torch.float64)
    spike_linear(x, weight.requires_grad_()).sum().backward()
    assert weight.grad is not None
    assert x.grad is None
    assert not spike_linear(x, weight.detach()).requires_grad


def test_second_derivative_is_refused() -> None:
    x, weight = spikes(3, 4), torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="`reference` provider"):
        torch.autograd.grad(spike_linear(x, weight).sum(), weight, create_graph=True)


def test_wrong_operands_are_named() -> None:
    x, weight = spikes(3, 4), torch.randn(2, 4, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"\(3, 4\).*last axis of 5"):
        spike_linear(x, torch.randn(2, 5).double())
    with pytest.raises(TypeError, match=r"float32.*expected torch.float64"):
        spike_linear(x, weight.float())
    with pytest.raises(TypeError, match=r"int64; use x\.float"):
        events(x.long())
    with pytest.raises(ValueError, match="latency holds -1"):
        delayed_linear(x.view(1, 3, 4), weight, torch.full((2, 4), -1, dtype=torch.int32))
    with pytest.raises(TypeError, match="latency has dtype"):
        delayed_linear(x.view(1, 3, 4), weight, torch.zeros(2, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="not contiguous"):
        gather(events(x), weight.T, torch.zeros(3, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"must lie in 0 \.\. 1"):
        Pattern(torch.tensor([0, 1]), torch.tensor([2], dtype=torch.int32), 2)
    with pytest.raises(ValueError, match="must rise from 0"):
        Pattern(torch.tensor([0, 2, 1]), torch.tensor([1], dtype=torch.int32), 2)


def test_a_small_register_file_gives_the_same_product() -> None:
    torch.manual_seed(6)
    x, weight = spikes(9, 40, graded=True, dtype=torch.float32), torch.randn(300, 40)
    out = torch.empty(9, 300)
    gather(events(x), weight.T.contiguous(), out, accumulate=False, most=4)
    close(out, spike_linear(x, weight))
