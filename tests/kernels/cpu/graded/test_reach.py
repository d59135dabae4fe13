"""Ways to the sources of synapses that lie by target: each meets the synapses in their order, and no sum depends on it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.kernels import eager
from ranvier.kernels.cpu import run_circuit
from ranvier.kernels.cpu.graded.every import Every
from ranvier.kernels.cpu.graded.layout import reach_of
from ranvier.kernels.cpu.graded.reach import Layout, Reach
from ranvier.kernels.cpu.graded.single import Single, Sorted
from ranvier.kernels.cpu.graded.window import Window
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.kernels.tasks import Circuit, CircuitPopulation, GradedProjection, Pattern, pattern
from ranvier.network import Population

WAYS: list[Reach] = [Single(), Single(16), Sorted(16), Window()]
RUNNING = [way for way in WAYS if not isinstance(way, Window) or has_feature("avx512f")]


def random(seed: int, sizes: tuple[int, int], share: float, *, repeated: bool = False) -> Pattern:
    """Synapses with probability ``share``, those of the first targets twice where ``repeated``."""
    generator = torch.Generator().manual_seed(seed)
    pre, post = torch.nonzero(torch.rand(sizes, generator=generator) < share, as_tuple=True)
    if repeated:
        twice = post < sizes[1] // 2
        pre, post = torch.cat([pre, pre[twice]]), torch.cat([post, post[twice]])
        order = torch.argsort(pre, stable=True)
        pre, post = pre[order], post[order]
    return pattern(pre, post, sizes)


def met(reach: Reach, layout: Layout, width: int, columns: int) -> list[list[int]]:
    """The sources of each target, in the order in which it meets them."""
    arrays = {n: t.tolist() for n, t in layout.arrays.items()}
    found: list[list[int]] = [[] for _ in range(columns)]
    for vector, (start, stop) in enumerate(zip(layout.start[:-1].tolist(), layout.start[1:].tolist(), strict=True)):
        for row in range(start, stop):
            for lane in range(width):
                place = vector * width + lane
                target = arrays["target"][place] if "target" in arrays else place
                if isinstance(reach, Window):
                    picked = arrays["lane"][row * width + lane]
                    source = arrays["base"][row] + picked if picked >= 0 else None
                else:
                    source = arrays["source"][row * width + lane] if row - start < arrays["degree"][place] else None
                if source is not None:
                    found[target].append(source)
    return found


@settings(max_examples=20)
@given(st.integers(0, 99), st.sampled_from([(1, 1), (7, 70), (130, 33), (300, 16)]), st.floats(0, 1), st.booleans())
def test_each_target_meets_its_synapses_in_their_order(
    seed: int, sizes: tuple[int, int], share: float, repeated: bool
) -> None:
    some, width = random(seed, sizes, share, repeated=repeated), 16
    expected = [some.source[some.target == n].tolist() for n in range(some.columns)]
    high = -(-some.columns // width) * width
    ranges = [(0, min(64, high)), (min(64, high), high)]
    for way in WAYS:
        layout = way.lay_out(some, width, ranges)
        assert met(way, layout, width, some.columns) == expected, way
        numbers = torch.arange(some.synapses, dtype=torch.float64) + 1
        laid = layout.lay(numbers, width)
        assert sorted(laid[laid > 0].tolist()) == numbers.tolist()


def test_no_vector_of_sorted_targets_belongs_to_two_threads() -> None:
    some = random(0, (50, 128), 0.3)
    target = Sorted(16).lay_out(some, 16, [(0, 64), (64, 128)]).arrays["target"]
    assert set(target[:64].tolist()) == set(range(64))


def test_windows_that_pay_are_chosen() -> None:
    narrow = pattern(torch.arange(500).repeat_interleave(20), torch.arange(10_000) % 500, (500, 500))
    wide = random(0, (4000, 64), 0.002)
    assert reach_of(random(0, (40, 30), 2.0), 16, one_latency=True) == Every()
    assert (reach_of(narrow, 16, one_latency=True) == Window()) == has_feature("avx512f")
    assert reach_of(wide, 16, one_latency=True) in (Single(16), Sorted(16))
    assert reach_of(narrow, 16, one_latency=False) == Single()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("sizes", "share"), [((70, 90), 0.2), ((33, 16), 1.1), ((200, 7), 0.05)])
def test_no_way_changes_a_bit(dtype: torch.dtype, sizes: tuple[int, int], share: float) -> None:
    """A target adds rounded products from 0, in the order of its synapses."""
    some, generator = random(5, sizes, share), torch.Generator().manual_seed(2)
    weight = torch.randn(some.synapses, generator=generator, dtype=dtype)
    sent = torch.randn(sizes[0], generator=generator, dtype=dtype)
    cells = {"a": rv.Cell("r' = r : 1", emit="r"), "b": rv.Cell("y' = 0*y + x : 1\nx : 1 (input)", emit="y")}
    products, expected = (weight * sent[some.source]).numpy(), np.zeros(sizes[1], weight.numpy().dtype)
    for product, target in zip(products, some.target.tolist(), strict=True):
        expected[target] += product
    width = 64 // dtype.itemsize
    for way in [*RUNNING, *([Every()] if some.full else [])]:
        some.prepared[reach_of, width] = way
        populations = []
        for (name, cell), size in zip(cells.items(), sizes, strict=True):
            part = Population(name, cell, (size,))
            step = part.step(())
            state = {"a": {"r": sent}, "b": {"y": torch.zeros(size, dtype=dtype)}}[name]
            history = sent.unsqueeze(0) if name == "a" else torch.zeros(0, size, dtype=dtype)
            numbers = eager.coefficients(step, part.values(), 1.0)
            emission = step.output_of("r") if name == "a" else None
            populations.append(CircuitPopulation(name, step, size, state, numbers, {}, history, emission=emission))
        (stream,) = populations[1].step.streams
        wire = GradedProjection("a", "b", stream, some, weight, 1)
        for threads in (1, 2):
            found = run_circuit(Circuit(populations, [], 0, 3, dtype, graded=[wire]), threads).states["b"]["y"]
            np.testing.assert_array_equal(found.numpy(), expected, err_msg=f"{way}, {threads} threads")
