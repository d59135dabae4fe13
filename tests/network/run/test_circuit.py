"""Networks in the compiled loop, with and without a cycle: equal to the reference, and to themselves in any other way."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import ms
from tests.kernels.providers.tuned import threaded
from tests.network.loops import LOOPS, RECORD, build

STEPS = 60
#: traces of plastic synapses decay over a whole call in one go
ROUNDING = {"plastic": 1e-6}


def numbers(run: rv.Run) -> dict[str, np.ndarray]:
    """What was recorded, and the state."""
    out = {f"state {n}": t.numpy() for n, t in run.state.tensors().items()}
    for name, wanted in RECORD.items():
        record = run[name]
        out |= {f"{name} {v}": getattr(record, v) for v in wanted if v != "spikes"}
        if "spikes" in wanted:
            out |= {f"{name} step": record.spikes.step, f"{name} cell": record.spikes.cell}
    return out


def same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], tolerance: float = 0.0) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("kind", LOOPS)
def test_it_equals_the_reference(kind: str, every: int) -> None:
    ours, theirs = (
        numbers(build(kind, provider=p).run(STEPS * ms, stream=2, record=RECORD, every=every * ms))
        for p in ("cpu", "reference")
    )
    assert len(ours["a step"]) > 20
    assert len(ours["b step"]) > 5
    same(ours, theirs, 1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", LOOPS)
def test_cuts_and_threads_change_no_bit(kind: str, dtype: torch.dtype) -> None:
    net = build(kind, dtype)
    start = net.initial_state(1, stream=2)
    whole = numbers(net.run(STEPS * ms, start, record=RECORD))
    state, pieces = start, []
    for low, high in pairwise((0, 1, 2, 17, 18, 44, STEPS)):
        run = net.run((high - low) * ms, state, record=RECORD)
        state = run.state
        pieces.append(numbers(run))
    joined = {n: x if n.startswith("state") else np.concatenate([p[n] for p in pieces]) for n, x in pieces[-1].items()}
    same(joined, whole, ROUNDING.get(kind, 0.0))
    with threaded(3) as provider:
        same(numbers(build(kind, dtype, provider).run(STEPS * ms, start, record=RECORD)), whole)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kind", LOOPS)
def test_a_call_with_an_input_equals_the_reference(kind: str, batch: int) -> None:
    x = torch.rand(STEPS, batch, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = []
    for provider in ("cpu", "reference"):
        net = build(kind, provider=provider)
        net.input("in", 9)
        net.connect("in", "b", rv.OneToOne(), to="x")
        with torch.no_grad():
            seen = net.observe(x, net.initial_state(batch, stream=2), record=RECORD)
        found.append({f"{n} {v}": seen[n][v].numpy() for n, wanted in RECORD.items() for v in wanted})
    assert found[0]["b spikes"].sum() > 20
    same(*found, 1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["plastic", "rates", "late rates", "cycle inside"])
def test_a_batch_is_its_samples_one_by_one(kind: str, dtype: torch.dtype) -> None:
    net = build(kind, dtype)
    net.input("in", 9)
    net.connect("in", "b", rv.OneToOne(), to="x")
    x = torch.rand(STEPS, 3, 9, generator=torch.Generator().manual_seed(1), dtype=dtype)
    start, tolerance = net.initial_state(3, stream=2), 1e-6 if dtype == torch.float32 else 1e-12
    with torch.no_grad():
        together = net.observe(x, start, record=RECORD)
        for b in range(3):
            own = net.initial_state(1, stream=2)
            for name, tensor in own.tensors().items():
                values = start.tensors()[name]
                tensor.copy_(values[:, b : b + 1] if name.startswith("history") else values[b : b + 1])
            alone = net.observe(x[:, b : b + 1], own, record=RECORD)
            for name, wanted in RECORD.items():
                for v in wanted:
                    one, other = alone[name][v], together[name][v][:, b : b + 1]
                    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance, msg=f"{name} {v}")
