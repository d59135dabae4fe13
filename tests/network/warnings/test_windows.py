"""A simulation says which cycle leaves the compiled loop, why, and what to do."""

from __future__ import annotations

import warnings

import pytest

import ranvier as rv
from ranvier.errors import RanvierWarning
from ranvier.units import ms


def rates(how: rv.Connectivity, provider: str | None = None) -> rv.Network:
    net = rv.Network(dt=1 * ms, provider=provider)
    net.population("r", 9, rv.Cell("r' = 0.8*r + x : 1\nx : 1 (input)", emit="r"))
    net.connect("r", "r", how, to="x", name="loop", weight=0.1)
    return net


def test_it_names_population_reason_and_remedy_once() -> None:
    net = rates(rv.Procedural(rv.FixedProbability(0.4)))
    with pytest.warns(
        RanvierWarning,
        match=r"^r run outside the compiled loop, in windows of 1 step, .*loop draws its synapses .*rv\.AllToAll",
    ):
        net.run(3 * ms)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.run(3 * ms)


@pytest.mark.parametrize("provider", [None, "reference"])
def test_circuits_and_providers_asked_for_are_silent(provider: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rates(rv.FixedProbability(0.4), provider).run(3 * ms)
