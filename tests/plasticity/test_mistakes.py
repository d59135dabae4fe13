"""Mistakes in rules and in their use are told where they are made, with the remedy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import ranvier as rv
from ranvier.errors import DimensionError, EquationError, RanvierError
from ranvier.units import mM, ms, mV, nA
from tests.plasticity.rules import ALL


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda: rv.Plasticity("dx/dt = -x/ms : 1"), ("on_pre, on_post and every_step", "give one")),
        (lambda: rv.Plasticity(on_pre="w += A"), ("unknown name 'A'",)),
        (lambda: rv.Plasticity(on_pre="w += A", A=1), ("cannot add 'w' of dimension mV",)),
        (lambda: rv.Plasticity(on_pre="w += 1*nA"), ("cannot add", "mV", "nA")),
        (lambda: rv.Plasticity(on_pre="v_post += 1*mV"), ("assigns to 'v_post'", "own variables")),
        (lambda: rv.Plasticity(on_pre="A = 1*mV", A=1 * mV), ("assigns to 'A'",)),
        (lambda: rv.Plasticity(on_post="sent = w"), ("on_post assigns to 'sent'", "w, sent (in on_pre")),
        (lambda: rv.Plasticity(on_post="w = w*rand"), ("on_post reads rand", "on_pre")),
        (lambda: rv.Plasticity("dw/dt = -w/ms : mV", on_pre="w += 1*mV"), ("'w' is a word", "every_step='w += dt*")),
        (lambda: rv.Plasticity(on_pre="w += rand*mV", rand=3), ("'rand' is a word",)),
        (lambda: rv.Plasticity("dx/dt = -x/ms + xi/sqrt(ms) : 1", on_pre="w += x*mV"), ("white noise", "cell")),
        (lambda: rv.Plasticity("x : 1 (input)", on_pre="w += x*mV"), ("an input", "cell")),
        (lambda: rv.Plasticity("dx/dt = rand/ms : 1", on_pre="w += x*mV"), ("'rand' cannot stand in an equation",)),
        (lambda: rv.Plasticity(on_post="w += u_post"), ("unknown name 'u_post'",)),
        (lambda: rv.Plasticity(every_step="w += dt*(v_pre - v_post)/ms"), ("unknown name 'v_pre'",)),
        (lambda: rv.Plasticity(on_pre="x += 1", unit="uS"), ("'x'",)),
        (lambda: rv.Plasticity(on_pre="w *= 2", unit="uS"), ("cannot be delivered to a port in mV", "sent")),
        (lambda: rv.Plasticity(on_pre="sent = 2*sent", unit="uS"), ("cannot be delivered",)),
        (lambda: rv.Plasticity(on_pre="w *= 2", unit="apples"), ("unknown unit 'apples'",)),
        (lambda: rv.plasticity.STDP(A_plus=1 * mM, A_minus=-1 * mM, w_max=1 * mM), ("mM",)),
        (lambda: rv.plasticity.DopamineSTDP(A_plus=mV, A_minus=-1 * mV, w_max=mV, modulator="d"), ("'d_post'",)),
        (lambda: rv.plasticity.STDP(pairs="some"), ("pairs='some'", "'nearest'")),
        (lambda: rv.plasticity.Tempotron(tau_s=15 * ms), ("differ",)),
        (lambda: ALL["STDP"] + ALL["nearest"], ("is defined twice", "rename")),
        (lambda: ALL["STDP"] + rv.plasticity.STDP(), ("both sides of + define", "equal values")),
        (lambda: rv.GapJunction() + rv.Plasticity(on_pre="w *= 2", unit="nS*mV"), ("weights in uS", "share")),
        (lambda: "text", ("'text' is not a rule",)),
        (lambda: rv.plasticity.STDP, ("is not a rule", "rv.plasticity")),
    ],
)
def test_rules(circuit: Callable, rule: Callable, words: tuple[str, ...]) -> None:
    with pytest.raises(RanvierError) as caught:
        circuit(rule())
    assert not [w for w in words if w not in str(caught.value)], str(caught.value)


def test_plastic_synapses_need_spikes_where_they_wait_for_them() -> None:
    net = rv.Network(dt=1 * ms)
    net.input("x", 3)
    net.population("cells", 3, rv.LIF())
    net.population("out", 3, rv.LeakyReadout())
    net.population("join", 3, rv.Relay())
    rule = rv.plasticity.STDP()
    with pytest.raises(RanvierError, match=r"on_post of STDP waits for spikes, but 'out' does not fire"):
        net.connect("cells", "out", rv.AllToAll(), plasticity=rule)
    with pytest.raises(RanvierError, match=r"on_pre of TsodyksMarkram waits for spikes, but 'out' does not fire"):
        net.connect("out", "cells", rv.AllToAll(), plasticity=rv.TsodyksMarkram())
    with pytest.raises(RanvierError, match="relay"):
        net.connect("cells", "join", rv.AllToAll(), plasticity=rule)
    with pytest.raises(RanvierError, match=r"plasticity belongs to single synapses.*not Linear"):
        net.connect("cells", "cells", rv.Linear(3, 3), plasticity=rule)
    with pytest.raises(RanvierError, match=r"electrical.*delay"):
        net.connect("cells", "cells", rv.AllToAll(), plasticity=rv.GapJunction(unit="1"), delay=1 * ms)
    assert not net.projections


@pytest.mark.parametrize("provider", [None, "reference"])
def test_plastic_synapses_take_spikes_alone(provider: str | None) -> None:
    net = rv.Network(dt=1 * ms, provider=provider)
    net.source("twice", rv.SpikeTrains([3, 3], [1, 1], 2))
    net.population("cells", 3, rv.LIF())
    net.connect("twice", "cells", rv.AllToAll(), plasticity=rv.plasticity.STDP())
    with pytest.raises(RanvierError, match="'twice' emits 2, but plastic synapses take spikes"):
        net.run(10 * ms)


@pytest.mark.parametrize("weight", ["text", object(), {"a": 1}, None])
def test_a_weight_that_is_none_is_told(weight: object) -> None:
    net = rv.Network(dt=1 * ms)
    net.population("cells", 3, rv.LIF())
    with pytest.raises(RanvierError, match=r"weight=.*number"):
        net.connect("cells", "cells", rv.AllToAll(), weight=weight)
    with pytest.raises(RanvierError, match=r"delay=.*number"):
        net.connect("cells", "cells", rv.AllToAll(), delay="text")


def test_weights_have_the_unit_of_the_rule() -> None:
    net = rv.Network(dt=1 * ms)
    net.population("cells", 3, rv.AdEx())
    with pytest.raises(DimensionError, match=r"weight=1 nA has dimension nA, but uS"):
        net.connect("cells", "cells", rv.AllToAll(), to="I", weight=1 * nA, plasticity=rv.GapJunction())


def test_parts_that_need_a_spike_are_told() -> None:
    with pytest.raises(EquationError, match="needs a threshold"):
        rv.Cell("dv/dt = I*mV/nA/ms : mV\nI : nA (input)").__add__(rv.plasticity.IntrinsicPlasticity())
