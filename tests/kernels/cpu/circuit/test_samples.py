"""Samples of a circuit that one call advances: each has the bits of a run by itself, whatever their number, cut and threads."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.kernels.cpu import run_circuit
from ranvier.kernels.cpu.circuit.samples import pieces
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.tasks import Circuit, CircuitPopulation
from tests.kernels.cpu.circuit.test_run import WIDE, Pair

Tensor = torch.Tensor
DEPTH = 5


class Several:
    """The circuit of :class:`Pair` with ``samples`` of states, histories and streams."""

    def __init__(self, sizes: tuple[int, int], latencies: str, samples: int, steps: int, *, steady: bool) -> None:
        self.pair, self.count, self.steps = Pair(sizes, 4, latencies, DEPTH, 3), samples, steps
        rand, each = self.pair.rand, self.pair.sizes.items()
        left = torch.randint(0, 3, (samples, 1), generator=self.pair.generator).to(WIDE)
        self.states = {
            n: {"v": rand(samples, s), "g": rand(samples, s), "refractory_left": left.expand(samples, s)}
            for n, s in each
        }
        self.history = {n: (rand(DEPTH, samples, s) < 0.2).to(WIDE) for n, s in each}
        self.outside = {n: 0.6 * rand(steps, *((1, 1) if steady else (samples, s))) for n, s in each}

    def task(self, b: int | None = None) -> Circuit:
        """Of one sample, or of all."""

        def of(t: Tensor, axis: int) -> Tensor:
            return t if b is None else t.select(axis, b if t.shape[axis] > 1 else 0)

        populations = [
            CircuitPopulation(
                n, self.pair.step, s, {k: of(t, 0) for k, t in self.states[n].items()}, self.pair.coefficients[n],
                {"x": of(self.outside[n], 1)}, of(self.history[n], 1), ("v",),
            )
            for n, s in self.pair.sizes.items()
        ]  # fmt: skip
        return Circuit(populations, self.pair.wires, 3, self.steps, WIDE, 2, samples=self.count if b is None else None)

    def same(self, tuning: Tuning | None = None) -> None:
        """All samples at once equal each by itself."""
        together = run_circuit(self.task(), tuning=tuning or Tuning())
        for b in range(self.count):
            alone = run_circuit(self.task(b))
            for n, size in self.pair.sizes.items():
                spikes = together.spikes[n].dense(self.count * size, WIDE).unflatten(1, (self.count, size))
                assert torch.equal(spikes[:, b], alone.spikes[n].dense(size, WIDE))
                assert torch.equal(together.recorded[n]["v"][:, b], alone.recorded[n]["v"])
                for name, value in alone.states[n].items():
                    assert torch.equal(together.states[n][name][b], value), name


@settings(max_examples=12)
@given(
    sizes=st.tuples(st.integers(1, 35), st.integers(1, 35)), latencies=st.sampled_from(["shared", "one", "each"]),
    samples=st.integers(1, 6), steps=st.integers(0, 30), steady=st.booleans(),
)  # fmt: skip
def test_each_is_a_run_by_itself(
    sizes: tuple[int, int], latencies: str, samples: int, steps: int, steady: bool
) -> None:
    Several(sizes, latencies, samples, steps, steady=steady).same()


@pytest.mark.parametrize("tuning", [Tuning(sample_bytes=1), Tuning(batch_bytes=1), Tuning(thread_samples=1)])
@pytest.mark.parametrize("sizes", [(32, 16), (35, 9)])
def test_pieces_and_threads_change_no_bit(tuning: Tuning, sizes: tuple[int, int]) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        several = Several(sizes, "each", 7, 40, steady=False)
        assert len(pieces(several.task(), tuning)) > 2
        several.same(tuning)
    finally:
        torch.set_num_threads(before)


def test_the_samples_differ_and_fire() -> None:
    several = Several((20, 16), "one", 4, 40, steady=False)
    spikes = run_circuit(several.task()).spikes["a"].dense(80, WIDE).unflatten(1, (4, 20)).sum((0, 2))
    assert len({*spikes.tolist()}) > 1
    assert (spikes > 30).all()
