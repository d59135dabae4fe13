"""Calls of one shape, which are set up once: the same numbers as the long way, whatever changes in between."""

from __future__ import annotations

import copy
import gc
import threading
import warnings
import weakref
from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.errors import ProviderError, ShapeError, StateError
from ranvier.network.run.bound_calls import BoundCalls
from ranvier.units import ms
from tests.network.run.kept_calls import made, same

Tensor = torch.Tensor
DTYPES = [torch.float32, torch.float64]


def _layers(dtype: torch.dtype = torch.float32, provider: str | None = None, bias: bool = True) -> rv.Sequential:
    torch.manual_seed(3)
    net = rv.Sequential(
        rv.Linear(20, 17, bias=bias), rv.LIF(17, tau=5 * ms), rv.Linear(17, 5, bias=bias), rv.LeakyReadout(5, tau=8 * ms),
        dt=1 * ms, dtype=dtype, provider=provider,
    )  # fmt: skip
    return _louder(net)


def _plain(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    return _layers(dtype, provider, bias=False)


def _deep(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    """Three populations, one of them refractory, one with several variables; a signed weight is computed in every call."""
    torch.manual_seed(4)
    equations = "dv/dt = (x - v)/tau : 1 (unless refractory)\nx : 1 (input)"
    cell = rv.Cell(equations, threshold="v > 0.2", reset="v = 0", refractory=2 * ms, size=16, tau=5 * ms, name="cell")
    parts = [rv.Linear(20, 16), cell, rv.Linear(16, 32), rv.ALIF(32), rv.Linear(32, 5), rv.LIF(5)]
    return _louder(rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider))


def _learnt(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    """Learnt time constants, one for all cells and one for each, and a learnt threshold."""
    torch.manual_seed(5)
    parts = [
        rv.Linear(20, 17), rv.LIF(17, tau=rv.Learn(5 * ms)), rv.Linear(17, 16),
        rv.ALIF(16, tau=rv.Learn([k * ms for k in range(2, 18)]), V_th=rv.Learn(0.8)), rv.Linear(16, 5), rv.LeakyReadout(5, tau=rv.Learn(8 * ms)),
    ]  # fmt: skip
    return _louder(rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider))


def _returning(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    """Spikes that come back, some of them three steps later, to cells with a learnt time constant; and late ones ahead."""
    torch.manual_seed(6)
    parts = [
        rv.Linear(20, 17), rv.Recurrent(rv.LIF(17, tau=rv.Learn(5 * ms)), rv.Linear(17, 17)), rv.Linear(17, 16, delay=2 * ms),
        rv.Recurrent(rv.LIF(16), rv.Linear(16, 16, bias=False, delay=3 * ms)), rv.Linear(16, 5), rv.LeakyReadout(5),
    ]  # fmt: skip
    return _louder(rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider))


def _single(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    """Spikes that come back through single synapses: cell by cell, and three steps later by chance; some learnt, some not."""
    torch.manual_seed(6)
    each, pairs = rv.Learn(torch.linspace(-1, 1, 17).tolist()), rv.FixedProbability(0.4)
    parts = [
        rv.Linear(20, 17), rv.Recurrent(rv.LIF(17, tau=rv.Learn(5 * ms)), rv.OneToOne(), weight=each), rv.Linear(17, 16),
        rv.Recurrent(rv.LIF(16), pairs, weight=rv.Learn(rv.Normal(0.3, 0.5)), delay=3 * ms), rv.Linear(16, 16, bias=False),
        rv.Recurrent(rv.LIF(16), pairs, weight=0.4, delay=2 * ms), rv.Linear(16, 5), rv.LeakyReadout(5),
    ]  # fmt: skip
    return _louder(rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider, seed=2))


def _louder(net: rv.Sequential) -> rv.Sequential:
    with torch.no_grad():
        for p in net.projections.values():
            weight = p.chain[0].weight
            weight.mul_(4 if weight.ndim == 2 else 1)
    return net


NETS = [_layers, _plain, _deep, _learnt, _returning, _single]


def _spikes(steps: int, batch: int, dtype: torch.dtype = torch.float32, rate: float = 0.2) -> Tensor:
    return (torch.rand(steps, batch, 20, generator=torch.Generator().manual_seed(steps)) < rate).to(dtype)


def _served(net: rv.Network) -> int:
    return sum(kept.served for kept in net._memo.calls.values())


def _as_one(net: rv.Network) -> bool:
    """Whether each call that was set up runs as one operation."""
    return all(isinstance(kept.bound, BoundCalls) for kept in net._memo.calls.values())


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (4, 1), (7, 3), (20, 32)])
def test_a_bound_call_has_the_bits_of_the_long_way(make: Callable, dtype: torch.dtype, steps: int, batch: int) -> None:
    net, x = make(dtype), _spikes(steps, batch, dtype)
    first = made(net, x)
    made(net, x)
    assert _served(net) == 0
    assert same(made(net, x), first)
    assert _served(net) == 1
    assert _as_one(net)
    assert any(bool(t.any()) for t in first[-2:])


@pytest.mark.parametrize("make", NETS)
def test_its_gradients_are_those_of_the_reference(make: Callable) -> None:
    x, net, witness = _spikes(9, 4, torch.float64), make(torch.float64), make(torch.float64, "reference")
    for _ in range(3):
        found = made(net, x)
    assert _served(net) == 1
    for a, b in zip(found, made(witness, x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("make", [_layers, _returning])
@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_inputs_run_as_one_operation(make: Callable, dtype: torch.dtype) -> None:
    x = torch.randn(9, 4, 20, generator=torch.Generator().manual_seed(1)).to(dtype)
    net, witness = make(dtype), make(dtype, "reference")
    found = [made(net, x) for _ in range(3)]
    assert _served(net) == 1
    assert _as_one(net)
    assert same(found[0], found[2])
    near = {"rtol": 1e-9, "atol": 1e-11} if dtype == torch.float64 else {"rtol": 1e-3, "atol": 1e-4}
    for a, b in zip(found[2], made(witness, x), strict=True):
        torch.testing.assert_close(a, b, **near)


def test_a_large_dense_input_is_multiplied_by_the_library_of_torch() -> None:
    net = rv.Sequential(rv.Linear(300, 300), rv.LIF(300), dt=1 * ms)
    assert "cpu, dense" in str(net.plan(steps=4, batch=2, gradient=True, dense_inputs=["input"]))


def _image(provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(5)
    parts = [torch.nn.Conv2d(1, 4, 3), rv.LIF(), torch.nn.MaxPool2d(2), torch.nn.Flatten(), rv.Linear(4, 3), rv.LIF(3)]
    return rv.Sequential(rv.Relay(), *parts, dt=1 * ms, dtype=torch.float64, provider=provider)


def _delayed(provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(6)
    first = rv.Linear(20, 16, delay=rv.Learn(rv.Uniform(0 * ms, 4 * ms), max=6 * ms))
    cell = rv.LIF(16, tau=rv.Learn(5 * ms), v=rv.Learn(0.2))
    parts = [
        first,
        rv.Recurrent(cell, rv.Linear(16, 16)),
        torch.nn.BatchNorm1d(16),
        torch.nn.Dropout(0.3),
        rv.Linear(16, 5),
    ]
    return _louder(
        rv.Sequential(*parts, rv.LIF(5, v=rv.Uniform(0, 0.5)), dt=1 * ms, dtype=torch.float64, provider=provider)
    )


def _learnt_wide(provider: str | None = None) -> rv.Sequential:
    return _learnt(torch.float64, provider)


def _returning_wide(provider: str | None = None) -> rv.Sequential:
    return _returning(torch.float64, provider)


def _single_wide(provider: str | None = None) -> rv.Sequential:
    return _single(torch.float64, provider)


@pytest.mark.parametrize("make", [_image, _delayed, _learnt_wide, _returning_wide, _single_wide])
def test_other_networks_keep_their_plan_and_parts(make: Callable) -> None:
    x = _spikes(9, 4, torch.float64)
    x = x[..., :16].reshape(9, 4, 1, 4, 4) if make is _image else x
    found: list[list[list[Tensor]]] = []
    for provider, bound in (("cpu", True), ("cpu", False), ("reference", True)):
        net = make(provider)
        optimizer = torch.optim.Adam(net.parameters(), 1e-3)
        rows = []
        for k in range(6):
            if not bound:
                net._memo.calls.clear()
            torch.manual_seed(20 + k)  # of dropout, and of the streams of drawn values
            state = net(x)[1].detach() if k % 2 else None
            rows.append(made(net, x, state))
            optimizer.step()
        assert bool(_served(net)) is bound
        found.append(rows)
    for one, other, witness in zip(*found, strict=True):
        assert same(one, other)
        for a, b in zip(one, witness, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)


def test_numbers_that_are_no_spikes_and_records_and_states() -> None:
    net, x = _layers(), _spikes(6, 3) * torch.linspace(0.3, 2, 20)
    state = net(x)[1].detach()
    record = {"lif1": ["spikes", "v"], "readout1": ["v"]}
    for _ in range(3):
        outs = [net.observe(x, state, record=record), *(net(x, state) for _ in range(2))]
    long = copy.deepcopy(net).observe(x, state, record=record)
    for n, variables in record.items():
        assert all(torch.equal(outs[0][n][v], long[n][v]) for v in variables)
    assert _served(net) >= 3
    assert torch.equal(outs[1][0], long["readout1"]["v"])
    assert (outs[1][1].step, outs[1][1].stream) == (12, state.stream)


def test_without_a_gradient_it_keeps_nothing() -> None:
    net, x = _layers(), _spikes(5, 2)
    with torch.no_grad():
        outs = [net(x)[0] for _ in range(4)]
    assert _served(net) == 2
    assert all(torch.equal(o, outs[0]) and o.grad_fn is None for o in outs)


def test_an_optimiser_and_every_other_change_is_seen() -> None:
    def weight(net: rv.Network) -> torch.nn.Parameter:
        return net.projections["linear1"].chain[0].weight

    def replace(net: rv.Network) -> None:
        net.projections["linear1"].chain[0].weight = torch.nn.Parameter(torch.full((17, 20), 0.3))

    changes: list[Callable[[rv.Network], object]] = [
        lambda net: torch.optim.SGD(net.parameters(), 0.3).step(),
        lambda net: net.load_state_dict({n: 0.9 * t for n, t in net.state_dict().items()}),
        lambda net: weight(net).data.mul_(1.3),
        lambda net: setattr(weight(net), "data", weight(net).data * 1.2),
        replace,
        lambda net: weight(net).requires_grad_(False),
        lambda net: weight(net).data.mul_(1.4),
        lambda net: weight(net).requires_grad_(True),
        lambda net: net.populations["lif1"].get_buffer("tau").mul_(1.5),
        lambda net: net.double(),
        lambda net: net.float(),
        lambda net: net.add_module("extra", torch.nn.Linear(2, 2)),
        lambda net: net.populations["lif1"].register_forward_hook(lambda *_: None),
    ]
    net, x = _layers(), _spikes(6, 3)
    for _ in range(12):
        made(net, x)
    for change in changes:
        change(net)
        x = x.to(net.dtype)
        expected = made(copy.deepcopy(net), x)  # has nothing set up
        for _ in range(12):  # enough for a set-up to pay, so that the next one does not wait
            assert same(made(net, x), expected)
        assert _served(net)


@pytest.mark.parametrize("make", [_learnt, _returning])
def test_every_change_of_a_learnt_time_constant_is_seen(make: Callable) -> None:
    def tau(net: rv.Network) -> torch.nn.Parameter:
        return next(q for n, q in net.named_parameters() if "tau" in n)

    changes: list[Callable[[rv.Network], object]] = [
        lambda net: tau(net).data.mul_(1.3),
        lambda net: torch.optim.SGD(net.parameters(), 0.3).step(),
        lambda net: tau(net).requires_grad_(False),
        lambda net: tau(net).data.mul_(1.4),
        lambda net: tau(net).requires_grad_(True),
        lambda net: setattr(tau(net), "data", tau(net).data * 1.2),
        lambda net: net.populations["lif1"].get_buffer("V_th").mul_(1.1),
    ]
    net, x = make(), _spikes(6, 3)
    for _ in range(12):
        made(net, x)
    for change in changes:
        change(net)
        expected = made(copy.deepcopy(net), x)  # has nothing set up
        with torch.no_grad():
            silent = copy.deepcopy(net)(x)[0]
            assert all(torch.equal(net(x)[0], silent) for _ in range(3))
        for _ in range(12):
            assert same(made(net, x), expected)
        assert _served(net)


def test_a_coefficient_without_gradient_follows_its_parameter() -> None:
    """An update that reads whether tau is long, beside one that reads tau."""
    equations = "v' = exp(-dt/tau)*v + x*(1 + int(tau > 6*ms)) + b : 1\nx : 1 (input)"
    cell = rv.Cell(equations, threshold="v > 1", reset="v = 0", tau=rv.Learn(5 * ms), b=0.1, size=8, name="cell")
    net, x = rv.Sequential(rv.Linear(20, 8), cell, rv.Linear(8, 2), rv.LeakyReadout(2), dt=1 * ms), _spikes(6, 3)
    found = []
    for tau in (5.0, 7.0, 5.0):
        net.populations["cell1"].tau.data.fill_(tau)
        expected = made(copy.deepcopy(net), x)
        for _ in range(12):
            assert same(made(net, x), expected)
        found.append(expected)
    assert _served(net)
    assert _as_one(net)
    assert not same(found[0], found[1])
    assert same(found[0], found[2])


@pytest.mark.parametrize("tau", [5.0, 0.0, -1.0, 1e-3, 20.0, 25.0])
def test_learnt_numbers_at_their_bounds_are_those_of_the_long_way(tau: float) -> None:
    parts = [rv.Linear(20, 8), rv.LIF(8, tau=rv.Learn(5 * ms, max=20 * ms)), rv.Linear(8, 2), rv.LeakyReadout(2)]
    net, x = rv.Sequential(*parts, dt=1 * ms), _spikes(6, 3)
    for _ in range(6):
        made(net, x)
    net.populations["lif1"].tau.data.fill_(tau)
    expected, served = made(copy.deepcopy(net), x), _served(net)
    assert same(made(net, x), expected)
    assert _served(net) == served + 1


@pytest.mark.parametrize("batch", [3, 32])
def test_every_change_of_single_synapses_is_seen(batch: int) -> None:
    def buffer(net: rv.Network, last: bool) -> Tensor:
        return net.projections["recurrent3" if last else "recurrent1"].chain[0].weight

    changes: list[Callable[[rv.Network], object]] = [
        lambda net: buffer(net, False).data.mul_(-1.3),
        lambda net: buffer(net, True).mul_(1.5),
        lambda net: torch.optim.SGD(net.parameters(), 0.3).step(),
        lambda net: net.projections["linear1"].chain[0].bias.data.add_(0.1),
        lambda net: net.projections["recurrent2"].chain[0].target.copy_(net.projections["recurrent2"].chain[0].target.flip(0)),
        lambda net: buffer(net, False).requires_grad_(False),
        lambda net: buffer(net, False).data.mul_(0.7),
    ]  # fmt: skip
    net, x = _single(), _spikes(6, batch)
    state = net(x)[1].detach()
    for _ in range(12):
        made(net, x, state)
    for change in changes:
        change(net)
        expected = made(copy.deepcopy(net), x, state)  # has nothing set up
        for _ in range(12):
            assert same(made(net, x, state), expected)
        assert _served(net)


def test_spikes_in_flight_to_single_synapses_must_be_spikes() -> None:
    net, x = _single(), _spikes(6, 3)
    for _ in range(3):
        state = net(x)[1].detach()
    served = _served(net)
    assert served
    next(h for h in state.history.values() if h.any()).mul_(0.5)
    with pytest.raises(StateError, match=r"holds 0\.5"):
        net(x, state)
    assert _served(net) == served


def test_a_change_of_what_a_settled_norm_divides_by_is_seen() -> None:
    torch.manual_seed(1)
    norm = torch.nn.BatchNorm1d(17)
    net = rv.Sequential(rv.Linear(20, 17), norm, rv.LIF(17), rv.Linear(17, 5), rv.LeakyReadout(5), dt=1 * ms)
    net, x = _louder(net).eval(), _spikes(6, 3)
    with torch.no_grad():
        for eps in (1e-5, 1.0, 3.0):
            norm.eps = eps
            expected = copy.deepcopy(net)(x)[0]
            for _ in range(12):
                assert torch.equal(net(x)[0], expected)
            assert _served(net)


def test_what_flies_must_be_spikes() -> None:
    net, x = _returning(), _spikes(6, 3)
    for _ in range(3):
        state = net(x)[1].detach()
    served, name = _served(net), next(iter(state.history))
    assert served
    state.history[name].mul_(0.5)
    with pytest.raises(StateError, match=r"holds 0\.5"):
        net(x, state)
    assert _served(net) == served


def test_another_seed_is_seen() -> None:
    """By noise in the equations."""
    equations = "dv/dt = -v/tau + 0.3*xi/sqrt(tau) + x/ms : 1\nx : 1 (input)"
    cell = rv.Cell(equations, threshold="v > 1", reset="v = 0", tau=5 * ms, size=8, name="cell")
    net, x = rv.Sequential(rv.Linear(20, 8), cell, rv.Linear(8, 2), rv.LeakyReadout(2), dt=1 * ms), _spikes(6, 3)
    before = [made(net, x, stream=1) for _ in range(6)][-1]
    net.seed = 5
    found = made(net, x, stream=1)
    assert same(found, made(copy.deepcopy(net), x, stream=1))
    assert not same(found, before)


def test_graphs_are_independent_and_may_be_kept() -> None:
    net, x, y = _layers(), _spikes(6, 3), _spikes(6, 3).roll(1, 2)
    alone = []
    for z in (x, x, x, y):
        net.zero_grad()
        net(z)[0].square().sum().backward()
        alone.append([p.grad.clone() for p in net.parameters()])
    net.zero_grad()
    one, other = net(x)[0].square().sum(), net(y)[0].square().sum()  # two calls before the first is differentiated
    assert _served(net) >= 2
    other.backward(retain_graph=True)
    assert same([p.grad for p in net.parameters()], alone[3])
    net.zero_grad()
    one.backward(retain_graph=True)
    assert same([p.grad for p in net.parameters()], alone[0])
    net.zero_grad()
    one.backward()  # again
    assert same([p.grad for p in net.parameters()], alone[0])
    both = torch.autograd.grad(net(x)[0].square().sum() + other, list(net.parameters()))
    for g, a, b in zip(both, alone[0], alone[3], strict=True):
        torch.testing.assert_close(g, a + b)
    with pytest.raises(RuntimeError, match="second time"):
        one.backward()
    late = net(x)[0].sum()
    with torch.no_grad():
        next(net.parameters()).mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        late.backward()
    with pytest.raises(ProviderError, match="second derivative"):
        torch.autograd.grad(net(x)[0].square().sum(), [next(net.parameters())], create_graph=True)


def test_outputs_own_their_memory() -> None:
    net, x = _layers(), _spikes(6, 3)
    slopes = []
    for spoil in (False, False, False, True):
        net.zero_grad()
        seen = net.observe(x, record={"lif1": ["spikes"], "readout1": ["v"]})
        out, state = net(x)
        v = state.variables["lif1"]["v"]
        loss = (out * torch.linspace(-1, 2, out.numel()).view(out.shape)).sum() + 3 * v.sum()
        if spoil:
            for t in (out, v, seen["lif1"]["spikes"]):
                t.data.zero_()
            net(x.roll(1, 0))
        loss.backward()
        slopes.append([p.grad.clone() for p in net.parameters()])
    assert same(slopes[-1], slopes[0])
    assert _served(net) == 5


def test_state_with_a_gradient_and_input_with_one_go_the_long_way() -> None:
    net, x = _layers(), _spikes(6, 3)
    for _ in range(3):
        _, state = net(x)
    served = _served(net)
    assert served == 1
    net(x, state)[0].sum().backward()
    y = x.clone().requires_grad_()
    net(y)[0].sum().backward()
    assert y.grad is not None
    assert bool(y.grad.any())
    assert _served(net) == served


def test_unsound_numbers_are_reported_as_in_the_long_way() -> None:
    net, x = _layers(), _spikes(6, 3)
    for _ in range(3):
        net(x)
    bad = x.clone()
    bad[1, 0, 2] = float("nan")
    with pytest.raises(ShapeError, match="holds nan"):
        net(bad)
    with torch.no_grad():
        net.projections["linear2"].chain[0].weight.fill_(float("inf"))
    with pytest.warns(UserWarning, match=r"readout1\.v"):
        net(x)
    assert _served(net) == 2


def test_autocast_and_other_lengths_and_batches() -> None:
    net, x = _layers(), _spikes(6, 3)
    first = net(x)[0]
    for _ in range(2):
        net(x)
    with torch.autocast("cpu"):
        assert not torch.equal(net(x)[0], first)
    assert _served(net) == 1
    for steps, batch in ((5, 3), (6, 2), (3, 6)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the axes of (3, 6) look turned
            net(_spikes(steps, batch))
    assert torch.equal(net(x)[0], first)


def test_several_threads_call_at_once() -> None:
    net, x = _layers(), _spikes(6, 3)
    for _ in range(3):
        first = net(x)[0].detach()
    slopes: list[list[Tensor]] = []

    def work() -> None:
        for _ in range(20):
            out = net(x)[0]
            slopes.append([*torch.autograd.grad(out.square().sum(), list(net.parameters())), out.detach()])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(slopes) == 80
    assert all(same(one, slopes[0]) for one in slopes)
    assert torch.equal(slopes[0][-1], first)


def test_nothing_grows_and_nothing_is_held() -> None:
    net, x = _plain(), _spikes(6, 3)

    def tensors_after(count: int) -> int:
        for _ in range(count):
            net.zero_grad()
            net(x)[0].square().sum().backward()
        gc.collect()
        return sum(isinstance(o, Tensor) for o in gc.get_objects())

    before = tensors_after(20)
    assert tensors_after(300) <= before
    out = net(x)[0]
    graph = weakref.ref(out)
    del out
    assert graph() is None
    assert _served(net) > 300


def test_the_number_of_threads_changes_nothing() -> None:
    net, x, threads = _layers(), _spikes(20, 32), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first = made(net, x)
        made(net, x)
        torch.set_num_threads(4)
        assert same(made(net, x), first)
    finally:
        torch.set_num_threads(threads)
