"""What a circuit compiles depends on the kinds of its parts alone."""

from __future__ import annotations

import pytest

import ranvier as rv
from ranvier.kernels.cpu.llvm.jit import KERNELS
from ranvier.units import ms, mV
from tests.kernels.providers.tuned import threaded

CELL = rv.Cell(
    "dv/dt = (E - v + g)/(20*ms) : mV (unless refractory)\ndg/dt = -g/(5*ms) : mV",
    threshold="v > -50*mV", reset="v = -60*mV", refractory=3 * ms, E=-49 * mV,
)  # fmt: skip
STDP = rv.plasticity.STDP(A_plus=0.01 * mV, A_minus=-0.012 * mV, w_max=1.0 * mV)


def circuit(sizes: tuple[int, ...], wires: int, plastic: int = 0, provider: str | None = None) -> rv.Network:
    """Populations in a ring of projections that have alternately one latency and one for each synapse."""
    net = rv.Network(dt=0.1 * ms, seed=1, provider=provider)
    for k, size in enumerate(sizes):
        net.population(f"p{k}", size, CELL.with_values(E=-45 * mV + 0.1 * k * mV), v=rv.Uniform(-60 * mV, -50 * mV))
    for k in range(wires):
        ends = f"p{k % len(sizes)}", f"p{(3 * k + 1) % len(sizes)}"
        delay = rv.Uniform(0 * ms, (1 + k % 3) * ms) if k % 2 else 0.5 * k * ms
        rule = STDP if k < plastic else None
        wiring = rv.FixedProbability(0.2)
        net.connect(*ends, wiring, to="g", weight=0.1 * mV, delay=None if rule else delay, plasticity=rule)
    return net


def kernels() -> int:
    return len(KERNELS.compiled) + KERNELS.loaded


@pytest.mark.parametrize("plastic", [0, 2])
def test_more_parts_other_sizes_and_other_ends_compile_nothing(plastic: int) -> None:
    with threaded(1) as provider:  # how many cores are idle decides nothing here
        circuit((20, 30), 3, plastic, provider).run(2 * ms)
        before = kernels()
        net = circuit((70, 40, 50, 33, 10, 80, 25), 40, plastic, provider)
        run = net.run(20 * ms, stream=0, record={"p0": ["spikes"]})
    assert len(run["p0"].spikes)
    assert kernels() == before
