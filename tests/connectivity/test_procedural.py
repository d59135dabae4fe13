"""Synapses that are never stored: the same as those of the rule itself."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.connectivity import Connectivity, ConnectivityError, Ends, RowRule
from ranvier.errors import DimensionError, RanvierError
from ranvier.kernels.drawing import drawn_row
from ranvier.units import ms, mV, nA, pA

RULES = {
    "repeated": lambda: rv.FixedOutDegree(7),
    "each": lambda: rv.FixedOutDegree(np.arange(40) % 9),
    "distinct": lambda: rv.FixedOutDegree(5, multapses=False, autapses=False),
    "probability": lambda: rv.FixedProbability(0.15),
    "no autapses": lambda: rv.FixedProbability(0.3, autapses=False),
}


def circuit(rule: Connectivity, provider: str | None = None, dtype: torch.dtype = torch.float64) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=5, provider=provider, dtype=dtype)
    net.population("cells", 40, rv.CurrentLIF(I_e=0.6 * nA, v=rv.Uniform(-65 * mV, -50 * mV)))
    net.connect("cells", "cells", rule, to="I", weight=-80 * pA, delay=0.4 * ms)
    return net


@settings(max_examples=10)
@given(name=st.sampled_from(sorted(RULES)), seed=st.integers(0, 2**31), same=st.booleans())
def test_single_rows_are_those_of_the_rule(name: str, seed: int, same: bool) -> None:
    rule, ends, key = RULES[name](), Ends((40, 40), same), (seed, seed ^ 77)
    assert isinstance(rule, RowRule)
    stored, source = rule.build(ends, key), rule.source(ends, key)
    for k in (0, 13, 39):
        row = stored.target[stored.row_pointer[k] : stored.row_pointer[k + 1]]
        assert np.array_equal(drawn_row(source, k), row)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", sorted(RULES))
def test_a_run_has_the_bits_of_stored_synapses(name: str, dtype: torch.dtype) -> None:
    stored, drawn = (circuit(how(RULES[name]()), dtype=dtype) for how in (lambda r: r, rv.Procedural))
    runs = [net.run(60 * ms, stream=0, record={"cells": ["spikes", "v"]}) for net in (stored, drawn)]
    assert "one compiled circuit" in str(drawn.plan())
    assert len(runs[0]["cells"].spikes) > 50
    assert np.array_equal(runs[0]["cells"].v, runs[1]["cells"].v)


def test_the_reference_gives_the_same() -> None:
    fast, slow = (circuit(rv.Procedural(rv.FixedOutDegree(7)), p) for p in (None, "reference"))
    found = [net.run(30 * ms, stream=0, record={"cells": ["v", "spikes"]})["cells"] for net in (fast, slow)]
    assert len(found[0].spikes) > 20
    assert np.array_equal(found[0].spikes.step, found[1].spikes.step)
    np.testing.assert_allclose(found[0].v, found[1].v, atol=1e-9)


def test_any_cut_gives_the_same_bits() -> None:
    net = circuit(rv.Procedural(rv.FixedProbability(0.2)), dtype=torch.float32)
    whole, state = net.run(20 * ms, stream=0), None
    for length in (0.1, 0.3, 9.6, 10):
        state = net.run(length * ms, state, stream=0).state
    assert all(torch.equal(t, whole.state.tensors()[n]) for n, t in state.tensors().items())


def test_nothing_is_stored() -> None:
    """A hundred thousand cells with a thousand synapses each would be 0.4 GB."""
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.population("cells", 100_000, rv.CurrentLIF(I_e=2 * nA, v=rv.Uniform(-65 * mV, -50 * mV)))
    net.connect("cells", "cells", rv.Procedural(rv.FixedOutDegree(1000)), to="I", weight=-1 * pA)
    assert sum(t.numel() for t in net.state_dict().values()) < 1_000_000
    assert len(net.run(0.5 * ms, stream=0, record={"cells": ["spikes"]})["cells"].spikes) > 100


@pytest.mark.parametrize("rule", [rv.FixedInDegree(3), rv.OneToOne(), rv.SmallWorld(4, 0.1)])
def test_other_rules_are_refused(rule) -> None:
    with pytest.raises(ConnectivityError, match="one by one"):
        rv.Procedural(rule)


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"weight": rv.Normal(1 * pA, 0.1 * pA)}, ConnectivityError, "share one number"),
        ({"weight": rv.Learn(1 * pA)}, ConnectivityError, "share one number"),
        ({"weight": 1 * mV}, DimensionError, "dimension"),
        ({"weight": 1 * pA, "delay": rv.Uniform(0 * ms, 1 * ms)}, ConnectivityError, "share one number"),
        ({"weight": 1 * pA, "delay": 1 * pA}, DimensionError, "give a time"),
    ],
)
def test_what_would_have_to_be_stored_is_refused(values: dict, error: type[RanvierError], says: str) -> None:
    net = rv.Network(dt=0.1 * ms)
    net.population("cells", 10, rv.CurrentLIF())
    with pytest.raises(error, match=says):
        net.connect("cells", "cells", rv.Procedural(rv.FixedOutDegree(3)), to="I", **values)


def test_a_copy_stands_alone() -> None:
    net = circuit(rv.Procedural(rv.FixedOutDegree(7)))
    twin = copy.deepcopy(net)
    first, second = (n.run(20 * ms, stream=0, record={"cells": ["v"]})["cells"].v for n in (net, twin))
    assert np.array_equal(first, second)
