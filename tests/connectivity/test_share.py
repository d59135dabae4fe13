"""Shares of the synapses of every rule are together all of them, with the same weights and delays."""

from __future__ import annotations

from itertools import pairwise

import networkx
import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.connectivity import Connectivity, ConnectivityError, Ends, Share, Sparse, SynapseRequest, place
from ranvier.connectivity.bound import Binding
from ranvier.units import UNITS, mm, ms

SIZES = (150, 90)
ARRAYS = (np.random.default_rng(0).integers(0, 150, 700), np.random.default_rng(1).integers(0, 90, 700))
RULES = {
    "all": rv.AllToAll(),
    "probability": rv.FixedProbability(0.1),
    "in-degree": rv.FixedInDegree(12),
    "distinct in-degree": rv.FixedInDegree(np.arange(90) % 7, multapses=False),
    "out-degree": rv.FixedOutDegree(9),
    "total": rv.FixedTotal(900),
    "distinct total": rv.FixedTotal(900, multapses=False),
    "arrays": rv.FromArrays(*ARRAYS),
    "distance": rv.DistanceDependent(rv.profiles.Gaussian(0.5, 0.3 * mm)),
    "condition": rv.Where("(i + j) % 3 == 0 and rand() < 0.5", p="exp(-distance/(0.5*mm))"),
}
BORDERS = (0, 40, 40, 71, 90)


def made(rule: Connectivity, share: Share | None = None, **given) -> Sparse:
    places = [rv.Grid((side, 10), 0.1 * mm) for side in (15, 9)]
    ends = Ends(SIZES, False, tuple(place(p, (n,), 0, "x") for p, n in zip(places, SIZES, strict=True)))
    values = {"weight": rv.Normal(1.0, 0.2), "delay": rv.Uniform(0.2 * ms, 3 * ms)} | given
    request = SynapseRequest(
        "both", 4, dimension=UNITS["1"].dimension, dt=0.1, lag=1, dtype=torch.float32, share=share, **values
    )
    return rule.join(ends, request)


def shares(whole: Sparse, rule: Connectivity, **given) -> list[Sparse]:
    """Each knows the span of all, as processes tell it one another."""
    span = (int(whole.latency_table.min()), int(whole.latency_table.max())) if whole.own_table is not None else (0, 0)
    return [made(rule, Share(low, high, lambda least, most: span), **given) for low, high in pairwise(BORDERS)]


@pytest.mark.parametrize("name", RULES)
def test_shares_are_together_all_synapses(name: str) -> None:
    rule = RULES[name]
    whole = made(rule)
    covered = torch.zeros(len(whole), dtype=torch.int64)
    for part, (low, high) in zip(shares(whole, rule), pairwise(BORDERS), strict=True):
        assert part.shared is not None
        at = part.shared.numbers
        covered[at] += 1
        assert part.total == len(whole)
        assert bool(((part.post >= low) & (part.post < high)).all())
        for word in ("pre", "post", "weight", "latency_table"):
            assert torch.equal(getattr(part, word), getattr(whole, word)[at]), word
        assert part.latency_table.dtype == whole.latency_table.dtype
    assert bool((covered == 1).all())


def test_numbers_that_are_given_belong_to_the_same_synapses() -> None:
    rule = RULES["arrays"]
    given = {"weight": np.linspace(-1, 1, 700), "delay": rv.Correlated(rv.Uniform(0.2 * ms, 3 * ms), 0.5)}
    listed, table = {**given, "delay": 1 * ms}, {"weight": np.random.default_rng(2).random(SIZES), "delay": 1 * ms}
    text = {"weight": "rand() - distance/mm", "delay": "rand()*ms + 0.1*ms*(i % 5)"}
    for values in (listed, table, text):
        whole = made(rule, **values)
        for part in shares(whole, rule, **values):
            assert torch.equal(part.weight, whole.weight[part.shared.numbers])
    drawn = {"weight": rv.Normal(1.0, 0.2), "delay": given["delay"]}
    whole = made(RULES["total"], **drawn)
    for part in shares(whole, RULES["total"], **drawn):
        assert torch.equal(part.latency_table, whole.latency_table[part.shared.numbers])


def test_delays_are_one_number_where_those_of_all_shares_are() -> None:
    rule, close = RULES["probability"], {"delay": rv.Uniform(0.98 * ms, 1.02 * ms)}
    assert made(rule, Share(0, 40, lambda least, most: (least, most)), **close).latency == 10
    apart = made(rule, Share(0, 40, lambda least, most: (least, most + 3)), **close)
    assert apart.own_table is not None
    assert apart.shared.reach == (11, 14)


def test_edges_bring_their_own_numbers() -> None:
    graph = networkx.gnp_random_graph(90, 0.1, seed=3, directed=True)
    weights = np.random.default_rng(4).random(graph.number_of_edges())
    edges = [(pre, post, weight) for (pre, post), weight in zip(graph.edges, weights, strict=True)]
    rule = rv.FromEdges(edges, nodes=90)
    ends, key = Ends((90, 90), True), (1, 2)
    whole, part = rule.build(ends, key), rule.share(ends, key, 30, 64)
    at = part.places.of(0, len(part))
    assert np.array_equal(part.carried["weight"], whole.carried["weight"][at])
    assert np.array_equal(part.target, whole.target[at])
    assert np.array_equal(part.pre, whole.pre[at])


def test_what_a_share_cannot_do_is_refused() -> None:
    rule, share = RULES["probability"], Share(0, 40, lambda least, most: (least, most))
    with pytest.raises(ConnectivityError, match="cannot be learnt in several processes"):
        made(rule, share, delay=rv.Learn(1 * ms))
    part = made(rule, share)
    with pytest.raises(ConnectivityError, match="other processes hold the others"):
        part.describe("both", {}, part.bind(Binding(0.1, 1)))
    with pytest.raises(ConnectivityError, match="cannot be replaced"):
        part.replaced(None, part.weight)
