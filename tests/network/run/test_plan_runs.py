"""What a plan says is what runs: crossed requests, with the runner watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.dynamics import Cuts
from ranvier.kernels import registry
from ranvier.network import Projection
from ranvier.network.run import again as _again
from ranvier.network.run import fused as _fused
from ranvier.network.run import runner as _runner
from ranvier.training.rules.series import Series
from ranvier.units import ms

#: the paths that BPTT, SLTT, OTTT, e-prop and EventProp keep
CUTS = {
    "whole": Cuts(),
    "instant": Cuts(False, False),
    "split": Cuts(True, False, False),
    "local": Cuts(True, False, False, "surrogate", False),
    "times": Cuts(reset="times"),
}


class Watch:
    """The units that ran, one way each, and by what each projection was carried."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, tuple[str, ...]]] = []
        self.carried: dict[str, set[Any]] = {}
        self.fed: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.once: set[tuple[str, ...]] = set()


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    seen = Watch()

    def spy(owner: Any, name: str, note: Callable) -> None:
        inner = getattr(owner, name)

        def outer(*given: Any, **named: Any) -> Any:
            out = inner(*given, **named)
            note(out, *given, **named)
            return out

        m.setattr(owner, name, outer)

    with monkeypatch.context() as m:

        def noted(way: str, how: str) -> None:
            run = _runner.WAYS[how]

            def outer(runner: Any, unit: Any, window: Any) -> None:
                run(runner, unit, window)
                seen.ran.append((way, unit.members))

            m.setitem(_runner.WAYS, how, outer)

        for way, hows in (
            ("scan", ["scan"]),
            ("circuit", ["circuit"]),
            ("windows", ["windows"]),
            ("together", ["joined", "fused"]),
        ):
            for how in hows:
                noted(way, how)

        def together(task: Any, runner: Any, unit: Any, window: Any) -> None:
            seen.fed[unit.members] = tuple(feed.post for feed in task.feeds)

        spy(_fused, "fused_task", together)
        spy(_again, "fused_task", together)
        spy(
            _again.Again, "run", lambda out, self, runner, unit, window: out is not None and seen.once.add(unit.members)
        )

        def carried(_: Any, self: Any, *rest: Any, carrier: Any = None, **how: Any) -> None:
            seen.carried.setdefault(self.name, set()).add(carrier)

        spy(Projection, "forward", carried)
        yield seen


def same(net: rv.Network, plan: rv.Plan, seen: Watch) -> None:
    """Everything ran as ``plan`` says."""
    kinds = {"joined": "together", "fused": "together"}
    said = [(kinds.get(u.how, u.how), u.members) for u in plan.units]
    assert seen.ran, "nothing ran"
    assert seen.ran == said * (len(seen.ran) // len(said))
    for unit in plan.units:
        if unit.members in seen.fed:
            assert sorted(seen.fed[unit.members]) == sorted(net.projections[n].post for n in unit.feeds)
        bound = any(kept.bound is not None for kept in net._memo.steps.values())
        assert (bound if unit.graded else unit.members in seen.once) == unit.again
    for name, ways in seen.carried.items():
        choice = plan.choice(name)
        built = registry.provider(choice.provider).build(choice.shape, choice.variant)
        assert {getattr(way, "run", way) for way in ways} == {built}, (name, choice, ways)
    inside = {n for u in plan.units if u.how in ("joined", "fused") for n in u.feeds}
    assert not inside & seen.carried.keys()
    for line in plan.remarks:
        assert line in str(plan)


@pytest.mark.parametrize("gradient", [True, False])
@pytest.mark.parametrize("provider", [None, "reference"])
@pytest.mark.parametrize(
    ("steps", "batch", "how"),
    [
        (1, 1, {}), (10, 1, {}), (9, 8, {}), (70, 1, {"reset": "detached"}), (70, 1, {"window": 64}), (40, 2, {"window": 4}),
        (20, 4, {"checkpoint": 17}),
    ],
)  # fmt: skip
def test_a_call(
    build: Callable, spikes: Callable, kind: str, steps: int, batch: int, gradient: bool, provider: str | None, how: dict,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if provider == "reference" and steps == 70:
        return  # it joins nothing, whatever the size
    net = build(kind, provider=provider)
    asked = {n: v for n, v in how.items() if n != "reset"}
    plan = net.plan(gradient=gradient, steps=steps, batch=batch, cuts=Cuts(reset=how.get("reset", "auto")), **asked)
    with watching(monkeypatch) as seen, torch.set_grad_enabled(gradient):
        net(spikes(steps, batch), **how)
    same(net, plan, seen)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize(("steps", "batch", "size"), [(12, 1, 4), (12, 20, 4)])
def test_a_learning_rule(
    build: Callable, spikes: Callable, kind: str, cuts: str, steps: int, batch: int, size: int, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    net, x = build(kind), spikes(steps, batch)
    series = Series(net, x, size, CUTS[cuts])
    plan = series.runner.plan
    with watching(monkeypatch) as seen:
        for block in series.blocks():
            loss = torch.stack([o.sum() for o in block.outputs.values()]).sum()
            if loss.requires_grad:
                loss.backward()
            del block
    series.finish()
    same(net, plan, seen)
    said = net.plan(gradient=True, steps=steps, batch=batch, window=size, cuts=CUTS[cuts])
    assert [(u.how, u.members) for u in said.units] == [(u.how, u.members) for u in plan.units]
    assert said.choices == plan.choices


def test_dense_input_images_and_no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = rv.Sequential(rv.Linear(9, 64), rv.LIF(64), rv.Linear(64, 64), rv.LIF(64), dt=1 * ms)
    image = rv.Sequential(
        rv.Relay(),
        rv.Linear(6, 5),
        rv.LIF(),
        rv.Linear(5, 5),
        rv.LIF(),
        torch.nn.Flatten(),
        rv.Linear(20, 3),
        rv.LIF(3),
        dt=1 * ms,
    )
    for net, x, asked in (
        (dense, torch.rand(20, 9, 9), {"dense_inputs": {"input"}}),
        (dense, torch.zeros(20, 9, 9), {}),
        (dense, torch.zeros(0, 9, 9), {}),
        (image, torch.zeros(20, 9, 4, 6), {"shapes": {"input": (4, 6)}}),
    ):
        plan = net.plan(gradient=True, steps=x.shape[0], batch=9, **asked)
        with watching(monkeypatch) as seen:
            net(x)
        same(net, plan, seen)
    assert not image.plan(shapes={"input": (4, 6)}).together
    assert "feed" not in str(plan)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("grad", [True, False])
def test_a_simulation(provider: str, grad: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    net = rv.Network(dt=1 * ms, seed=2, provider=provider)
    net.source("drive", rv.Poisson(0.15 * rv.units.Hz * 1000, 5, trains=2))
    net.source("noise", rv.Poisson(50 * rv.units.Hz, 5))
    net.population("a", 5, rv.LIF())
    net.population("b", 4, rv.LIF())
    net.connect("drive", "a", rv.OneToOne(), to="v", weight=rv.Learn(0.4) if grad else 0.4)
    net.connect("noise", "a", rv.AllToAll(), to="x", weight=0.4)
    net.connect("a", "a", rv.AllToAll(), to="x", weight=0.1)
    net.connect("a", "b", rv.AllToAll(), to="x", weight=0.4, delay=rv.Uniform(0 * ms, 3 * ms))
    plan = net.plan(gradient=grad, steps=30, batch=1)
    with watching(monkeypatch) as seen:
        run = net.run(30 * ms, stream=0, record={"b": ["spikes"]}, grad=grad)
    assert run.plan == plan
    same(net, plan, seen)
    assert ("drive_to_a_v" in plan.drawn) == (provider == "cpu" and not grad)
    if plan.drawn:
        assert "drive_to_a_v" not in seen.carried
        assert "the circuit draws the spikes of drive itself" in str(plan)


def test_the_reason_is_printed_where_neighbours_run_one_after_the_other() -> None:
    net = rv.Sequential(rv.Linear(9, 6), rv.LIF(6), rv.Linear(6, 3), rv.LIF(3), dt=1 * ms)
    once = "lif1 -> lif2: one operation, step by step, set up once for all small calls of a shape"
    assert once in str(net.plan(steps=10, batch=1))
    assert once not in str(net.plan(steps=640, batch=1, window=2))
    assert "rule cuts the gradient" in str(net.plan(gradient=True, cuts=Cuts(True, False)))


def test_plans_do_not_pile_up() -> None:
    net = rv.Sequential(rv.Linear(9, 6), rv.LIF(6), rv.Linear(6, 3), rv.LIF(3), dt=1 * ms)
    for steps in range(1, 9):
        net(torch.zeros(steps * 20, 4 + steps, 9))
    assert len(net.graph.memo.plans) == 1
