"""The plan is a value: the same for the same request, printable, and true."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.units import ms


def test_equal_requests_give_equal_plans(build: Callable, kind: str) -> None:
    first, second = build(kind).plan(batch=4, gradient=True), build(kind).plan(batch=9, gradient=True)
    assert first == second
    assert hash(first) == hash(second)
    assert copy.deepcopy(first) == first
    assert build(kind).plan(batch=4, gradient=True, window=3) != first


def test_planning_changes_nothing(build: Callable, spikes: Callable, kind: str) -> None:
    net, x = build(kind), spikes(8)
    expected = net(x, net.initial_state(2, stream=0))[0]
    for how in ({"gradient": True}, {"window": 2}, {"checkpoint": 3}, {"batch": None}, {}):
        net.plan(**how)
    assert torch.equal(net(x, net.initial_state(2, stream=0))[0], expected)


def test_it_prints_one_line_for_every_part(build: Callable, kind: str) -> None:
    net = build(kind)
    text = str(net.plan())
    for name in (*net.populations, *net.projections):
        assert any(line.split()[0] == name for line in text.splitlines()), name
    assert "why" in text.splitlines()[0]


def test_it_goes_into_a_checkpoint(build: Callable, kind: str) -> None:
    plan = build(kind).plan(gradient=True, window=5)
    assert json.loads(json.dumps(plan.to_dict()))["window"] == 5


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_a_provider_asked_for_is_used(build: Callable, provider: str) -> None:
    plan = build("feed-forward", provider=provider).plan()
    assert {c.provider for c in plan.choices if c.task == "scan"} == {provider}
    assert all("asked for" in c.why for c in plan.choices if c.task == "scan")


def test_circuits_become_one_circuit(build: Callable) -> None:
    net = build("circuit")
    assert net.plan().circuits == {("exc", "inh")}
    assert not net.plan(gradient=True).circuits
    assert "gradient" in str(net.plan(gradient=True))
    assert net.plan(batch=2).circuits == {("exc", "inh")}
    assert "all samples together" in str(net.plan(batch=2))


def test_dense_input_and_few_targets_go_to_the_matrix_library() -> None:
    net = rv.Sequential(rv.Linear(9, 64), rv.LIF(64), rv.Linear(64, 64), rv.LIF(64), rv.Linear(64, 5), dt=1 * ms)
    assert net.plan().choice("linear1").variant == "event"
    assert net.plan(dense_inputs=frozenset({"input"})).choice("linear1").variant == "dense"
    assert net.plan().choice("linear2").variant == "event"
    assert net.plan().choice("linear3").variant == "dense"
    assert "only 5 targets" in str(net.plan())


def test_new_parts_make_new_plans() -> None:
    net = rv.Network(dt=1 * ms)
    net.population("a", 2, rv.LIF())
    assert [c.part for c in net.plan().choices] == ["a", "a"]
    net.population("b", 2, rv.LIF())
    net.connect("a", "b", rv.OneToOne(), to="x")
    assert {c.part for c in net.plan().choices} == {"a", "b", "a_to_b_x", "a+b"}


def test_other_devices_are_said_to_fall_back(build: Callable) -> None:
    with pytest.warns(rv.errors.RanvierWarning, match="on the reference provider: the cpu provider runs on the CPU"):
        plan = build("feed-forward").to("meta").plan()
    assert all(c.provider == "reference" for c in plan.choices)
    assert "meta" in str(plan)


def test_the_last_plans_are_kept(build: Callable) -> None:
    net = build("feed-forward")
    first = net.plan(window=1)
    for window in range(1, 80):
        assert net.plan(window=window) is net.plan(window=window)
    assert len(net.graph.memo.plans) == net.graph.memo.most
    assert net.plan(window=1) == first
    assert net.plan(window=1) is not first
