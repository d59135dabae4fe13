"""A provider is one file and a registration: plans ask it, run what it builds, and say where it refuses."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier import kernels
from ranvier.kernels import registry
from ranvier.kernels.tasks import ScanShape
from ranvier.units import ms
from tests.kernels.providers.counting import Counting
from tests.kernels.providers.refusing import Refusing
from tests.kernels.providers.registered import alone, registered

SENTENCE = "on the cpu provider: this provider runs nothing"


@pytest.fixture
def counting() -> Iterator[Counting]:
    made = Counting()
    with registered(made):
        yield made


@pytest.fixture
def refusing() -> Iterator[None]:
    with registered(Refusing()):
        yield


def results(net: rv.Network, x: torch.Tensor) -> list[torch.Tensor | None]:
    y = x.clone().requires_grad_()
    out, _ = net(y, net.initial_state(x.shape[1], stream=2))
    leaves = [p for p in net.parameters() if p.requires_grad]
    if not out.requires_grad:  # nothing arrives within the steps
        return [out]
    return [out.detach(), *torch.autograd.grad(out.square().sum(), [y, *leaves], allow_unused=True)]


def same(ours: list[Any], theirs: list[Any]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert a is b is None or torch.equal(a, b)


@pytest.mark.parametrize("steps", [1, 9])
def test_one_that_counts_runs_everything(
    build: Callable, spikes: Callable, kind: str, steps: int, counting: Counting
) -> None:
    net, x = build(kind, provider="counting"), spikes(steps, 2)
    plan = net.plan(gradient=True, steps=steps, batch=2)
    assert {c.provider for c in plan.choices if c.task in ("scan", "propagate")} == {"counting"}
    assert not plan.elsewhere
    found = results(net, x)
    assert counting.calls["ScanShape"] >= len(net.populations)
    assert counting.calls["PropagateShape"] >= 1
    same(found, results(build(kind, provider="reference"), x))


def test_one_that_refuses_is_passed_over_with_its_sentence(
    build: Callable, spikes: Callable, kind: str, refusing: None
) -> None:
    net, x = build(kind, provider="refusing"), spikes(8, 2)
    with pytest.warns(rv.errors.RanvierWarning, match=SENTENCE):
        plan = net.plan(gradient=True, steps=8, batch=2)
    assert all(SENTENCE in line for line in plan.elsewhere)
    assert SENTENCE in str(plan)
    with pytest.warns(rv.errors.RanvierWarning, match=SENTENCE):
        found = results(net, x)
    same(found, results(build(kind), x))


def test_the_first_offer_is_taken(build: Callable, spikes: Callable, counting: Counting) -> None:
    x, default = spikes(5, 1), build("circuit")
    expected = [v.clone() for v in default.state_dict().values()]
    assert {c.provider for c in default.plan().choices if c.task == "scan"} == {"cpu"}
    kernels.register(counting, before="cpu")
    net = build("circuit")
    assert registry.names()[0] == "counting"
    assert counting.calls["DrawShape"], "its wiring is drawn by the first provider too"
    same([*net.state_dict().values()], expected)
    assert {c.provider for c in net.plan().choices if c.task == "scan"} == {"counting"}
    out = net(x, net.initial_state(1, stream=2))[0]
    torch.testing.assert_close(out, default(x, default.initial_state(1, stream=2))[0], rtol=1e-9, atol=1e-9)


class Picky(Counting):
    """Runs one population alone."""

    name = "picky"

    def offer(self, shape: Any, request: Any) -> kernels.Offer | kernels.Refusal:
        if getattr(shape, "name", None) == "exc":
            return super().offer(shape, request)
        return kernels.Refusal("it runs exc alone")


@pytest.mark.parametrize("gradient", [True, False])
def test_cells_of_two_providers_run_population_by_population(build: Callable, spikes: Callable, gradient: bool) -> None:
    x, default, picky = spikes(12, 1), build("circuit"), Picky()
    with registered(picky), torch.set_grad_enabled(gradient):
        net = build("circuit", provider="picky")
        with pytest.warns(rv.errors.RanvierWarning, match="inh.* on the cpu provider: it runs exc alone"):
            out = net(x, net.initial_state(1, stream=2))[0]
        plan = net.plan(gradient=gradient, steps=12, batch=1)
        assert {plan.provider("exc"), plan.provider("inh")} == {"picky", "cpu"}
        assert "its cells run on cpu and picky" in str(plan)
        assert picky.calls["ScanShape"]
        expected = default(x, default.initial_state(1, stream=2))[0]
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)


def test_a_plan_that_ran_can_be_copied_and_pickled(build: Callable, spikes: Callable, counting: Counting) -> None:
    net = build("feed-forward", provider="counting")
    net(spikes(5, 2))
    (plan,) = net.graph.memo.plans.values()
    assert plan.built
    for again in (pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan)):
        assert again == plan
        assert not again.built
    same([*copy.deepcopy(net)(spikes(5, 2))[:1]], [*net(spikes(5, 2))[:1]])


def test_nobody_left_is_an_error_with_every_reason() -> None:
    net = rv.Sequential(rv.Linear(3, 2), rv.LIF(2), dt=1 * ms)
    with alone(Refusing()), pytest.raises(rv.errors.ProviderError, match="refusing: this provider runs nothing"):
        net(torch.zeros(2, 1, 3))
    assert registry.names() == ("cpu", "reference")
    net(torch.zeros(2, 1, 3))


def test_an_unknown_neighbour_is_refused() -> None:
    with pytest.raises(rv.errors.ProviderError, match="'gpu' is unknown: use 'cpu', 'reference'"):
        kernels.register(Counting(), before="gpu")
    assert registry.names() == ("cpu", "reference")


def test_a_network_that_ran_asks_a_new_provider_and_forgets_a_withdrawn_one(spikes: Callable, build: Callable) -> None:
    net, x = build("feed-forward"), spikes(6, 2)
    expected, counting = net(x, net.initial_state(2))[0], Counting()
    kernels.register(counting, before="cpu")
    try:
        out = net(x, net.initial_state(2))[0]
        assert counting.calls["ScanShape"] == len(net.populations)
        assert net.plan().provider("lif1") == "counting"
        torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    finally:
        kernels.withdraw("counting")
    counting.calls.clear()
    assert torch.equal(net(x, net.initial_state(2))[0], expected)
    assert net.plan().provider("lif1") == "cpu"
    assert not counting.calls


class Keeping:
    """Runs what another provider offers, and keeps the shapes that it was asked for and those that it built."""

    name = "keeping"

    def __init__(self, inner: str) -> None:
        self.inner, self.asked, self.built = registry.provider(inner), [], []

    def offer(self, shape: Any, request: Any) -> kernels.Offer | kernels.Refusal:
        self.asked.append(shape)
        return self.inner.offer(shape, request)

    def build(self, shape: Any, variant: str) -> Any:
        self.built.append(shape)
        return self.inner.build(shape, variant)


@pytest.mark.parametrize("inner", ["cpu", "reference"])
@pytest.mark.parametrize("gradient", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_what_is_built_was_offered(
    build: Callable, spikes: Callable, kind: str, inner: str, gradient: bool, batch: int
) -> None:
    keeping, x = Keeping(inner), spikes(40, batch)
    with registered(keeping), torch.set_grad_enabled(gradient):
        net = build(kind, provider="keeping")
        net(x, net.initial_state(batch, stream=2))
    assert keeping.built
    assert all(any(built is asked for asked in keeping.asked) for built in keeping.built)


def test_what_carries_the_derivative_of_spike_times_is_asked_for_with_its_program() -> None:
    keeping, x = Keeping("reference"), (torch.rand(30, 4, 7) < 0.3).float()
    with registered(keeping):
        net = rv.Network(dt=1 * ms, seed=1, provider="keeping")
        net.input("x", 7)
        net.population("a", 5, rv.CurrentLIF(tau_m=10 * ms, refractory=None), output=True)
        net.connect("x", "a", rv.Linear(7, 5), to="I")
        net(x, reset="times")
    (scan,) = [s for s in keeping.built if isinstance(s, ScanShape)]
    assert any(s is scan for s in keeping.asked)
    assert scan.step is net.populations["a"].step(net.graph.kicks("a"), True)
