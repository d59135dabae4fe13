"""Emissions in flight: lists and draws become the tensors that they stand for, when somebody looks."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import torch

import ranvier as rv
from ranvier.kernels.tasks import Spikes
from ranvier.network.state.history import History, InFlight, each, later, listed, pending
from ranvier.units import ms, pA
from ranvier.values import Uniform


def random(steps: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return (torch.rand(steps, *shape, generator=torch.Generator().manual_seed(seed)) < 0.3).float()


def in_flight(dense: torch.Tensor) -> InFlight:
    return InFlight(tuple(dense.shape), dense.dtype, Spikes.of(dense.flatten(1)))


def test_a_list_becomes_a_tensor_when_it_is_looked_up_and_stays_one() -> None:
    dense, other = random(5, 2, 7), random(3, 2, 4)
    history = History({"a": in_flight(dense), "b": other})
    assert ("a" in history, len(history), [*history]) == (True, 2, ["a", "b"])
    assert "a: (5, 2, 7)" in repr(history)
    assert listed(history, "a") is not None
    assert pending(history, "b") is None
    found = history["a"]
    assert torch.equal(found, dense)
    assert history["a"] is found
    assert listed(history, "a") is None
    found.zero_()
    assert not history["a"].any()


def test_copies_share_lists_and_nothing_else() -> None:
    dense, other = random(5, 1, 7), random(3, 1, 4)
    history = History({"a": in_flight(dense), "b": other})
    twins = [each(history, torch.Tensor.clone), copy.deepcopy(history), pickle.loads(pickle.dumps(history))]
    for twin in twins:
        twin["a"].zero_()
        twin["b"].zero_()
        assert listed(history, "a") is not None
    assert torch.equal(history["b"], random(3, 1, 4))
    assert torch.equal(history["a"], dense)


def test_what_is_later_in_flight() -> None:
    for steps in (1, 4, 5, 9):
        dense, now = random(5, 2, 7), random(steps, 2, 7, seed=1)
        wanted = torch.cat([dense, now])[-5:]
        for history in (History({"a": in_flight(dense)}), {"a": dense}):
            found = later(history, "a", Spikes.of(now.flatten(1)))
            assert torch.equal(found.dense(), wanted)
            assert found.spikes.steps == 5


def test_runs_keep_lists_whose_size_does_not_depend_on_the_longest_delay() -> None:
    sizes = []
    for longest in (2, 50):
        net = rv.Network(dt=0.1 * ms, seed=1)
        net.population("cells", 40, rv.CurrentLIF(I_e=Uniform(400 * pA, 500 * pA)))
        net.connect("cells", "cells", rv.FixedOutDegree(3), to="I", weight=1 * pA, delay=Uniform(1 * ms, longest * ms))
        state = net.run(60 * ms, stream=0).state
        found = listed(state.history, "cells")
        assert found is not None
        depth = found.shape[0]
        assert depth > 10 * longest - 20
        dense = found.dense()
        train = net.run(60 * ms, stream=0, record={"cells": ["spikes"]})["cells"].spikes
        recent = train.step >= 600 - depth
        where = np.argwhere(dense[:, 0].numpy())
        assert (where == np.stack([train.step[recent] - 600 + depth, train.cell[recent]], 1)).all()
        sizes.append(found.spikes.cell.numel())
    assert 0 < sizes[0] < sizes[1] < 400  # of 40 cells times 500 steps
