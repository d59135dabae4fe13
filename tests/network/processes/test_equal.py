"""A circuit that several processes share has the spikes, the records and the state of one process, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.distributed import Processes
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.units import ms
from tests.kernels.providers.tuned import tuned
from tests.network.processes.circuits import RECORD, coba, delayed, driven, plastic, same_run
from tests.network.processes.together import together

MAKERS: dict[str, Callable[[Processes | None], rv.Network]] = {
    "one delay": lambda p: coba(p, delay=0.8 * ms),
    "no delay": coba,
    "delays of their own": delayed,
    "sources and noise": driven,
    "float64": lambda p: delayed(p).double(),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("count", [2, 4])
def test_processes_have_the_spikes_of_one(name: str, count: int) -> None:
    make = MAKERS[name]
    one = make(None).run(30 * ms, stream=3, record=RECORD)
    assert len(one["exc"].spikes) > 100
    for found in together(count, lambda p: make(p).run(30 * ms, stream=3, record=RECORD)):
        same_run(one, found)


RULES: dict[str, Any] = {
    "stdp": lambda: None,
    "triplet": lambda: rv.plasticity.TripletSTDP(w_max=0.3),
    "short-term": lambda: rv.TsodyksMarkram(),
    "release": lambda: rv.StochasticRelease(p=0.4),
    "drawn values": lambda: rv.Plasticity(
        "dx/dt = -x/tau : 1 (event-driven)\nq : 1", on_pre="x += q*rand; w = clip(w + 0.001*q*rand, 0, 1)", tau=20 * ms,
        q=rv.Uniform(0, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("delay", [1 * ms, rv.Uniform(0.3 * ms, 2 * ms)], ids=["one delay", "delays"])
def test_plastic_synapses_change_as_in_one_process(name: str, delay: Any) -> None:
    def make(processes: Processes | None) -> rv.Network:
        return plastic(processes, rule=RULES[name](), delay=delay)

    def whole(processes: Processes) -> tuple[rv.Run, rv.State]:
        net = make(processes)
        run = net.run(20 * ms, stream=3, record=RECORD)
        return run, rv.whole_state(net, run.state)

    one = make(None).run(20 * ms, stream=3, record=RECORD)
    for run, state in together(3, whole):
        same_run(one, run)
        for n, x in one.state.tensors().items():
            assert torch.equal(x, state.tensors()[n]), n


def test_a_state_goes_on_with_another_number_of_processes(tmp_path) -> None:
    def stretch(count: int | None, state: rv.State | None) -> rv.State:
        def go(processes: Processes | None) -> rv.State:
            net = plastic(processes)
            return rv.whole_state(net, net.run(10 * ms, state, stream=7).state)

        return go(None) if count is None else together(count, go)[-1]

    alone, changing = None, None
    for part, count in enumerate((2, None, 4)):
        alone, changing = stretch(None, alone), stretch(count, changing)
        rv.save_state(changing, tmp_path / f"{part}.safetensors")
        changing = rv.load_state(tmp_path / f"{part}.safetensors")
        for n, x in alone.tensors().items():
            assert torch.equal(x, changing.tensors()[n]), (part, n)


def test_every_process_keeps_fewer_synapses() -> None:
    def count(processes: Processes | None) -> int:
        return sum(len(p.synapses) for p in delayed(processes).projections.values() if p.name != "inh_to_inh_g_e")

    found = together(4, count)
    assert sum(found) == count(None)
    assert max(found) < 0.4 * sum(found)


def test_statistics_samples_and_folders_are_those_of_one_process(tmp_path) -> None:
    asked = {
        "exc": [rv.SpikeStatistics(window=5 * ms, bin=1 * ms), rv.Sample("v", cells=[3, 200, 329], every=1 * ms)],
        "inh": ["spikes"],
    }
    one = coba().run(20 * ms, stream=3, record=asked)
    for found in together(2, lambda p: coba(p).run(20 * ms, stream=3, record=asked)):
        assert np.array_equal(one["exc"].v, found["exc"].v)
        assert np.array_equal(one["exc"].statistics.rates, found["exc"].statistics.rates)
    folder = tmp_path / "records.zarr"
    first, second = together(2, lambda p: coba(p).run(20 * ms, stream=3, record=RECORD, to=folder))
    assert np.array_equal(np.asarray(first["inh"].spikes.times), one["inh"].spikes.times)
    assert np.array_equal(rv.load_records(folder)["inh"].spikes.times, one["inh"].spikes.times)
    with pytest.raises(rv.errors.RecordingError, match="process 0 wrote"):
        len(second["inh"].spikes)


#: the cpu provider as it computes large circuits: bins of blocks of cells, and queues for latencies of their own
LARGE = Tuning(
    block=64, segment=1, short_segment=1, own_weights=1, shared_weight=1, shared_ring=0, own_ring=0, turn_ring=1024, turn_synapses=0
)  # fmt: skip


@pytest.mark.parametrize("name", ["one delay", "delays of their own", "sources and noise", "plastic"])
def test_the_ways_of_large_circuits_have_the_same_bits(name: str) -> None:
    make = {**MAKERS, "plastic": plastic}[name]

    def large(processes: Processes) -> rv.Run:
        net = make(processes)
        net.provider = provider
        return net.run(20 * ms, stream=3, record=RECORD)

    one = make(None).run(20 * ms, stream=3, record=RECORD)
    with tuned(LARGE) as provider:
        for found in together(3, large):
            same_run(one, found)
