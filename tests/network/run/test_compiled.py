"""Networks inside torch.compile and torch.export equal the same calls outside."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ProviderError, StateError
from ranvier.units import ms


def feedforward() -> rv.Sequential:
    return rv.Sequential(
        rv.Linear(6, 8), rv.LIF(8, tau=rv.Learn(10 * ms)), rv.Linear(8, 3), rv.LeakyReadout(3), dt=1 * ms
    )


def recurrent() -> rv.Sequential:
    delay = rv.Learn(rv.Uniform(0 * ms, 5 * ms), max=5 * ms)
    cell = rv.LIF(8, refractory=2 * ms)
    parts = rv.Linear(6, 8, delay=delay), rv.Recurrent(cell, rv.Linear(8, 8)), rv.Linear(8, 3), rv.LeakyReadout(3)
    return rv.Sequential(*parts, dt=1 * ms)


def images() -> rv.Sequential:
    parts = (
        nn.Unflatten(-1, (1, 2, 3)),
        rv.Conv2d(1, 4, 3, padding=1),
        rv.LIF(),
        nn.Flatten(),
        rv.Linear(24, 3),
        rv.LIF(),
    )
    return rv.Sequential(*parts, dt=1 * ms)


def inputs(steps: int) -> torch.Tensor:
    torch.manual_seed(steps)
    return (torch.rand(steps, 2, 6) < 0.5).float() * 2


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    torch.manual_seed(0)


@pytest.mark.parametrize(
    "make", [feedforward, pytest.param(recurrent, marks=pytest.mark.slow), pytest.param(images, marks=pytest.mark.slow)]
)
def test_outputs_states_and_gradients(make):
    net = make()
    fast = torch.compile(net, fullgraph=True, backend="aot_eager")
    for steps in (3, 5, 8):
        x = inputs(steps).requires_grad_()
        found = []
        for call, how in ((fast, {}), (net, {"stream": 0})):
            net.zero_grad()
            out, state = call(x, **how)
            out, state = call(x, state)
            (grad,) = torch.autograd.grad(out.pow(2).sum(), x, retain_graph=True)
            out.pow(2).sum().backward()
            found.append((out, state, grad, [p.grad for p in net.parameters()]))
        (out, state, grad, grads), (right, after, right_grad, right_grads) = found
        assert torch.equal(out, right)
        assert out.any()
        assert state.step == after.step == 2 * steps
        for path, value in after.tensors().items():
            assert torch.equal(state.tensors()[path], value), path
        torch.testing.assert_close(grad, right_grad)
        torch.testing.assert_close(grads, right_grads)


def test_the_dtype_may_change_after_a_call():
    made = []
    for again in (True, False):  # a call in float32 first, and none
        torch.manual_seed(0)
        torch._dynamo.reset()
        net, last = feedforward(), nn.Linear(3, 2)
        fast = torch.compile(lambda x, net=net, last=last: last(net(x)[0].mean(0)), backend="aot_eager")
        if again:
            fast(inputs(5))
        net.double()
        last.double()
        out = fast(inputs(5).double())
        out.square().sum().backward()
        made.append([out, *(p.grad for p in net.parameters())])
    for a, b in zip(*made, strict=True):
        assert a.dtype is torch.float64
        assert torch.equal(a, b)


def test_another_number_of_steps_compiles_nothing():
    graphs = []

    def backend(graph, example):
        graphs.append(graph)
        return graph.forward

    net = feedforward()
    fast = torch.compile(net, fullgraph=True, backend=backend)
    for steps in (3, 4, 5, 6, 7, 8):
        assert torch.equal(fast(inputs(steps))[0], net(inputs(steps))[0])
    assert len(graphs) == 2  # a first length, then any


@pytest.mark.slow
def test_hidden_signals_modes_and_steps():
    net = recurrent()
    x = inputs(5)

    @torch.compile(fullgraph=True, backend="aot_eager")
    def hidden(x):
        signals = net.observe(x, record={"lif1": ["spikes", "v"]}, reset="detached")
        return signals["lif1"]["v"].sum() + signals["lif1"]["spikes"].sum()

    right = net.observe(x, record={"lif1": ["spikes", "v"]}, reset="detached", stream=0)["lif1"]
    assert hidden(x).item() == pytest.approx((right["v"].sum() + right["spikes"].sum()).item(), rel=1e-6)
    fast = torch.compile(net.step, fullgraph=True, backend="aot_eager")
    state = net.initial_state(2, stream=0)
    with torch.no_grad():
        for _ in range(3):
            out, after = fast(x[0], state)
            right, state = net.step(x[0], state)
            assert torch.equal(out, right)
            assert after.step == state.step


@pytest.mark.parametrize(
    "part",
    [
        nn.Dropout(0.5),
        pytest.param(rv.ThresholdBatchNorm(8), marks=pytest.mark.slow),
        pytest.param(None, marks=pytest.mark.slow),
    ],
    ids=["dropout", "norm over the batch", "drawn values"],
)
def test_what_draws_is_called_between_two_graphs(part):
    cell = rv.LIF(8) if part is not None else rv.LIF(8, v=rv.Uniform(0, 1))
    net = rv.Sequential(rv.Linear(6, 8), *([] if part is None else [part]), cell, dt=1 * ms)
    fast = torch.compile(net, backend="aot_eager")
    out, state = fast(inputs(4))
    out.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.eval()
    out, state = fast(inputs(4))
    assert torch.equal(out, net(inputs(4), stream=state.stream)[0])
    torch._dynamo.reset()
    with pytest.raises(Exception, match="disable"):
        torch.compile(net.train(), fullgraph=True, backend="aot_eager")(inputs(4))


def test_what_a_hook_uses_gets_its_gradient():
    found = []
    for compiled in (True, False):
        torch.manual_seed(0)
        net, factor, calls = feedforward(), nn.Parameter(torch.tensor(2.0)), []
        net.linear1.register_forward_hook(lambda m, x, out, f=factor, c=calls: c.append(1) or out * f)
        call = torch.compile(net, backend="aot_eager") if compiled else net
        call(inputs(5))[0].square().sum().backward()
        assert len(calls) == 1
        found.append(factor.grad)
    assert float(found[1]) != 0
    assert torch.equal(*found)


def test_a_value_with_a_gradient_gets_it():
    found = []
    for compiled in (True, False):
        torch.manual_seed(0)
        net, level = feedforward(), nn.Parameter(torch.tensor(0.5))
        net.lif1.V_th = 2 * level
        call = torch.compile(net, backend="aot_eager") if compiled else net
        call(inputs(5))[0].square().sum().backward()
        found.append(level.grad)
    assert float(found[1]) != 0
    assert torch.equal(*found)


def test_a_hook_after_the_first_call_is_refused():
    net = feedforward()
    fast = torch.compile(net, backend="aot_eager")
    fast(inputs(5))
    net.linear1.register_forward_hook(lambda m, x, out: 2 * out)
    with pytest.raises(ProviderError, match=r"got a hook.* torch\.compiler\.reset\(\)"):
        fast(inputs(5))
    torch.compiler.reset()
    assert torch.equal(fast(inputs(5))[0], net(inputs(5))[0])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (lambda: rv.Sequential(rv.Linear(6, 8), rv.LIF(8), dt=1 * ms).initial_state(2), "the state holds lif1, the network lif1, readout1"),
        (lambda: rv.Sequential(rv.Linear(6, 8), rv.LIF(8), rv.Linear(8, 3), rv.ALIF(3), dt=1 * ms).initial_state(2), "the state holds lif1, alif1, the"),
        (lambda: slower().initial_state(2), "the state was made with dt=2 ms, the network has dt=1 ms"),
        (lambda: torch.zeros(2, 8), "state is Tensor: pass on the state"),
    ],
)  # fmt: skip
def test_a_state_of_another_network_is_refused(state, words):
    net = feedforward()
    with pytest.raises(StateError, match=words):
        torch.compile(net, backend="aot_eager")(inputs(5), state())


def slower() -> rv.Sequential:
    return rv.Sequential(
        rv.Linear(6, 8), rv.LIF(8, tau=rv.Learn(10 * ms)), rv.Linear(8, 3), rv.LeakyReadout(3), dt=2 * ms
    )


class Step(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x, state):
        return self.net.step(x, state)


@pytest.mark.parametrize("strict", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_step_is_exported(strict):
    net = feedforward()
    state = net.initial_state(2, stream=0)
    made = torch.export.export(Step(net), (inputs(1)[0], state), strict=strict).module()
    out, after = made(inputs(1)[0], state)
    right, _ = net.step(inputs(1)[0], state)
    assert torch.equal(out, right)
    assert after.step == 1
    with torch.no_grad():
        net.get_parameter(next(iter(dict(net.named_parameters())))).mul_(0.5)
    assert torch.equal(made(inputs(1)[0], state)[0], net.step(inputs(1)[0], state)[0])


def test_an_exported_step_needs_its_own_network():
    net = feedforward()
    state = net.initial_state(2, stream=0)
    made = torch.export.export(Step(net), (inputs(1)[0], state), strict=False)
    moved = copy.deepcopy(made.module())
    with pytest.raises(ProviderError, match="other parameters"):
        moved(inputs(1)[0], state)


def test_a_change_of_dtype_compiles_again():
    net = feedforward()
    fast = torch.compile(net, fullgraph=True, backend="aot_eager")
    fast(inputs(3))
    net.double()
    x = inputs(3).double()
    out, _ = torch.compile(net, fullgraph=True, backend="aot_eager")(x)
    assert out.dtype == torch.float64
    assert torch.equal(out, net(x)[0])


def test_parts_added_later_compile_again_and_end_what_was_exported():
    net = rv.Network(dt=1 * ms)
    net.input("x", 6)
    net.population("cells", 8, rv.LIF(8), output=True)
    net.connect("x", "cells", rv.Linear(6, 8), same_step=True)
    fast = torch.compile(net, fullgraph=True, backend="aot_eager")
    fast(inputs(3))
    state = net.initial_state(2, stream=0)
    exported = torch.export.export(Step(net), (inputs(1)[0], state), strict=False).module()
    net.connect("cells", "cells", nn.Identity(), delay=3 * ms)
    with pytest.raises(StateError, match="belongs to another network"):
        exported(inputs(1)[0], state)
    out, state = fast(inputs(3))
    assert torch.equal(out, net(inputs(3), stream=0)[0])
    assert "history/cells" in state.tensors()
