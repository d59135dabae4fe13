"""What several processes do not run is refused in a sentence, and processes that differ find out before they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import ranvier as rv
from ranvier.distributed import Processes
from ranvier.errors import ProcessError, RanvierError
from ranvier.network import GraphError
from ranvier.units import Hz, ms, mV, nF, uS
from tests.network.processes.circuits import RECORD, coba, driven, plastic
from tests.network.processes.together import together


def gap(processes: Processes) -> rv.Run:
    net = rv.Network(dt=0.1 * ms, processes=processes)
    cell = rv.Cell("dv/dt = -v/tau + I/C : mV\nI : nA (input)", tau=10 * ms, C=1 * nF, threshold="v > 10*mV")
    net.population("cells", 200, cell)
    net.connect("cells", "cells", rv.FixedProbability(0.1), to="I", weight=1e-3 * uS, plasticity=rv.GapJunction())
    return net.run(1 * ms)


def shared(processes: Processes) -> rv.Network:
    rule = rv.Plasticity("m' = m : 1", on_pre="m += w", domains={"m": rv.plasticity.WholeProjection()})
    return plastic(processes, rule=rule)


def graded(processes: Processes) -> rv.Run:
    net = rv.Network(dt=1 * ms, processes=processes)
    net.population("rates", 200, rv.Cell("dr/dt = (x - r)/tau : 1\nx : 1 (input)", tau=10 * ms, emit="r"))
    net.connect("rates", "rates", rv.FixedProbability(0.1), to="x", weight=0.1)
    return net.run(5 * ms)


def with_checkpoint(processes: Processes) -> rv.Run:
    return coba(processes).run(1 * ms, checkpoint="here")


REFUSED: dict[str, tuple[Callable[[Processes], Any], str]] = {
    "a call": (lambda p: coba(p).observe(duration=1 * ms, batch=1, record={"exc": ["spikes"]}), "runs in one process"),
    "a stepper": (lambda p: coba(p).stepper(), "runs in one process"),
    "a gradient": (lambda p: coba(p).run(1 * ms, grad=True, record={"exc": ["v"]}), "runs in one process"),
    "a checkpoint": (with_checkpoint, "holds the network of one process"),
    "gap junctions": (gap, "of the presynaptic cell"),
    "a shared variable": (shared, "shares m among synapses"),
    "graded emissions": (graded, "exchange only spikes"),
    "records of synapses": (
        lambda p: plastic(p).run(1 * ms, record={"changing": ["w"]}),
        r"synapses 2 processes share: read them in rv\.whole_state\(net, run\.state\)",
    ),
    "another provider": (lambda p: reference(p).run(1 * ms), "only in a compiled circuit without gradient, but"),
    "a file": (lambda p: rv.save(coba(p), "nowhere"), "other processes hold the others"),
}


def reference(processes: Processes) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, provider="reference", processes=processes)
    net.population("cells", 200, rv.CurrentLIF())
    net.connect("cells", "cells", rv.FixedProbability(0.1), to="v", weight=0.1 * mV)
    return net


@pytest.mark.parametrize("name", REFUSED)
def test_what_processes_cannot_share_is_refused(name: str) -> None:
    work, sentence = REFUSED[name]
    with pytest.raises(RanvierError, match=sentence):
        together(2, work)


DIFFERENT: dict[str, tuple[Callable[[Processes], rv.Run], str]] = {
    "seed": (lambda p: coba(p, seed=p.rank).run(1 * ms, stream=0), "the seed"),
    "weight": (lambda p: coba(p, weight=0.6 + p.rank).run(1 * ms, stream=0), "projection 'exc_to_exc_g_e' differs"),
    "state": (
        lambda p: coba(p).run(1 * ms, coba().initial_state(stream=p.rank)),
        "state in which the run begins differs",
    ),
    "stream": (lambda p: coba(p).run(1 * ms, stream=p.rank), "state in which the run begins differs"),
    "record": (
        lambda p: coba(p).run(1 * ms, stream=0, record=dict(list(RECORD.items())[: 1 + p.rank])),
        "the request differs",
    ),
    "duration": (lambda p: coba(p).run((1 + p.rank) * ms, stream=0), "the request differs"),
    "parts": (lambda p: (coba if p.rank else driven)(p).run(1 * ms, stream=0), "differs|different parts"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_processes_that_differ_are_refused(name: str) -> None:
    work, sentence = DIFFERENT[name]
    with pytest.raises(ProcessError, match=sentence):
        together(2, work)


def test_a_new_stream_is_the_same_in_all_processes() -> None:
    streams = together(3, lambda p: coba(p).run(1 * ms).state.stream)
    assert len(set(streams)) == 1


def test_what_is_no_record_of_processes_is_refused() -> None:
    with pytest.raises(GraphError, match=r"give rv\.distributed\.join"):
        rv.Network(dt=1 * ms, processes=4)  # pyright: ignore[reportArgumentType]


def test_an_error_in_one_process_ends_the_others() -> None:
    def work(processes: Processes) -> rv.Run:
        net = coba(processes)
        if processes.rank == 1:
            net.source("drive", rv.Poisson(300 * Hz, 330))
            net.connect("drive", "nowhere", rv.OneToOne())
        return net.run(1 * ms)

    with pytest.raises(GraphError, match="nowhere"):
        together(3, work)
