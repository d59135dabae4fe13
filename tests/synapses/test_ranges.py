"""Numbers that make no sense in a rule of plasticity are told by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError, RanvierError, RanvierWarning
from ranvier.units import Hz, Quantity, ms
from ranvier.values import Distribution

p = rv.plasticity


def bind(rule: rv.Plasticity, **weights: object) -> rv.Network:
    net = rv.Network(dt=1 * ms, seed=1)
    net.source("input", rv.Poisson(50 * Hz, 10))
    net.population("cells", 5, rv.LIF() + rv.Exponential("x", tau=5 * ms) + p.Teacher() + p.Modulator())
    net.connect("input", "cells", rv.AllToAll(), to="x", plasticity=rule, **({"weight": 0.5} | weights))  # type: ignore[arg-type]
    return net


@pytest.mark.parametrize("bad", [0 * ms, -20 * ms, float("nan") * ms, [20, -20] * ms])
@pytest.mark.parametrize(
    ("rule", "tau"),
    [
        (p.STDP, "tau_plus"), (p.TripletSTDP, "tau_y"), (p.PowerLawSTDP, "tau_minus"), (p.MultiplicativeSTDP, "tau_plus"),
        (p.InhibitorySTDP, "tau"), (p.BCM, "tau_theta"), (p.Oja, "tau_x"), (p.SynapticScaling, "tau_y"),
        (p.DopamineSTDP, "tau_c"), (p.ReSuMe, "tau"), (p.VoltageSTDP, "tau_x"), (rv.TsodyksMarkram, "tau_rec"),
        (rv.TsodyksMarkram, "tau_facil"),
    ],
)  # fmt: skip
def test_time_constants_are_positive(rule: Callable[..., rv.Plasticity], tau: str, bad: Quantity) -> None:
    with pytest.raises(EquationError, match=rf"{tau}=.*(must be positive|not finite)"):
        rule(**{tau: bad})


def test_those_of_own_rules_too() -> None:
    with pytest.raises(EquationError, match=r"tau=-20 ms.*must be positive"):
        rv.Plasticity("dx/dt = -x/tau : 1", on_pre="x += 1", tau=-20 * ms)


@pytest.mark.parametrize("value", [rv.Normal(20 * ms, 30 * ms), rv.Clipped(rv.Normal(20 * ms, 30 * ms), low=0 * ms)])
def test_what_is_drawn_is_looked_at(value: Distribution) -> None:
    with pytest.raises(EquationError, match=r"input_to_cells_x.tau_plus=.* draws .*must be positive.*low="):
        bind(p.STDP(tau_plus=value)).run(2 * ms, stream=0)
    with pytest.raises(EquationError, match=r"cells.tau=.* draws .*must be positive.*low="):
        rv.Network(dt=1 * ms).population("cells", 100, rv.LIF(tau=value))
    bind(p.STDP(tau_plus=rv.Normal(20 * ms, 5 * ms, low=1 * ms))).run(2 * ms, stream=0)


def test_drawn_refractory_periods_are_looked_at() -> None:
    cell = rv.Cell("v' = v : 1", threshold="v > 1", refractory=rv.Normal(0 * ms, 1 * ms))
    with pytest.raises(EquationError, match=r"cells.refractory=.* draws -.*cannot be negative"):
        rv.Network(dt=1 * ms).population("cells", 100, cell)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: p.STDP(w_max=-1), "w_max=-1 .* 0 or more"),
        (lambda: p.STDP(A_plus="x"), "'x' is not a number"),
        (lambda: p.TripletSTDP(w_max=-1), "w_max=-1"),
        (lambda: p.PowerLawSTDP(w_max=0), "w_max=0 .* above 0"),
        (lambda: p.PowerLawSTDP(mu_minus=-0.1), "mu_minus=-0.1"),
        (lambda: p.MultiplicativeSTDP(rate=-1), "rate=-1"),
        (lambda: p.InhibitorySTDP(target=-1 * Hz), "target=-1 Hz"),
        (lambda: p.BCM(target=0 * Hz), "target=.* above 0"),
        (lambda: p.Oja(alpha=0), "alpha=0 .* above 0"),
        (lambda: p.SynapticScaling(w_max=[1.0, -1.0]), "w_max="),
        (lambda: p.IntrinsicPlasticity(target=-1 * Hz), "target=-1 Hz"),
        (lambda: p.DopamineSTDP(w_max=-1), "w_max=-1"),
        (lambda: p.ReSuMe(w_min=2, w_max=1), "w_min=2 exceeds w_max=1"),
        (lambda: p.VoltageSTDP(w_max=-1), "w_max=-1"),
        (lambda: p.Tempotron(tau_m=-5 * ms), "tau_m=-5 ms .* above 0"),
        (lambda: rv.TsodyksMarkram(U=1.5), "U=1.5 .* from 0 to 1"),
        (lambda: rv.StochasticRelease(-0.5), "p=-0.5 .* from 0 to 1"),
        (lambda: rv.StochasticRelease(torch.tensor([0.5, 2.0])), "p=.* from 0 to 1"),
        (lambda: rv.Exponential("I", tau=5 * ms, unit="nA"), "unit='nA' .* not a unit"),  # type: ignore[arg-type]
        (lambda: rv.Exponential("a b", tau=5 * ms), "'a b' cannot name a port"),
        (lambda: rv.Plasticity(on_pre=3), "on_pre=3 is not text"),  # type: ignore[arg-type]
        (lambda: rv.Plasticity(3, on_pre="w += 1"), "equations=3 is not text"),  # type: ignore[arg-type]
        (lambda: rv.Cell(None), "equations=None is not text"),  # type: ignore[arg-type]
        (lambda: rv.Cell("v' = v : 1", threshold=3), "threshold=3 is not text"),  # type: ignore[arg-type]
    ],
)
def test_numbers_that_make_no_rule(make: Callable[[], object], words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        make()


def test_bounds_of_ranges_are_allowed() -> None:
    rv.TsodyksMarkram(U=1)
    rv.StochasticRelease(np.array([0.0, 1.0]))
    p.STDP(w_max=0)
    p.InhibitorySTDP(target=0 * Hz)


def test_a_value_that_nothing_uses_is_told() -> None:
    with pytest.raises(EquationError, match="'taus' is used by no equation"):
        bind(rv.Plasticity("dx/dt = -x/tau : 1", on_pre="x += 1", tau=20 * ms, taus=20 * ms))


@pytest.mark.parametrize("rule", [p.STDP, p.DopamineSTDP])
def test_depression_that_lost_its_sign_is_said(rule: Callable[..., rv.Plasticity]) -> None:
    with pytest.warns(RanvierWarning, match=r"A_minus=0.01 is positive.*A_minus=-0.01"):
        rule(A_minus=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rule(A_minus=-0.01)
        rule(A_plus=-0.01, A_minus=0.01)  # anti-Hebbian
        rule(A_plus=0.01, A_minus=0.0)


@pytest.mark.parametrize(
    ("rule", "weight"),
    [
        (p.STDP(), 5.0), (p.STDP(), -0.1), (p.STDP(w_max=0.2), rv.Uniform(0.1, 0.3)), (p.ReSuMe(), -2.0),
        (p.STDP() + rv.TsodyksMarkram(), 5.0), (p.DopamineSTDP(), 1.5),
    ],
)  # fmt: skip
def test_weights_that_a_rule_will_clip_are_said(rule: rv.Plasticity, weight: object) -> None:
    with pytest.warns(RanvierWarning, match=r"input_to_cells_x: weights start from .* clips them to"):
        bind(rule, weight=weight)


@pytest.mark.parametrize(
    ("code", "weight", "said"),
    [
        ("clip(w + x, 0, 2*w_max)", 5.0, "clips them to 0 to 2 .* another upper limit, 2*w_max"),
        ("clip(w + x, 0, w_max + exp(0))", 2.1, "clips them to 0 to 2 "),
        ("maximum(minimum(w + x, 1), 0)", -1.0, "clips them to 0 to 1 .* another lower limit[.]"),
        ("maximum(0, minimum(w_max, w + x))", 5.0, "clips them to 0 to 1 .* another upper limit, w_max"),
        ("minimum(w + x, 1)", 5.0, "clips them to at most 1 "),
        ("maximum(w + x, 0)", -1.0, "clips them to at least 0 "),
        ("clip(w + x, 0, drawn)", -1.0, "clips them to at least 0 "),
        ("minimum(clip(w + x, 0, 4), w_max)", 3.0, "clips them to 0 to 1 "),
    ],
)
def test_every_limit_counts_by_itself(code: str, weight: float, said: str) -> None:
    values = {n: v for n, v in {"w_max": 1.0, "drawn": rv.Uniform(0.5, 2)}.items() if n in code}
    rule = rv.Plasticity("dx/dt = -x/(10*ms) : 1", on_post=f"w = {code}", **values)
    with pytest.warns(RanvierWarning, match=said.replace("*w", r"\*w")):
        bind(rule, weight=weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RanvierWarning)
        bind(rule, weight=0.7)


@pytest.mark.parametrize(
    ("rule", "weight"),
    [
        (p.STDP(), 1.0), (p.STDP(w_max=0.3), 0.3), (p.STDP(), 0.0), (p.ReSuMe(), -1.0), (p.MultiplicativeSTDP(), 7.0),
        (rv.TsodyksMarkram(), -3.0), (p.STDP(w_max=rv.Uniform(0.1, 1)), 0.9),
    ],
)  # fmt: skip
def test_others_are_not(rule: rv.Plasticity, weight: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RanvierWarning)
        bind(rule, weight=weight)


def test_signals_are_no_spikes() -> None:
    net = rv.Network(dt=1 * ms)
    net.source("signal", rv.TimedArray(np.ones((5, 5))))
    net.population("cells", 5, rv.LIF())
    with pytest.raises(RanvierError, match="'signal' is a signal, but plastic synapses take spikes"):
        net.connect("signal", "cells", rv.AllToAll(), plasticity=p.STDP())


def test_rules_share_equal_values() -> None:
    """Scaling is to be joined with another rule, and both bound the weight."""
    bind(p.STDP() + p.SynapticScaling()).run(20 * ms, stream=0)
    bind(p.STDP(w_max=0.7) + p.SynapticScaling(w_max=0.7)).run(20 * ms, stream=0)
    for other in (0.6, [0.7] * 50, rv.Uniform(0.5, 0.7)):
        with pytest.raises(EquationError, match="both sides of \\+ define 'w_max'"):
            _ = p.STDP(w_max=0.7) + p.SynapticScaling(w_max=other)
