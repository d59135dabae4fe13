"""Sources are replaced and deleted between runs: the next run reads what is there, or names the misfit."""

import copy

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, ShapeError
from ranvier.network.order import GraphError
from ranvier.units import Hz, ms, nA

RECORD = {"cells": ["spikes", "v"]}


def made(source=None, provider=None):
    net = rv.Network(dt=1 * ms, seed=1, dtype=torch.float64, provider=provider)
    net.source("noise", rv.Poisson(200 * Hz, 6) if source is None else source)
    cell = rv.Cell("v' = 0.9*v : 1", threshold="v > 1", reset="v = 0")
    net.population("cells", 6, cell)
    net.connect("noise", "cells", rv.OneToOne(), to="v", weight=0.3, name="one")
    net.connect("noise", "cells", rv.FixedProbability(0.5), to="v", weight=0.1, name="some")
    net.connect("cells", "cells", rv.FixedProbability(0.5), to="v", weight=0.1)
    return net


def numbers(net):
    run = net.run(40 * ms, stream=2, record=RECORD)
    return np.asarray(run["cells"].v)


@pytest.mark.parametrize(
    "other",
    [
        lambda: rv.Poisson(900 * Hz, 6),
        lambda: rv.Poisson(300 * Hz, 6, trains=4),
        lambda: rv.Poisson(rv.TimedArray(np.full((5, 6), 300.0) * Hz), 6, trains=4),
        lambda: rv.SpikeTrains(np.arange(1, 31) * ms, np.arange(30) % 6, 6),
        lambda: rv.SpikeTrains(np.repeat(np.arange(1, 31), 2) * ms, np.repeat(np.arange(30) % 6, 2), 6),
    ],
)
def test_a_run_after_a_replacement_reads_the_new_source(other):
    net = made()
    numbers(net)
    stepper = net.stepper()
    stepper(steps=2)
    net.sources["noise"] = other()
    assert np.array_equal(numbers(net), numbers(made(other())))
    assert np.allclose(numbers(net), numbers(made(other(), "reference")), rtol=1e-12, atol=1e-12)


def test_a_source_unlike_the_one_before_is_refused():
    net = made()
    with pytest.raises(ShapeError, match=r"source 'noise' has shape \(6,\), but the new source has shape \(7,\)"):
        net.sources["noise"] = rv.Poisson(200 * Hz, 7)
    with pytest.raises(
        GraphError, match="'noise' emits spikes, which arrive one step later; the new source emits a signal"
    ):
        net.sources["noise"] = rv.TimedArray(np.ones((3, 6)))
    with pytest.raises(GraphError, match="source 'noise' is int"):
        net.sources["noise"] = 3
    net.source("current", rv.TimedArray(np.ones((3, 6)) * nA))
    with pytest.raises(DimensionError, match="source 'current' emits"):
        net.sources["current"] = rv.TimedArray(np.ones((3, 6)))
    net.source("other", rv.Poisson(200 * Hz, 6))
    with pytest.raises(GraphError, match="reuses the object registered as 'other'"):
        net.sources["noise"] = net.sources["other"]
    assert repr(net.sources["noise"]) == repr(rv.Poisson(200 * Hz, 6))


@pytest.mark.parametrize("what", ["sources", "populations"])
def test_a_projection_whose_end_was_deleted_is_named_with_the_remedy(what):
    net = made()
    numbers(net)
    name = {"sources": "noise", "populations": "cells"}[what]
    del getattr(net, what)[name]
    for call in (lambda: net.run(1 * ms), net.plan, net.initial_state):
        with pytest.raises(
            GraphError, match=rf"'one' joins 'noise' to 'cells', but the network has no '{name}' any more.*del net"
        ):
            call()


def test_copies_have_sources_of_their_own():
    net = made()
    before = numbers(net)
    other = copy.deepcopy(net)
    assert np.array_equal(numbers(other), before)
    other.sources["noise"] = rv.Poisson(300 * Hz, 6, trains=4)
    assert np.array_equal(numbers(other), numbers(made(rv.Poisson(300 * Hz, 6, trains=4))))
    assert np.array_equal(numbers(net), before)
