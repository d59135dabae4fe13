"""However a network is carried out - compiled circuit, fused operation, windows, either provider - the result is one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.units import Hz, ms, mV

Tensor = torch.Tensor


def close(ours: Tensor, theirs: Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("steps", [1, 2, 37])
def test_cpu_equals_reference_with_gradients(build: Callable, spikes: Callable, kind: str, steps: int) -> None:
    x = spikes(steps, 3)
    found = []
    for provider in ("cpu", "reference"):
        net, y = build(kind, provider=provider), x.clone().requires_grad_()
        for projection in net.projections.values():
            if hasattr(projection.chain[0], "pre"):
                projection.chain[0].weight.requires_grad_()
        leaves = [t for t in (*net.parameters(), *net.buffers()) if t.requires_grad]
        out, state = net(y, net.initial_state(3, stream=2))
        final = [t for n, t in sorted(state.tensors().items()) if "refractory" not in n]
        loss = out.square().sum() + sum((k + 1) * t.sum() for k, t in enumerate(final))
        found.append(
            (out.detach(), *(t.detach() for t in final), *torch.autograd.grad(loss, [y, *leaves], allow_unused=True))
        )
    for ours, theirs in zip(*found, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            close(ours, theirs)


def test_gradients_asked_or_not_give_the_same_values(build: Callable, spikes: Callable, kind: str) -> None:
    """Without gradient a cycle is one compiled circuit, with gradient one differentiable operation."""
    net, x = build(kind), spikes(40, 1)
    out, state = net(x, net.initial_state(1, stream=3))
    with torch.no_grad():
        plain, after = net(x, net.initial_state(1, stream=3))
    close(plain, out.detach())
    for name, tensor in after.tensors().items():
        close(tensor, state.tensors()[name].detach())


def test_single_precision_is_close(build: Callable, spikes: Callable) -> None:
    narrow, wide = (
        build("feed-forward", dtype=d)(spikes(20, dtype=d))[0].double() for d in (torch.float32, torch.float64)
    )
    close(narrow, wide, 1e-4)


CELL = """
dv/dt = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v))/tau : mV (unless refractory)
dg_e/dt = -g_e/tau_e : 1
dg_i/dt = -g_i/tau_i : 1
"""


def random_circuit(
    sizes: tuple[int, int], delays: str, seed: int, provider: str, dtype: torch.dtype, noise: bool
) -> rv.Network:
    """Two populations and a Poisson source; delays per synapse, per projection or none."""
    text = CELL.replace("/tau : mV", "/tau + 3*mV*sqrt(2/tau)*xi : mV") if noise else CELL
    cell = rv.Cell(
        text, threshold="v > V_t", reset="v = V_r", refractory=2 * ms, E_L=rv.Uniform(-56 * mV, -48 * mV), E_e=0 * mV,
        E_i=-80 * mV, V_t=-50 * mV, V_r=-60 * mV, tau=10 * ms, tau_e=5 * ms, tau_i=8 * ms, v=rv.Uniform(-60 * mV, -50 * mV),
    )  # fmt: skip
    net = rv.Network(dt=0.5 * ms, seed=seed, provider=provider, dtype=dtype)
    net.source("background", rv.Poisson(200 * Hz, 11))
    net.population("exc", sizes[0], cell)
    net.population("inh", sizes[1], cell, tau=5 * ms)
    net.connect("background", ["exc", "inh"], rv.FixedProbability(0.3), to="g_e", weight=0.2)
    how = {"none": {}, "shared": {"delay": 1.5 * ms}, "each": {"delay": rv.Uniform(0 * ms, 5 * ms)}}[delays]
    net.connect("exc", ["exc", "inh"], rv.FixedProbability(0.3), to="g_e", weight=rv.Uniform(0.02, 0.2), **how)
    net.connect("inh", ["exc", "inh"], rv.FixedInDegree(min(3, sizes[1])), to="g_i", weight=0.5, **how)
    return net


@settings(max_examples=6)
@given(
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 18)), delays=st.sampled_from(["none", "shared", "each"]), seed=st.integers(0, 9),
    dtype=st.sampled_from([torch.float32, torch.float64]), noise=st.booleans(), steps=st.integers(0, 150),
)  # fmt: skip
def test_the_compiled_circuit_equals_the_windows(
    sizes: tuple[int, int], delays: str, seed: int, dtype: torch.dtype, noise: bool, steps: int
) -> None:
    runs = []
    for provider in ("cpu", "reference"):
        net = random_circuit(sizes, delays, seed, provider, dtype, noise)
        assert bool(net.plan().circuits) is (provider == "cpu")
        runs.append(net.run(steps * 0.5 * ms, stream=0, record={"exc": ["spikes", "v", "g_i"], "inh": ["spikes"]}))
    fast, slow = runs
    if dtype == torch.float64:
        for name in ("exc", "inh"):
            np.testing.assert_array_equal(fast[name].spikes.step, slow[name].spikes.step)
            np.testing.assert_array_equal(fast[name].spikes.cell, slow[name].spikes.cell)
        np.testing.assert_allclose(fast["exc"].v, slow["exc"].v, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(fast["exc"].g_i, slow["exc"].g_i, rtol=1e-9, atol=1e-9)
        for name, tensor in fast.state.tensors().items():
            close(tensor, slow.state.tensors()[name])
    else:  # rounding may move a spike, and then everything after it
        assert fast["exc"].v.shape == slow["exc"].v.shape
        np.testing.assert_allclose(fast["exc"].v[:10], slow["exc"].v[:10], rtol=1e-4)


def test_the_random_circuit_fires() -> None:
    run = random_circuit((40, 18), "each", 0, "cpu", torch.float64, False).run(
        100 * ms, stream=0, record={"exc": ["spikes"], "inh": ["spikes"]}
    )
    assert 1 < run["exc"].spikes.rate() < 300
    assert 1 < run["inh"].spikes.rate() < 300


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_no_bit(build: Callable, spikes: Callable, kind: str, threads: int) -> None:
    net, before = build(kind, dtype=torch.float32), torch.get_num_threads()
    x = spikes(20, 8, dtype=torch.float32)
    expected = net(x, net.initial_state(8, stream=0))[0]
    try:
        torch.set_num_threads(threads)
        assert torch.equal(net(x, net.initial_state(8, stream=0))[0], expected)
    finally:
        torch.set_num_threads(before)
