"""Calls of one step without gradient, which are set up once: the same numbers as the long way, whatever changes in between."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import warnings
import weakref
from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError, StateError
from ranvier.units import ms

Tensor = torch.Tensor
DTYPES = [torch.float32, torch.float64]


def _layers(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(3)
    net = rv.Sequential(
        rv.Linear(20, 17), rv.LIF(17, tau=5 * ms), rv.Linear(17, 5), rv.LeakyReadout(5, tau=8 * ms), dt=1 * ms, dtype=dtype,
        provider=provider,
    )  # fmt: skip
    with torch.no_grad():
        net.projections["linear1"].chain[0].weight.mul_(4)
    return net


def _recurrent(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(4)
    equations = "dv/dt = (x - v)/tau : 1 (unless refractory)\nx : 1 (input)"
    cell = rv.Cell(equations, threshold="v > 1", reset="v = 0", refractory=2 * ms, size=16, tau=5 * ms, name="cell")
    parts = [rv.Linear(20, 16), rv.Recurrent(cell, rv.Linear(16, 16, delay=2 * ms)), rv.Linear(16, 5), rv.LIF(5)]
    net = rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider)
    with torch.no_grad():
        net.projections["linear1"].chain[0].weight.mul_(20)
        net.projections["recurrent1"].chain[0].weight.mul_(8)
    return net


def _normed(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(5)
    parts = [rv.Linear(20, 16), torch.nn.BatchNorm1d(16), rv.LIF(16), rv.Linear(16, 5, sign=1), rv.LIF(5)]
    net = rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider)
    net(_spikes(30, 4, dtype))
    return net.eval()  # pyright: ignore[reportReturnType]


NETS = [_layers, _recurrent, _normed]


def _spikes(steps: int, batch: int, dtype: torch.dtype, size: int = 20) -> Tensor:
    return (torch.rand(steps, batch, size, generator=torch.Generator().manual_seed(steps)) < 0.2).to(dtype)


def _walk(net: rv.Sequential, x: Tensor, state: rv.State | None = None) -> tuple[Tensor, rv.State]:
    out = []
    state = net.initial_state(x.shape[1], stream=0) if state is None else state
    for now in x:
        y, state = net.step(now, state)
        out.append(y)
    return torch.stack(out), state


def _equal(a: rv.State, b: rv.State) -> bool:
    one, other = a.tensors(), b.tensors()
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one) and a.step == b.step


def _served(net: rv.Sequential) -> int:
    return sum(kept.served for kept in net._memo.steps.values())


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("batch", [1, 3, 20])
@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_equal_one_call_bit_for_bit(make: Callable[..., rv.Sequential], batch: int, dtype: torch.dtype) -> None:
    net, x = make(dtype), _spikes(70, batch, dtype)
    with torch.no_grad():
        whole, end = net(x, net.initial_state(batch, stream=0))
        out, state = _walk(net, x)
    assert _served(net) >= 68  # all but the first are short
    assert torch.equal(out, whole)
    assert _equal(state, end)
    assert float(whole.abs().sum()) > 0


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("batch", [1, 9])
def test_steps_of_graded_input_equal_the_reference(make: Callable[..., rv.Sequential], batch: int) -> None:
    x = torch.rand(40, batch, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        out, state = _walk(make(torch.float64), x)
        other, end = _walk(make(torch.float64, "reference"), x)
    torch.testing.assert_close(out, other, rtol=1e-9, atol=1e-11)
    for name, value in state.tensors().items():
        torch.testing.assert_close(value, end.tensors()[name], rtol=1e-9, atol=1e-11)


def test_a_state_passed_in_is_never_changed_and_none_shares_memory() -> None:
    net, x = _recurrent(), _spikes(6, 2, torch.float32)
    with torch.no_grad():
        _, first = _walk(net, x[:3])
        before = first.clone()
        one, a = net.step(x[3], first)
        other, b = net.step(x[3], first)
    assert _equal(first, before)
    assert _equal(a, b)
    assert torch.equal(one, other)
    held = [t.untyped_storage().data_ptr() for s in (first, a, b) for t in s.tensors().values()]
    assert len({*held}) == len(held)
    assert one.untyped_storage().data_ptr() != other.untyped_storage().data_ptr()


def _by_data(net: rv.Sequential) -> None:
    net.projections["linear1"].chain[0].weight.data.mul_(2)


def _by_numpy(net: rv.Sequential) -> None:
    net.projections["linear1"].chain[0].bias.detach().numpy()[:] = 1.5


def _by_parameter(net: rv.Sequential) -> None:
    linear = net.projections["linear1"].chain[0]
    linear.weight = torch.nn.Parameter(linear.weight.detach() * 2)


def _by_loading(net: rv.Sequential) -> None:
    net.load_state_dict({n: t * 2 if n.endswith("weight") else t for n, t in net.state_dict().items()})


def _by_threshold(net: rv.Sequential) -> None:
    net.populations["lif1"].V_th.fill_(0.2)


def _by_chain(net: rv.Sequential) -> None:
    net.projections["linear1"].chain[0] = rv.Linear(20, 17)


@pytest.mark.parametrize("change", [_by_data, _by_numpy, _by_parameter, _by_loading, _by_threshold, _by_chain])
def test_steps_follow_what_changes(change: Callable[[rv.Sequential], None]) -> None:
    net, x = _layers(), _spikes(40, 1, torch.float32)
    with torch.no_grad():
        before, _ = _walk(net, x)
        served = _served(net)
        torch.manual_seed(8)
        change(net)
        changed, _ = _walk(net, x)
        fresh = copy.deepcopy(net)
        whole, _ = fresh(torch.cat([x, x]), net.initial_state(1, stream=0))
    assert served >= 38
    assert not torch.equal(changed, before)
    assert torch.equal(changed, whole[:40])


@pytest.mark.parametrize("change", ["mean", "affine"])
def test_steps_follow_a_norm(change: str) -> None:
    net, x = _normed(), _spikes(70, 1, torch.float32)
    with torch.no_grad():
        before, _ = _walk(net, x)
        norm = net.projections["linear1"].chain[1]
        (norm.running_mean if change == "mean" else norm.weight).data += 0.7
        after, _ = _walk(net, x)
        whole, _ = net(x, net.initial_state(1, stream=0))
        assert torch.equal(after, whole)
        assert not torch.equal(after, before)
        net.train()
        state = net.initial_state(2, stream=0)
        seen = norm.running_mean.clone()
        net.step(x[0].expand(2, -1), state)
        net.step(x[0].expand(2, -1), state)
    assert not torch.equal(norm.running_mean, seen)  # training counts the statistics of every call


def test_hooks_are_called() -> None:
    net, x = _layers(), _spikes(5, 1, torch.float32)
    seen: list[str] = []
    with torch.no_grad():
        _, state = _walk(net, x)
        handles = [
            net.register_forward_hook(lambda *_: seen.append("net")),
            net.populations["lif1"].register_forward_hook(lambda *_: seen.append("cells")),
            net.projections["linear2"].chain[0].register_forward_hook(lambda *_: seen.append("linear")),
        ]
        net.step(x[0], state)
        net.step(x[0], state)
        assert sorted(seen) == ["cells", "cells", "linear", "linear", "net", "net"]
        for handle in handles:
            handle.remove()
        net.step(x[0], state)
        net.step(x[0], state)
    assert len(seen) == 6


def test_what_is_wrong_is_refused_as_by_the_long_way() -> None:
    net, x = _layers(), _spikes(3, 1, torch.float32)
    with torch.no_grad():
        _, state = _walk(net, x)
        with pytest.raises(ShapeError, match="holds nan"):
            net.step(torch.full((1, 20), math.nan), state)
        with pytest.raises(ShapeError, match="expected"):
            net.step(torch.zeros(1, 19), state)
        with pytest.raises(StateError, match="batch of 1"):
            net.step(torch.zeros(2, 20), state)
        with pytest.raises(StateError, match="finite"):
            net.step(x[0], state.map(lambda t: t * math.nan))
        with pytest.raises(StateError, match="another network"):
            net.step(x[0], _recurrent().initial_state())
        with pytest.raises(StateError, match="float64"):
            net.step(x[0], state.to(torch.float64))
        y, _ = net.step(x[0].double(), state)  # as the long way, it takes numbers of any type
        assert torch.equal(y, net.step(x[0], state)[0])
        net.double()
        with pytest.raises(StateError, match="float32"):
            net.step(x[0], state)
        assert net.step(x[0], state.to(torch.float64))[0].dtype == torch.float64


def test_spikes_in_flight_that_are_none_are_refused() -> None:
    net, x = _recurrent(), _spikes(4, 1, torch.float32)
    with torch.no_grad():
        _, state = _walk(net, x)
        state.history["cell1"][0, 0, 3] = 0.5
        with pytest.raises(StateError, match="emits spikes"):
            net.step(x[0], state)


def test_numbers_beyond_any_model_are_warned_of() -> None:
    net, x = _layers(), _spikes(3, 1, torch.float32)
    with torch.no_grad():
        _, state = _walk(net, x)
        state.variables["readout1"]["v"][0, 2] = 3e22
        with pytest.warns(UserWarning, match="readout1.v of sample 0|readout1.v of"):
            net.step(x[0], state)


def _gradients(
    net: rv.Sequential, x: Tensor, steps: Callable[..., tuple[Tensor, rv.State]]
) -> tuple[Tensor, dict[str, Tensor | None], Tensor | None]:
    """Outputs of a loop over steps, and the gradients of a loss of them and of the last state."""
    net.zero_grad()
    x = x.clone().requires_grad_()
    out, state = [], net.initial_state(x.shape[1], stream=0)
    for now in x:
        y, state = steps(now, state)
        out.append(y)
    weights = torch.linspace(0.5, 1.5, len(out), dtype=x.dtype).reshape(-1, 1, 1)
    loss = (torch.stack(out) * weights).sum() + sum(v["v"].square().sum() for v in state.variables.values() if "v" in v)
    loss.backward()
    return torch.stack(out).detach(), {n: p.grad for n, p in net.named_parameters()}, x.grad


@pytest.mark.parametrize("make", [_layers, _recurrent])
@pytest.mark.parametrize("batch", [1, 3])
def test_with_a_gradient_values_and_gradients_are_those_of_the_long_way(
    make: Callable[..., rv.Sequential], batch: int
) -> None:
    net, x = make(torch.float64), _spikes(9, batch, torch.float64) * 1.5
    long = make(torch.float64, "reference")
    _gradients(net, x, net.step)  # binds
    before = _served(net)
    out, found, to_x = _gradients(net, x, net.step)
    other, wanted, expected = _gradients(long, x, long.step)
    assert _served(net) == before + 9
    torch.testing.assert_close(out, other)
    torch.testing.assert_close(to_x, expected)
    for name, grad in wanted.items():
        torch.testing.assert_close(found[name], grad)
    assert any(g is not None and float(g.abs().sum()) > 0 for g in found.values())


def test_numbers_that_change_before_the_backward_pass_are_refused() -> None:
    net, x = _layers(), _spikes(4, 1, torch.float32)
    _, state = _walk(net, x)
    state = state.detach()
    out, _ = net.step(x[0], state)
    assert _served(net) > 0
    net.populations["lif1"].V_th.fill_(-3.0)
    with pytest.raises(StateError, match="changed between a step and its backward pass"):
        out.sum().backward()
    net.populations["lif1"].V_th.fill_(1.0)
    out, _ = net.step(x[0], state)
    out, _ = net.step(x[0], state)
    with torch.no_grad():
        net.projections["linear1"].chain[0].weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_a_state_whose_graph_is_freed_says_what_to_do() -> None:
    net, x = _layers(), _spikes(4, 1, torch.float32)
    _, state = _walk(net, x)
    out, state = net.step(x[0], state.detach())
    out.sum().backward()
    out, _ = net.step(x[1], state)
    with pytest.raises(StateError, match=r"state.detach\(\)"):
        out.sum().backward()


def test_copies_and_pickles_set_up_anew() -> None:
    net, x = _layers(), _spikes(4, 1, torch.float32)
    with torch.no_grad():
        out, _ = _walk(net, x)
        other = copy.deepcopy(net)
        other.projections["linear1"].chain[0].weight.zero_()
        other.projections["linear1"].chain[0].bias.zero_()
        silent, _ = _walk(other, x)
        assert torch.equal(_walk(net, x)[0], out)
        assert torch.equal(_walk(pickle.loads(pickle.dumps(net)), x)[0], out)
    assert not torch.equal(silent, out)


def test_what_is_bound_holds_no_input_no_state_and_no_graph() -> None:
    net, x = _recurrent(), _spikes(4, 1, torch.float32)
    state = _walk(net, x)[1]
    held = [weakref.ref(t) for t in state.tensors().values()]
    graph = weakref.ref(state.variables["lif1"]["v"].grad_fn)
    (kept,) = net._memo.steps.values()
    assert kept.bound is not None
    del state
    gc.collect()
    assert graph() is None
    assert [r for r in held if r() is not None] == []
    place = x.untyped_storage().data_ptr()
    assert all(f.source.untyped_storage().data_ptr() != place for f in kept.bound.steps.task.feeds)


def test_nothing_grows_with_batches() -> None:
    net = _layers()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for batch in range(1, 20):
            _walk(net, _spikes(3, batch, torch.float32))
    assert len(net._memo.steps) <= 16


def test_batches_that_become_smaller_are_served_and_axes_that_are_swapped_are_warned_of() -> None:
    """Samples that leave a batch: every size is set up once. A step [1, B] after a call [B, 1] still looks like a mistake."""
    net, x = _layers(), _spikes(6, 12, torch.float32)
    with torch.no_grad():
        for _ in range(2):
            before, state = _served(net), net.initial_state(12)
            for left in (12, 8, 4):
                for now in x[:2]:
                    _, state = net.step(now[:left], state)
                state = state.take(torch.arange(max(4, left - 4)))
        assert _served(net) - before == 6
        net(x[:, :1])
        with pytest.warns(UserWarning, match="the first axis is time"):
            net.step(x[0, :6], net.initial_state(6))


def test_a_large_step_that_one_thread_takes_is_set_up_once() -> None:
    net, x = (
        rv.Sequential(rv.Linear(20, 1500), rv.LIF(1500), rv.Linear(1500, 5), rv.LIF(5), dt=1 * ms, seed=1),
        _spikes(3, 200, torch.float32),
    )
    with torch.no_grad():
        whole, end = net(x, net.initial_state(200, stream=0))
        out, state = _walk(net, x)
    assert _served(net)
    assert torch.equal(out, whole)
    assert _equal(state, end)


def test_the_plan_says_so() -> None:
    net = _layers()
    assert "set up once for all calls" in str(net.plan(steps=1))
    assert "set up once for all calls" not in str(net.plan(steps=1, gradient=True))
    assert "set up once" not in str(_layers(provider="reference").plan(steps=1))


@pytest.mark.parametrize("windows", [False, True])
def test_a_number_of_each_cell_of_a_single_cell(windows: bool) -> None:
    """Any stride suits an axis of one number, and torch leaves a stride of 0 where it was broadcast."""
    x = torch.linspace(0, 3, 24).view(6, 1, 4)
    parts = [rv.Linear(4, 1), rv.LIF(1, V_th=rv.Learn(0.3, each=True)), rv.Linear(1, 3), rv.LIF(3, V_th=0.2)]
    nets = [rv.Sequential(*parts, dt=1 * ms), rv.Sequential(*copy.deepcopy(parts), dt=1 * ms)]
    for net in nets:
        for p in net.projections.parameters():
            torch.nn.init.constant_(p, 0.1)
    population = nets[0].populations["lif1"]
    population.V_th = torch.nn.Parameter(torch.as_strided(population.V_th.detach(), (1,), (0,)))
    expected, _ = nets[1](x)
    for net in nets:
        out, state = [], None
        for row in x:
            y, state = net(row[None], state) if windows else net.step(row, state)
            out.append(y.detach().view(1, 1, 3))
        assert torch.equal(torch.cat(out), expected)
    assert expected.any()
