"""Delivery by blocks and cells that are freed by bits: the same numbers as the plain ways."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import ranvier as rv
from ranvier.kernels.cpu.circuit import blocks
from ranvier.kernels.cpu.circuit.fired import fixed_counters
from ranvier.kernels.cpu.circuit.form import Member
from ranvier.kernels.cpu.circuit.rows import Rows, joined
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.tasks import CircuitProjection, pattern
from ranvier.network import Population
from ranvier.units import ms, mV
from tests.kernels.providers.tuned import threaded, tuned

COBA = """
dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
dg_e/dt = -g_e / tau_e : 1
dg_i/dt = -g_i / tau_i : 1
"""
VALUES = {"E_L": -60 * mV, "E_e": 0 * mV, "E_i": -80 * mV, "V_t": -50 * mV, "V_r": -60 * mV, "tau_m": 20 * ms}
VALUES |= {"tau_e": 5 * ms, "tau_i": 10 * ms}


def circuit(own_weights: bool, dtype: torch.dtype, refractory: float = 5.0, provider: str | None = None) -> rv.Network:
    cell = rv.Cell(COBA, threshold="v > V_t", reset="v = V_r", refractory=refractory * ms, **VALUES)
    net = rv.Network(dt=0.1 * ms, seed=3, dtype=dtype, provider=provider)
    start = {"v": rv.Uniform(-65 * mV, -50 * mV), "g_e": rv.Uniform(0, 2), "g_i": rv.Uniform(0, 20)}
    net.population("exc", 801, cell, **start)  # not a whole number of vectors or blocks
    net.population("inh", 203, cell, **start)
    for pre, port, weight in (("exc", "g_e", 0.6), ("inh", "g_i", 6.7)):
        drawn = rv.Uniform(0.9 * weight, 1.1 * weight) if own_weights else weight
        net.connect(pre, ["exc", "inh"], rv.FixedProbability(0.08), to=port, weight=drawn)
    return net


def outcome(net: rv.Network, *durations: float) -> list[torch.Tensor]:
    state, spikes = None, []
    for d in durations:
        run = net.run(d * ms, stream=0, state=state, record={"exc": ["spikes"], "inh": ["spikes"]})
        state = run.state
        spikes += [torch.from_numpy(x) for n in ("exc", "inh") for x in (run[n].spikes.step, run[n].spikes.cell)]
    assert state is not None
    assert len(spikes[0]) > 50
    joined = [torch.cat(spikes[k::4]) for k in range(4)]
    return [*joined, *(state.variables[n][v] for n in ("exc", "inh") for v in sorted(state.variables[n]))]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


#: blocks nowhere, and wherever there is one synapse
NEVER, ALWAYS = Tuning(own_weights=10**9, shared_weight=10**9), Tuning(own_weights=0, shared_weight=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("own_weights", [False, True])
def test_blocks_change_no_bit(monkeypatch, torch_threads, dtype: torch.dtype, own_weights: bool) -> None:
    with tuned(NEVER) as provider:
        plain = outcome(circuit(own_weights, dtype, provider=provider), 60)
    used = []
    real = blocks.rows_by_block
    monkeypatch.setattr(
        "ranvier.kernels.cpu.circuit.layout.rows_by_block", lambda *a: used.append(real(*a)) or used[-1]
    )
    for count in (1, 3):
        torch_threads(count)
        small = replace(ALWAYS, segment=0, block=64, thread_cells=1, threaded_call=0, idle=count, trials=0)
        with tuned(small) as provider:
            assert same(outcome(circuit(own_weights, dtype, provider=provider), 60), plain)
    assert blocks.has_feature("avx2") == any(cut is not None for cut in used)


def test_targets_beyond_sixteen_bits() -> None:
    def net(provider: str) -> rv.Network:
        made = rv.Network(dt=1 * ms, seed=1, provider=provider)
        made.population("few", 40, rv.LIF(tau=10 * ms), v=rv.Uniform(0, 2))
        made.population("many", 70_000, rv.LIF(tau=10 * ms))
        made.connect("few", "many", rv.FixedOutDegree(3000), weight=rv.Uniform(0, 3))
        made.connect("many", "few", rv.FixedOutDegree(1), weight=0.1)
        return made

    def run(network: rv.Network) -> list[torch.Tensor]:
        done = network.run(20 * ms, stream=0, record={"many": ["spikes"]})
        assert done["many"].spikes.cell.max() > 66_000
        return [torch.from_numpy(done["many"].spikes.cell), done.state.variables["many"]["v"]]

    with tuned(NEVER) as provider:
        plain = run(net(provider))
    with tuned(replace(ALWAYS, segment=1)) as provider:
        assert same(run(net(provider)), plain)


def test_a_row_with_too_many_targets_in_a_block_goes_the_plain_way() -> None:
    with tuned(ALWAYS) as provider:
        net = rv.Network(dt=1 * ms, seed=1, provider=provider)
        net.population("a", 500, rv.LIF(tau=10 * ms), v=rv.Uniform(0, 2))
        net.connect("a", "a", rv.AllToAll(), weight=0.001)
        assert len(net.run(20 * ms, stream=0, record={"a": ["spikes"]})["a"].spikes) > 100


@pytest.mark.parametrize(
    ("cells", "mean", "own", "threads", "expected"),
    [(4_000, 80, False, 1, 1 << 14), (4_000, 80, True, 1, 0), (400, 80, False, 1, 0), (40_000, 5, False, 1, 0), (320_000, 64, False, 1, 1 << 15),
     (320_000, 64, True, 2, 1 << 15), (80_000, 16, False, 1, 1 << 15), (80_000, 16, False, 2, 1 << 14), (32_000, 64, False, 2, 1 << 14),
     (8_000, 16, False, 2, 1 << 12), (80_000, 64, False, 2, 1 << 13), (8_000, 16, False, 7, 0)],
)  # fmt: skip
def test_blocks_are_worth_it_and_give_threads_equal_shares(
    cells: int, mean: int, own: bool, threads: int, expected: int
) -> None:
    rows = 10
    target = (torch.arange(rows * mean) * cells // mean) % cells
    wires = pattern(torch.arange(rows).repeat_interleave(mean), target, (rows, cells))
    weight = torch.zeros(rows * mean if own else 1)
    population = SimpleNamespace(name="post", cells=cells)
    found = blocks.block_of(population, [CircuitProjection("pre", "post", "x", wires, weight, 1)], threads)  # type: ignore[arg-type]
    assert found == (expected if blocks.has_feature("avx2") else 0)


@pytest.mark.parametrize("refractory", [0.0, 0.1, 0.3, 5.0])
def test_cells_are_freed_in_time_however_the_run_is_cut(refractory: float) -> None:
    whole = outcome(circuit(False, torch.float64, refractory), 30)
    assert same(outcome(circuit(False, torch.float64, refractory), 10, 0.1, 0.1, 1.8, 18), whole)
    windows = outcome(circuit(False, torch.float64, refractory, provider="reference"), 30)
    assert all(torch.equal(a, b) for a, b in zip(windows[:4], whole[:4], strict=True))


def test_a_threshold_that_ignores_refractoriness_starts_it_anew() -> None:
    text = "v' = 0.9*v + 0.5 : 1 (unless refractory)\nw' = w + 0.4 : 1"
    cell = rv.Cell(text, threshold="w > 1", reset="w = 0; v = v + 1", refractory=3 * ms)
    runs = []
    for provider in ("cpu", "reference"):
        net = rv.Network(dt=1 * ms, seed=1, dtype=torch.float64, provider=provider)
        net.population("a", 70, cell, w=rv.Uniform(0, 1))
        net.connect("a", "a", rv.FixedProbability(0.1), to="w", weight=0.05)
        done = net.run(60 * ms, stream=0, record={"a": ["spikes", "v"]})
        runs.append(
            (torch.from_numpy(done["a"].spikes.step), torch.from_numpy(done["a"].v), done.state.variables["a"]["v"])
        )
    assert torch.equal(runs[0][0], runs[1][0])
    torch.testing.assert_close(runs[0][1], runs[1][1], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(runs[0][2], runs[1][2], rtol=1e-12, atol=1e-12)


def test_which_counters_need_a_bit_only() -> None:
    cell = rv.Cell(COBA, threshold="v > V_t", reset="v = V_r", refractory=5 * ms, **VALUES)
    step = Population("a", cell, (4,)).step(("g_e", "g_i"))
    counter = step.counters[0]
    (coefficient,) = fixed_counters(Member(step, (), (), ())).values()
    assert coefficient in step.coefficients
    assert not fixed_counters(Member(step, (), (), (counter,)))  # recorded
    assert not fixed_counters(Member(step, (), (), (), varied=(coefficient,)))  # another time for every cell


def test_rows_do_not_keep_themselves_alive() -> None:
    pointer, target = torch.tensor([0, 2, 3]), torch.tensor([0, 1, 1], dtype=torch.int32)
    rows = [Rows(pointer, target, 2) for _ in range(2)]
    assert joined(rows, [(), ()], [None, None]).tables[0][:, :2].tolist() == [[[0, 2], [0, 2]], [[2, 3], [2, 3]]]
    gone = [weakref.ref(r) for r in rows]
    gc.disable()
    try:
        del rows
        assert [r() for r in gone] == [None, None]
    finally:
        gc.enable()


def test_rows_of_one_source_lie_together() -> None:
    """Targets of two projections, source after source; the tables say where, and where own weights begin."""
    first = Rows(torch.tensor([0, 2, 3]), torch.tensor([0, 3, 2], dtype=torch.int32), 4)
    second = Rows(torch.tensor([0, 1, 4]), torch.tensor([5, 1, 6, 7], dtype=torch.int32), 8)
    blocks = [rows.blocks(4) for rows in (first, second)]
    found = joined([first, second], [(), ()], blocks)
    assert found.target[:7].tolist() == [0, 3, 5, 2, 1, 6, 7]
    assert found.tables[0].tolist() == [[[0, 0], [2, 0]], [[3, 2], [4, 1]]]
    assert found.counts.tolist() == [[2, 0, 1], [1, 1, 2]]
    alone = joined([first, second], [(), ()], [None, blocks[1]])
    assert alone.target[:4].tolist() == [5, 1, 6, 7]
    assert alone.tables[0].tolist() == [[[0, 2], [0, 0]], [[2, 3], [1, 1]]]


def test_bins_keep_the_order_beside_other_synapses() -> None:
    """Streams to which plastic synapses, or rows that are not cut, add as well: the same bits for any threads and sizes."""

    def voltages(provider: str | None) -> torch.Tensor:
        net = rv.Network(dt=1 * ms, seed=4, provider=provider)
        cell = rv.Cell(
            "dv/dt = (I - v)/tau : 1\ndI/dt = -I/ts : 1", threshold="v > 1", reset="v = 0", tau=5 * ms, ts=3 * ms,
            v=rv.Uniform(0.5, 2),
        )  # fmt: skip
        for name in ("plastic", "sparse"):
            net.population(name, 600, cell)
            net.connect(name, name, rv.FixedProbability(0.1), to="I", weight=rv.Uniform(0, 0.06), delay=1 * ms)
        rule, weight = rv.plasticity.STDP(w_max=0.1), rv.Uniform(0, 0.03)
        net.connect("plastic", "plastic", rv.FixedProbability(0.1), to="I", weight=weight, plasticity=rule)
        net.connect("sparse", "sparse", rv.FixedProbability(0.002), to="I", weight=weight, delay=1 * ms)
        run = net.run(60 * ms, stream=1, record={"plastic": ["v"], "sparse": ["v"]})
        return torch.cat([torch.from_numpy(run[n].v) for n in ("plastic", "sparse")])

    plain = voltages(None)
    for threads, segment in ((1, 4), (2, 4), (3, 4), (1, 1)):
        sizes = {"block": 64, "segment": segment, "short_segment": 1, "own_weights": 1, "shared_weight": 1}
        with threaded(threads, **sizes) as name:
            assert torch.equal(voltages(name), plain), (threads, segment)
