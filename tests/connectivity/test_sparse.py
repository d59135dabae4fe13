"""Single synapses: by event and by index, with one latency or one for each, one result."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.connectivity import Sparse
from ranvier.connectivity.bound import Binding
from ranvier.units import ms
from tests.connectivity.carriers import carrier

Tensor = torch.Tensor
WIDE = torch.float64


def sparse(pre: int, post: int, *, p: float = 0.4, each: bool = False, seed: int = 0, learn: bool = True) -> Sparse:
    net = rv.Network(dt=1 * ms, seed=seed, dtype=WIDE)
    net.input("pre", pre)
    net.population("post", post, rv.LIF())
    weight = rv.Uniform(-1, 1)
    delay = rv.Uniform(0 * ms, 5 * ms) if each else 2 * ms
    (name,) = net.connect(
        "pre", "post", rv.FixedProbability(p), weight=rv.Learn(weight) if learn else weight, delay=delay
    )
    return net.projections[name].chain[0]


def matrix(made: Sparse, weight: Tensor | None = None) -> Tensor:
    """The synapses as a table [pre, post]; several between two cells are summed."""
    table = torch.zeros(made.sizes, dtype=WIDE)
    return table.index_put(
        (made.pre.long(), made.post.long()), made.weight if weight is None else weight, accumulate=True
    )


@settings(max_examples=20)
@given(
    pre=st.integers(1, 30), post=st.integers(1, 30), p=st.sampled_from([0.0, 0.1, 0.5, 1.0]), density=st.sampled_from([0.0, 0.1, 0.7]),
    steps=st.integers(0, 6), seed=st.integers(0, 9),
)  # fmt: skip
def test_events_indices_and_the_table_agree(
    pre: int, post: int, p: float, density: float, steps: int, seed: int
) -> None:
    made = sparse(pre, post, p=p, seed=seed)
    x = (torch.rand(steps, 2, pre, generator=torch.Generator().manual_seed(seed)) < density).to(WIDE).requires_grad_()
    expected = x @ matrix(made)
    wanted = torch.autograd.grad(expected.square().sum(), [x, made.weight])
    for by_event in (True, False):
        out = made(x, carrier=carrier(by_event))
        torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-11)
        for ours, theirs in zip(torch.autograd.grad(out.square().sum(), [x, made.weight]), wanted, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("by_event", [True, False])
@pytest.mark.parametrize("steps", [0, 1, 3, 12])
def test_latencies_written_out(by_event: bool, steps: int) -> None:
    made, generator = sparse(8, 6, each=True), torch.Generator().manual_seed(0)
    whole = (torch.rand(6 + steps, 2, 8, generator=generator) < 0.4).to(WIDE)
    expected = torch.zeros(steps, 2, 6, dtype=WIDE)
    latency = made.latency_table.long()
    assert int(latency.min()) >= 1, "a connection takes at least a step"
    for t in range(steps):
        for pre, post, k, w in zip(
            made.pre.tolist(), made.post.tolist(), latency.tolist(), made.weight.tolist(), strict=True
        ):
            expected[t, :, post] += w * whole[6 + t - k, :, pre]
    torch.testing.assert_close(
        made.delayed(whole[6:], whole[:6], made.bind(Binding(1.0, 1, 0, "s")), carrier(by_event)).detach(),
        expected,
        rtol=1e-12,
        atol=1e-12,
    )


def test_the_pattern_is_sorted_by_source() -> None:
    made = sparse(20, 30)
    assert (made.pre.long().diff() >= 0).all()
    rows = made.pattern()
    assert rows.synapses == len(made) == made.weight.numel()
    assert torch.equal(torch.repeat_interleave(torch.arange(20), rows.row_pointer.diff()), made.pre.long())


def test_values_given_for_synapses_keep_their_order() -> None:
    """FromArrays sorts; weights and delays move along."""
    pre, post = np.array([3, 0, 3, 1]), np.array([0, 2, 1, 1])
    net = rv.Network(dt=1 * ms, dtype=WIDE)
    net.input("pre", 4)
    net.population("post", 3, rv.LIF())
    (name,) = net.connect(
        "pre", "post", rv.FromArrays(pre, post), weight=np.array([1.0, 2, 3, 4]), delay=np.array([0, 1, 2, 3]) * ms
    )
    made = net.projections[name].chain[0]
    found = set(
        zip(made.pre.tolist(), made.post.tolist(), made.weight.tolist(), made.latency_table.tolist(), strict=True)
    )
    assert found == {(3, 0, 1.0, 1), (0, 2, 2.0, 2), (3, 1, 3.0, 3), (1, 1, 4.0, 4)}


def test_a_changed_weight_is_seen() -> None:
    """One shared number is found anew after a weight was written."""
    net = rv.Network(dt=1 * ms)
    net.population("cells", 4, rv.LIF(), v=1.5)
    (name,) = net.connect("cells", "cells", rv.AllToAll(), to="v", weight=0.5)
    before = net.run(3 * ms, stream=0, record={"cells": ["v"]})["cells"].v
    with torch.no_grad():
        net.projections[name].chain[0].weight.mul_(2)
    after = net.run(3 * ms, stream=0, record={"cells": ["v"]})["cells"].v
    assert (after[1] > before[1]).all()
