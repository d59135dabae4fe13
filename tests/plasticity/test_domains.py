"""Variables that synapses share: their sums, their members, files, records, gradients and mistakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError, FileFormatError, ShapeError, StateError
from ranvier.network.order import GraphError
from ranvier.plasticity import Branches, Domain, TargetCell, WholeProjection
from ranvier.synapses.domains import Pairs
from ranvier.units import ms, mV
from tests.differences import slope
from tests.plasticity.rules import ALL, Presynaptic

TRACE = "dx/dt = -x/tau : 1"
PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])


@rv.plasticity.register_domain
@dataclass(frozen=True)
class EachSynapse(Domain):
    """A domain that is no other than the synapse."""

    def size(self, pairs: Pairs) -> int:
        return len(pairs.pre)

    def member(self, pairs: Pairs) -> np.ndarray:
        return np.arange(len(pairs.pre))


def driven(provider: str, rule: rv.Plasticity, cells: int = 4, **how: object) -> tuple[rv.Network, str]:
    net = rv.Network(dt=1 * ms, seed=1, dtype=torch.float64, provider=provider)
    net.source("in", rv.SpikeTrains([3, 5, 5, 11] * ms, [0, 1, 2, 0], 3))
    net.population("cells", cells, rv.LIF(tau=10 * ms, V_th=1e3))
    (name,) = net.connect("in", "cells", rv.AllToAll(), weight=0.5, plasticity=rule, **how)
    net.connect("cells", "cells", rv.OneToOne())  # a cycle, so that a compiled circuit runs it
    return net, name


@PROVIDERS
def test_what_synapses_add_is_summed_and_then_decays(provider: str) -> None:
    rule = rv.plasticity.AstrocyteSTDP(gain=0.25, tau_a=7 * ms)
    net, name = driven(provider, rule)
    run = net.run(20 * ms, record={name: ["a"]})
    arrivals = np.zeros(20)
    arrivals[[3, 5, 11]] = 1, 2, 1
    a, expected = 0.0, []
    for count in arrivals:
        a = (a + 4 * 0.25 * count) * np.exp(-1 / 7)
        expected.append(a)
    np.testing.assert_allclose(run[name].a[:, 0], expected, rtol=1e-12)
    assert run[name].a.shape == (20, 1)


@PROVIDERS
def test_code_reads_a_shared_value_as_it_is_when_the_step_begins(provider: str) -> None:
    rule = rv.Plasticity("n' = n : 1", on_pre="n += 1; w = n", domains={"n": WholeProjection()})
    net, name = driven(provider, rule, cells=2)
    run = net.run(14 * ms, record={name: ["w", "n"]})
    assert run[name].n[-1].tolist() == [8.0]
    # by source: the first spike finds nothing, two at once both find what the first left, the last finds all three
    assert run[name].w[-1].tolist() == [6.0, 6.0, 2.0, 2.0, 2.0, 2.0]


@PROVIDERS
@pytest.mark.parametrize("late", [None, rv.Uniform(0 * ms, 5 * ms)])
def test_a_domain_of_single_synapses_is_a_variable_of_each(provider: str, late: object) -> None:
    text = {"on_pre": "x += 1", "tau": 9 * ms}
    runs = []
    for domains in ({}, {"x": EachSynapse()}):
        net, name = driven(provider, rv.Plasticity(TRACE, **text, domains=domains), delay=late)
        runs.append(net.run(25 * ms, stream=0).state.synapses[name]["x"])
    torch.testing.assert_close(*runs, rtol=1e-12, atol=0)
    assert (runs[0] > 0).all()


@PROVIDERS
@pytest.mark.parametrize("code", ["on_pre", "every_step"])
def test_a_large_sum_keeps_its_digits_in_single_precision(provider: str, code: str) -> None:
    rule = rv.Plasticity("n' = n : 1", **{code: "n += g"}, g=1e-3, domains={"n": WholeProjection()})
    net = rv.Network(dt=1 * ms, provider=provider)
    net.source("in", rv.SpikeTrains(np.full(700, 1) * ms, np.arange(700), 700))
    net.population("cells", 700, rv.LIF(V_th=1e3))
    (name,) = net.connect("in", "cells", rv.AllToAll(), weight=0.0, plasticity=rule)
    net.connect("cells", "cells", rv.OneToOne(), weight=0.0)
    n = net.run(2 * ms).state.synapses[name]["n"]
    assert n.item() == pytest.approx(490.0 * (2 if code == "every_step" else 1), rel=1e-6)


def test_members_of_the_ready_domains() -> None:
    pairs = Pairs(np.array([0, 1, 2, 3, 4]), np.array([1, 0, 1, 1, 0]), (5, 2))
    assert Branches(2).member(pairs).tolist() == [2, 0, 2, 3, 1]
    assert (Branches(2).size(pairs), TargetCell().size(pairs), WholeProjection().size(pairs)) == (4, 2, 1)
    assert TargetCell().member(pairs).tolist() == [1, 0, 1, 1, 0]
    assert WholeProjection().member(pairs).tolist() == [0] * 5
    assert Branches(9).member(pairs).max() < Branches(9).size(pairs)


def test_samples_of_a_batch_do_not_meet_and_gradients_are_those_of_finite_differences() -> None:
    rule = rv.Plasticity(
        "dB/dt = -B/tau_B : 1", on_pre="sent = w*(1 + B); B += w", domains={"B": Branches(2)}, tau_B=10 * ms
    )
    net = rv.Network(dt=1 * ms, dtype=torch.float64, seed=5)
    net.input("x", 6)
    net.population("cells", 4, rv.LeakyReadout(tau=8 * ms), output=True)
    weight = rv.Learn(rv.Uniform(0.2, 0.8))
    net.connect("x", "cells", rv.AllToAll(), weight=weight, delay=rv.Uniform(0 * ms, 4 * ms), plasticity=rule, name="s")
    x = (torch.rand(30, 2, 6, generator=torch.Generator().manual_seed(2)) < 0.2).double()
    (out, state), (alone, after) = net(x), net(x[:, 1:])
    torch.testing.assert_close(out[:, 1:], alone)
    torch.testing.assert_close(state.synapses["s"]["B"][1:], after.synapses["s"]["B"])
    assert state.synapses["s"]["B"].shape == (2, 8)
    weight = net.projections["s"].synapses.weight
    (gradient,) = torch.autograd.grad(out.square().sum(), [weight])
    for k in (0, 7, 23):
        expected = slope(lambda: net(x)[0].square().sum(), weight, k)
        assert float(gradient[k]) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", ["branches", "budget", "shared by source, with time"])
def test_saved_and_loaded_networks_go_on_alike(circuit: Callable, name: str, tmp_path: Path) -> None:
    net = circuit(ALL[name])
    state = net.run(15 * ms, stream=0).state
    rv.save(net, tmp_path / "net")
    rv.save_state(state, tmp_path / "state")
    ours = net.run(15 * ms, state).state.tensors()
    loaded = rv.load(tmp_path / "net")
    assert loaded.projections["driven"].bound.rule.domains == ALL[name].domains
    theirs = loaded.run(15 * ms, rv.load_state(tmp_path / "state")).state.tensors()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[n], theirs[n]) for n in ours)


def test_files_name_registered_domains_alone(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Stranger(Presynaptic):
        pass

    net, _ = driven("cpu", rv.Plasticity(TRACE, on_pre="x += 1", tau=9 * ms, domains={"x": Stranger()}))
    with pytest.raises(FileFormatError, match=r"register_domain\(Stranger\) first"):
        rv.save(net, tmp_path / "stranger")
    rv.plasticity.register_domain(Stranger)
    rv.save(net, tmp_path / "stranger")
    from ranvier.synapses.domains import registry

    del registry._known["Stranger"]
    with pytest.raises(FileFormatError, match="'Stranger' is unknown; there are Branches, TargetCell"):
        rv.load(tmp_path / "stranger")
    with pytest.raises(EquationError, match="is no domain: write a frozen dataclass"):
        rv.plasticity.register_domain(int)
    taken = type("Branches", (rv.plasticity.Domain,), {})
    with pytest.raises(EquationError, match="'Branches' is known already"):
        rv.plasticity.register_domain(dataclass(frozen=True)(taken))


def test_records_and_states_have_a_value_for_each_member(circuit: Callable) -> None:
    net = circuit(ALL["branches"])
    sample = rv.Sample("B", [0, 56])
    run = net.run(5 * ms, record={"driven": [sample], "recurrent": ["B"]})
    assert run["driven"].B.shape == (10, 2)
    assert run["recurrent"].B.shape == (10, 57)
    with pytest.raises(ShapeError, match="cells holds 57, but there are 0 to 56"):
        net.run(5 * ms, record={"driven": [rv.Sample("B", [57])]})
    run.state.synapses["driven"]["B"] = run.state.synapses["driven"]["B"][:, :-1]
    with pytest.raises(StateError, match=r"has w of shape .* and B of shape \(1, 57\)"):
        net.run(5 * ms, run.state)


def test_rewiring_keeps_what_synapses_share(circuit: Callable) -> None:
    net = circuit(ALL["branches"])
    state = net.run(20 * ms, stream=0).state
    after = rv.plasticity.Rewiring(below=0.9 * mV, weight=1 * mV)(net, state, "recurrent")
    assert torch.equal(after.synapses["recurrent"]["B"], state.synapses["recurrent"]["B"])
    assert not torch.equal(after.synapses["recurrent"]["w"], state.synapses["recurrent"]["w"])
    net.run(20 * ms, after)


def test_rewiring_refuses_domains_that_follow_the_synapses(circuit: Callable) -> None:
    rule = rv.Plasticity(TRACE, on_pre="x += 1", domains={"x": EachSynapse()}, tau=9 * ms)
    net = circuit(rule)
    state, before = net.run(20 * ms, stream=0).state, net.projections["recurrent"]
    with pytest.raises(GraphError, match=r"members of EachSynapse\(\) change with the synapses, so 'x' cannot be kept"):
        rv.plasticity.Rewiring(below=0.9 * mV, weight=1 * mV)(net, state, "recurrent")
    assert net.projections["recurrent"] is before


def test_rules_with_domains_join(circuit: Callable) -> None:
    both = rv.plasticity.AstrocyteSTDP(w_max=2 * mV, A_plus=0.1 * mV, A_minus=-0.1 * mV) + ALL["depressing"]
    assert both.domains == {"a": WholeProjection()}
    assert "lazily" in str(circuit(both).plan())


@pytest.mark.parametrize(
    ("text", "how", "said"),
    [
        (TRACE, {"on_pre": "x = 1"}, "on_pre sets 'x'.*code may only add to it, 'x \\+= …'"),
        (TRACE, {"on_pre": "x += x"}, "on_pre sets 'x'"),
        (TRACE, {"on_post": "x *= 2"}, "on_post sets 'x'"),
        ("dx/dt = (y - x)/tau : 1\ndy/dt = -y/tau : 1", {"on_pre": "x += 1"}, "reads 'y', which has a value for each synapse"),
        ("dx/dt = (v_post - x)/tau : 1", {"on_pre": "x += 1"}, "reads 'v_post', which belongs to a cell"),
        (TRACE, {"on_pre": "x += 1", "tau": rv.Uniform(5 * ms, 9 * ms)}, "reads 'tau', which has a value for each synapse"),
        ("x' = x : ms", {"on_pre": "x += tau"}, "times of several synapses have no sum"),
        (TRACE, {"on_pre": "x += 1", "domains": {"y": TargetCell(), "x": TargetCell()}}, "domains names 'y', which has no equation"),
        (TRACE, {"on_pre": "x += 1", "domains": {"x": TargetCell}}, "which is no domain: give one such as"),
        (TRACE, {"on_pre": "x += 1", "domains": "x"}, "must map names of variables to domains"),
    ],
)  # fmt: skip
def test_mistakes_are_told(text: str, how: dict, said: str) -> None:
    with pytest.raises(EquationError, match=said):
        driven("cpu", rv.Plasticity(text, **{"tau": 9 * ms, "domains": {"x": TargetCell()}, **how}))


def test_a_domain_must_give_a_member_for_each_synapse() -> None:
    @dataclass(frozen=True)
    class Odd(Domain):
        way: str

        def size(self, pairs: Pairs) -> int:
            return 0 if self.way == "none" else 2

        def member(self, pairs: Pairs) -> np.ndarray:
            return {"short": pairs.pre[1:], "beyond": pairs.pre}.get(self.way, pairs.pre * 0)

    for way, said in (
        ("none", "has 0 members"),
        ("short", "gives members of shape"),
        ("beyond", "member 2, but there are 0 to 1"),
    ):
        net, _ = driven("cpu", rv.Plasticity(TRACE, on_pre="x += 1", tau=9 * ms, domains={"x": Odd(way)}))
        with pytest.raises(GraphError, match=said):
            net.run(1 * ms)
    with pytest.raises(EquationError, match=r"Branches\(0\)"):
        Branches(0)
