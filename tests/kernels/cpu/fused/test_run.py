"""Populations that run as one operation: equal to the reference for any shape, cut and number of threads."""

from __future__ import annotations

import gc
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.kernels.cpu.events.transpose import transposed
from ranvier.kernels.cpu.fused.hand_back import dense_kernel
from ranvier.kernels.cpu.host.schedule import Call, Schedule
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.units import ms
from tests.kernels.providers.tuned import tuned


def make(
    provider: str, sizes: tuple[int, ...], latencies: tuple[int, ...], recurrent: bool, bias: bool
) -> rv.Sequential:
    torch.manual_seed(3)
    parts: list = []
    for k, (a, b) in enumerate(pairwise(sizes)):
        parts.append(rv.Linear(a, b, bias=bias, delay=latencies[k] * ms))
        if k == len(sizes) - 2:
            parts.append(rv.LeakyReadout(b, tau=7 * ms))
        elif recurrent and k == 0:
            parts.append(rv.Recurrent(rv.LIF(b, tau=rv.Learn(5 * ms)), rv.Linear(b, b, bias=bias)))
        else:
            parts.append(rv.LIF(b, tau=rv.Learn(9 * ms), V_th=0.3))
    net = rv.Sequential(*parts, dt=1 * ms, surrogate=rv.surrogates.Sigmoid(4.0), provider=provider)
    return net.double()


def learn(net: rv.Sequential, x: torch.Tensor, **how) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    out, state = net(x, net.initial_state(x.shape[1], stream=0), **how)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    ((out * weights).sum() + sum(v.sum() for p in state.variables.values() for v in p.values())).backward()
    return [out.detach(), x.grad, *(p.grad for p in net.parameters())]


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.lists(st.integers(1, 21), min_size=3, max_size=5).map(tuple),
    steps=st.integers(1, 40),
    batch=st.sampled_from([1, 2, 3, 8, 17]),
    recurrent=st.booleans(),
    bias=st.booleans(),
    late=st.integers(0, 3),
    block=st.sampled_from([1 << 8, 1 << 12, 1 << 19]),
)
def test_equal_to_the_reference(sizes, steps, batch, recurrent, bias, late, block) -> None:
    latencies = (0, late, *(0 for _ in sizes))
    x = (torch.rand(steps, batch, sizes[0], generator=torch.Generator().manual_seed(1)) < 0.3).double()
    with tuned(Tuning(turn_bytes=block)) as provider:  # many turns and a rest, or all steps in one
        found = learn(make(provider, sizes, latencies, recurrent, bias), x)
    for a, b in zip(found, learn(make("reference", sizes, latencies, recurrent, bias), x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("recurrent", [False, True])
def test_threads_change_no_bit(recurrent: bool) -> None:
    x = (torch.rand(30, 36, 40, generator=torch.Generator().manual_seed(2)) < 0.2).double()
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with tuned(Tuning(thread_work=1)) as provider:
                results.append(learn(make(provider, (40, 24, 16, 5), (0, 0, 0), recurrent, False), x))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_layers_run_together_and_the_plan_says_so() -> None:
    net = make("cpu", (12, 10, 8, 3), (0, 0, 0), True, True)
    assert net.plan(gradient=True).together == (("lif1", "lif2", "readout1"),)
    assert "lif1 -> lif2 -> readout1: one operation" in str(net.plan(gradient=True))
    assert make("reference", (12, 10, 3), (0, 0), False, True).plan(gradient=True).together == ()


def test_what_it_keeps_is_in_the_hands_of_autograd() -> None:
    hidden = [part for _ in range(2) for part in (rv.Linear(64, 64), rv.LIF(64))]
    net = rv.Sequential(*hidden, rv.Linear(64, 3), rv.LeakyReadout(3), dt=1 * ms)
    x = (torch.rand(50, 8, 64) < 0.2).float()
    kept: list[int] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.autograd.graph.saved_tensors_hooks(lambda t: (kept.append(t.numel()), t)[1], lambda t: t):
            net(x)[0].sum().backward()
    finally:
        torch.set_num_threads(threads)
    assert sum(n >= 50 * 8 * 64 for n in kept) == 2  # the membranes of both hidden layers: no spikes, no currents


def test_nothing_else_is_kept_between_the_passes() -> None:
    """Dense input reaches the first layer as a current, which its adjoint does not read."""
    net = rv.Sequential(rv.Linear(9, 61), rv.LIF(61), rv.Linear(61, 3), rv.LeakyReadout(3), dt=1 * ms)
    out, _ = net(torch.rand(20, 8, 9))
    gc.collect()
    assert not [
        t for t in gc.get_objects() if type(t) is torch.Tensor and t.shape[-1:] == (61,) and t.numel() == 20 * 8 * 61
    ]
    out.sum().backward()


def test_a_graph_can_be_used_twice() -> None:
    net, x = make("cpu", (9, 8, 3), (0, 0), True, True), (torch.rand(20, 4, 9) < 0.3).double()
    loss = net(x)[0].square().sum()
    first = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
    again = torch.autograd.grad(loss, list(net.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(rows=st.integers(1, 20), depth=st.integers(1, 20), columns=st.integers(1, 70))
@settings(deadline=None, max_examples=20)
def test_dense_rows(dtype: torch.dtype, rows: int, depth: int, columns: int) -> None:
    g, w, start = (
        torch.randn(rows, depth, dtype=dtype),
        torch.randn(depth, columns, dtype=dtype),
        torch.randn(rows, columns, dtype=dtype),
    )
    out = torch.full_like(start, math.nan)
    sizes = {"start": 0, "stop": rows, "depth": depth, "columns": columns, "stride": columns}
    Schedule([Call(dense_kernel(dtype), grad=g, weight=w, initial=start, out=out, **sizes)]).run(0, 1)
    torch.testing.assert_close(out, start + g @ w)
    assert torch.equal(transposed(w), w.t())
