"""Whoever is handed a tensor owns it: writing to one element changes nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.network.shapes import shapes_from
from ranvier.units import Hz, kHz, ms, mV, nA, pA

ODD = """
k' = k : 1
one' = other : 1
other' = 0*one + 2 : 1
v' = 0.9*v + x : 1
x : 1 (input)
"""


def odd(size: int) -> rv.Cell:
    """A state that never changes, one that copies another, one that is a constant, and a reset that copies."""
    return rv.Cell(ODD, threshold="v > 1", reset="v = 0\none = v", k=rv.Learn(0.5), size=size)


def sequence(*parts: Callable[[], Any]) -> Callable[[str], rv.Network]:
    return lambda provider: rv.Sequential(*(p() for p in parts), dt=1 * ms, provider=provider)


OWN: dict[str, Callable[[str], rv.Network]] = {
    "relay": sequence(lambda: rv.Relay(12)),
    "relays": sequence(lambda: rv.Relay(12), lambda: rv.Relay(12)),
    "view": sequence(lambda: torch.nn.Flatten(), lambda: rv.Relay(12)),
    "odd": sequence(lambda: rv.Linear(12, 4), lambda: odd(4)),
    "start": sequence(lambda: rv.Linear(12, 4, delay=2 * ms), lambda: rv.LIF(4, v=rv.Learn(0.2))),
    "residual": sequence(lambda: rv.Linear(12, 5), lambda: rv.LIF(5), lambda: rv.Residual(rv.Linear(5, 5), rv.LIF(5))),
}


def shared(tensors: Mapping[str, Any]) -> list[str]:
    """Names of tensors that hold an element twice, and pairs that lie in one stretch of memory."""
    found, stretches = [], {}
    for name, t in tensors.items():
        t = torch.from_numpy(t) if isinstance(t, np.ndarray) else t.detach()
        if not t.numel():
            continue
        if any(stride == 0 and size > 1 for size, stride in zip(t.shape, t.stride(), strict=True)):
            found.append(name)
        reach = sum((size - 1) * stride for size, stride in zip(t.shape, t.stride(), strict=True))
        stretches[name] = t.data_ptr(), t.data_ptr() + (1 + reach) * t.element_size()
    for (one, (low, high)), (other, (start, stop)) in itertools.combinations(stretches.items(), 2):
        if low < stop and start < high:
            found.append(f"{one} and {other}")
    return found


def named(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{n}": t for n, t in values.items()}


def test_one_cell_is_one_cell() -> None:
    net = rv.Network(dt=1 * ms)
    net.population("n", 3, rv.CurrentLIF())
    state = net.initial_state()
    before = state.variables["n"]["v"].clone()
    state.variables["n"]["v"][0, 0] = -49.0
    assert (state.variables["n"]["v"] != before).tolist() == [[True, False, False]]


def wanted(net: rv.Network) -> dict[str, list[str]]:
    cells = {n: [*(["spikes"] if p.cell.threshold else []), *p.cell.system.states] for n, p in net.populations.items()}
    return cells | {n: ["x"] for n in net.relays}


def look_at_calls(make: Callable[[str], rv.Network], provider: str, x: torch.Tensor, **how: Any) -> None:
    """Everything that goes into two calls and comes out of them; a third call changes none of it."""
    net = make(provider)
    start = net.initial_state(x.shape[1], shapes=shapes_from(net.graph, {"input": x}))
    out, after = net(x, start, **how)
    seen = net.observe(x, start, record=wanted(net), **how)
    everything = {"x": x, "out": out, **named("start", start.tensors()), **named("after", after.tensors())}
    everything |= {f"seen.{n}.{v}": t for n, values in seen.items() for v, t in values.items()}
    everything |= named("net", net.state_dict())
    assert not shared(everything)
    before = {n: t.detach().clone() for n, t in everything.items()}
    net(x.flip(0), after.detach(), **how)
    assert all(torch.equal(t.detach(), before[n]) for n, t in everything.items())


@pytest.mark.parametrize("provider", ["reference", "cpu"])
@pytest.mark.parametrize("steps", [0, 1, 9])
class TestCalls:
    @pytest.mark.parametrize("name", OWN)
    def test_special_networks(self, name: str, steps: int, provider: str) -> None:
        x = (torch.rand(steps, 3, 12, generator=torch.Generator().manual_seed(0)) < 0.4).float()
        look_at_calls(OWN[name], provider, x)
        with torch.no_grad():
            look_at_calls(OWN[name], provider, x, lengths=torch.tensor([steps, steps // 2, 0]))

    def test_networks_of_every_kind(self, build: Callable, kind: str, steps: int, provider: str) -> None:
        x = (torch.rand(steps, 3, 12, generator=torch.Generator().manual_seed(0)) < 0.4).double()
        with torch.set_grad_enabled(steps != 9):
            look_at_calls(lambda p: build(kind, provider=p), provider, x, window=4)


def circuit(rule: Any, provider: str | None) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=2, provider=provider)
    net.source("many", rv.Poisson(1 * kHz, 20, trains=12))
    net.source("few", rv.Poisson(100 * Hz, 20))
    net.population("cells", 20, rv.CurrentLIF(), v=rv.Uniform(-70 * mV, -60 * mV))
    net.connect("many", "cells", rv.OneToOne(), to="I", weight=350 * pA)
    net.connect("few", "cells", rv.FixedProbability(0.3), to="I", weight=2 * nA, plasticity=rule, name="plastic")
    net.connect("cells", "cells", rv.FixedProbability(0.2), to="I", weight=-200 * pA, delay=1 * ms)
    return net


RULES = {
    "none": None,
    "release": rv.StochasticRelease(p=0.5),
    "copies": rv.Plasticity("da/dt = -a/(10*ms) : 1\ndb/dt = -b/(10*ms) : 1", on_pre="a = 2", every_step="b = a"),
}


@pytest.mark.parametrize("provider", ["reference", None])
@pytest.mark.parametrize("name", RULES)
def test_runs(name: str, provider: str | None) -> None:
    net = circuit(RULES[name], provider)
    start = net.initial_state(1)
    record = {"cells": ["spikes", "v"], "few": ["spikes"], **({"plastic": ["w"]} if RULES[name] else {})}
    for duration in (0, 0.1, 2):
        run = net.run(duration * ms, start, record=record)
        trains = {n: run[n].spikes for n in ("cells", "few")}
        everything = {"v": run["cells"].v, **named("start", start.tensors()), **named("after", run.state.tensors())}
        everything |= {f"{n}.{v}": getattr(t, v) for n, t in trains.items() for v in ("step", "cell")}
        everything |= {"w": run["plastic"].w} if RULES[name] else {}
        everything |= named("net", net.state_dict())
        assert not shared(everything)
        before = {n: np.asarray(t).copy() for n, t in everything.items()}
        net.run(3 * ms, run.state, record=record)
        assert all(np.array_equal(t, before[n]) for n, t in everything.items())


@pytest.mark.parametrize("segment", [None, 1 * ms])
def test_gradient_runs(segment: Any) -> None:
    net = rv.Network(dt=0.1 * ms, seed=2)
    net.population("cells", 9, rv.CurrentLIF(), v=rv.Uniform(-70 * mV, -60 * mV))
    net.connect("cells", "cells", rv.FixedProbability(0.5), to="I", weight=rv.Learn(0.1 * nA, each=True))
    start = net.initial_state(1)
    run = net.run(3 * ms, start, grad=True, record={"cells": ["spikes", "v"]}, segment=segment)
    states = {**named("start", start.tensors()), **named("after", run.state.tensors())}
    assert not shared({**states, **named("seen", run["cells"]), **named("net", net.state_dict())})


def test_coefficients_and_delays() -> None:
    net = rv.Sequential(
        rv.Linear(4, 3, delay=rv.Learn(2 * ms, max=5 * ms), per="pre"), rv.LIF(3, tau=10 * ms), dt=1 * ms
    )
    cells, layer = net.populations["lif1"], net.projections["linear1"].chain[0]
    x = torch.ones(5, 1, 4)
    before = net(x)[0]
    made = cells.coefficients(cells.step(()), 1.0)
    assert not shared({**named("made", made), "bounded": layer.delay.bounded(), **named("net", net.state_dict())})
    for t in made.values():
        t.fill_(7)
    assert torch.equal(net(x)[0], before)
