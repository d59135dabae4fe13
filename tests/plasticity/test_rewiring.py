"""Rewiring keeps the number of synapses and everything of those that stay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.connectivity import ConnectivityError
from ranvier.errors import DimensionError
from ranvier.units import ms, mV
from tests.plasticity.rules import ALL

RULE = ALL["STDP"]


def table(net: rv.Network, state: rv.State, name: str) -> dict[tuple[int, int], tuple[float, ...]]:
    """Weight, variables and latency by (pre, post)."""
    sparse, values = net.projections[name].synapses, state.synapses[name]
    columns = [v[0].tolist() for v in values.values()] + [sparse.latency_table.tolist()]
    return dict(
        zip(zip(sparse.pre.tolist(), sparse.post.tolist(), strict=True), zip(*columns, strict=True), strict=True)
    )


def test_survivors_stay_as_they_are_and_others_move_to_free_pairs(circuit: Callable) -> None:
    net = circuit(RULE)
    state = net.run(60 * ms, stream=0).state
    before = table(net, state, "recurrent")
    weights = np.array([v[0] for v in before.values()])
    below = float(np.quantile(weights, 0.4))
    state = rv.plasticity.Rewiring(below=below * mV, weight=0.7 * mV)(net, state, "recurrent")
    after = table(net, state, "recurrent")
    assert len(after) == len(before)
    kept = {pair for pair, v in before.items() if v[0] >= below}
    assert 0 < len(kept) < len(before)
    assert all(after[pair] == before[pair] for pair in kept)
    grown = after.keys() - kept
    assert not grown & before.keys()
    assert all(a != b for a, b in grown)
    assert all(after[pair][:3] == (0.7, 0.0, 0.0) for pair in grown)
    assert sorted(v[3] for v in after.values()) == sorted(v[3] for v in before.values())


def test_the_rewired_network_runs_the_same_on_both_providers_and_again(circuit: Callable) -> None:
    rewire, ends = rv.plasticity.Rewiring(below=0.9 * mV, weight=0.7 * mV), []
    for provider in (None, "reference", None):
        net, state = circuit(RULE, provider), None
        for _ in range(2):
            state = rewire(net, net.run(25 * ms, state, stream=0).state, "recurrent")
        ends.append((net.projections["recurrent"].synapses.target, net.run(25 * ms, state, stream=0).state.tensors()))
    for target, tensors in ends[1:]:
        assert torch.equal(target, ends[0][0])
        for name, value in tensors.items():
            torch.testing.assert_close(value, ends[0][1][name], rtol=1e-9, atol=1e-12)


def test_what_cannot_be_rewired_is_told(circuit: Callable) -> None:
    net = circuit(RULE)
    net.connect("cells", "cells", rv.AllToAll(), to="g", weight=1 * mV, plasticity=RULE, name="full")
    state = net.initial_state(1)
    with pytest.raises(ConnectivityError, match="full: 361 synapses are to be replaced, but only 0 pairs"):
        rv.plasticity.Rewiring(below=2 * mV, weight=1 * mV)(net, state, "full")
    with pytest.raises(DimensionError, match=r"below=0\.1"):
        rv.plasticity.Rewiring(below=0.1, weight=1 * mV)(net, state, "recurrent")
    with pytest.raises(rv.network.GraphError, match="not plastic"):
        rv.plasticity.Rewiring(below=1 * mV, weight=1 * mV)(net, state, "reward_to_cells_teach")
    with pytest.raises(rv.network.GraphError, match="no projection 'none'; plastic are driven, recurrent, full"):
        rv.plasticity.Rewiring(below=1 * mV, weight=1 * mV)(net, state, "none")
