"""Which parts run as one circuit."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.units import ms
from tests.network.loops import build

#: the units of each kind of network: how they run, and who is in them
UNITS = {
    "plain": [("circuit", {"a", "b", "c"})],
    "cycle inside": [("circuit", {"a", "b", "c"})],
    "drawn": [("circuit", {"a", "b", "c"})],
    "listed": [("circuit", {"a", "b", "c"})],
    "matrix": [("circuit", {"a"}), ("circuit", {"b", "c"})],
    "relay": [("circuit", {"a"}), ("scan", {"r"}), ("circuit", {"b", "c"})],
    "apart": [("circuit", {"a", "b", "c"})],
    "plastic": [("circuit", {"a", "b", "c"})],
    "release": [("circuit", {"a", "b", "c"})],
    "procedural": [("circuit", {"a", "b", "c"})],
    "rates": [("circuit", {"a", "b", "c", "r"})],
    "late rates": [("circuit", {"a", "b", "c", "r"}), ("scan", {"d"})],
}


@pytest.mark.parametrize("kind", UNITS)
def test_single_synapses_join_parts_with_and_without_a_cycle(kind: str) -> None:
    plan = build(kind).plan()
    assert [(unit.how, set(unit.members)) for unit in plan.units] == UNITS[kind]
    assert plan.circuits == {unit.members for unit in plan.units if unit.how == "circuit"}


@pytest.mark.parametrize(
    ("kind", "members"),
    [("plain", None), ("cycle inside", {"b"}), ("plastic", {"b"}), ("rates", {"r"}), ("late rates", {"r"})],
)
def test_a_batch_of_a_cycle_is_a_circuit(kind: str, members: set[str] | None) -> None:
    plan = build(kind).plan(batch=4)
    assert [set(one) for one in plan.circuits] == ([] if members is None else [members])
    assert not any(unit.how == "windows" for unit in plan.units)
    assert ("all samples together" in str(plan)) is (kind == "cycle inside")
    assert ("circuit, sample by sample" in str(plan)) is (kind in ("plastic", "rates", "late rates"))


@pytest.mark.parametrize("kind", UNITS)
def test_with_a_gradient_there_is_no_circuit(kind: str) -> None:
    assert not build(kind).plan(gradient=True).circuits
    assert not build(kind, provider="reference").plan().circuits


def test_layers_that_an_input_drives_stay_layers() -> None:
    net = rv.Sequential(rv.Linear(9, 8), rv.LIF(8), rv.Linear(8, 5), rv.LIF(5), dt=1 * ms)
    assert not net.plan().circuits


def test_a_population_behind_an_input_joins_the_circuit_of_its_targets() -> None:
    net = build("apart")
    net.input("in", 21)
    net.connect("in", "a", rv.OneToOne(), to="x")
    assert [(u.how, u.members) for u in net.plan().units] == [("scan", ("a",)), ("circuit", ("b", "c"))]
    net.connect("a", "b", rv.FixedProbability(0.3), to="g")
    assert [set(u.members) for u in net.plan().units] == [{"a", "b", "c"}]


def test_a_hook_keeps_a_part_out() -> None:
    net = build("plain")
    handle = net.populations["b"].register_forward_hook(lambda *_: None)
    with torch.no_grad():
        assert [(u.how, set(u.members)) for u in net.plan().units] == [
            ("circuit", {"a"}),
            ("scan", {"b"}),
            ("circuit", {"c"}),
        ]
    handle.remove()
    assert [set(u.members) for u in net.plan().units] == [{"a", "b", "c"}]


def test_cells_that_emit_a_variable_to_nobody_are_part_of_it() -> None:
    net = build("plain")
    net.population("d", 4, rv.LeakyReadout())
    net.connect("a", "d", rv.FixedProbability(0.3))
    assert [set(u.members) for u in net.plan().units] == [{"a", "b", "c", "d"}]


def test_the_plan_says_that_a_variable_is_carried_in_every_step() -> None:
    plan = build("rates").plan()
    assert plan.choice("r_to_r_x").why == "in every step, inside the circuit, as r is dense"
    assert "cost follows the spikes of a" in plan.choice("a_to_r_x").why


def test_synapses_drawn_at_spikes_cannot_carry_a_variable() -> None:
    net = rv.Network(dt=1 * ms)
    net.population("r", 9, rv.Cell("r' = 0.8*r + x : 1\nx : 1 (input)", emit="r"))
    net.connect("r", "r", rv.Procedural(rv.FixedProbability(0.4)), to="x", name="loop")
    plan = net.plan()
    assert not plan.circuits
    assert "loop draws its synapses when a cell fires, but r emits r" in str(plan)
