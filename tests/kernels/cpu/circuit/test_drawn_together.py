"""Synapses that threads draw together when cells fire: the same bits as on one thread, and as where they are stored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.connectivity import RowRule
from ranvier.kernels.cpu.host.barrier import can_meet
from ranvier.units import ms
from tests.kernels.providers.tuned import teams_taken, threaded

pytestmark = pytest.mark.skipif(not can_meet(), reason="threads of this system cannot wait for one another")
CELL = rv.Cell("v' = 0.9*v + drive : 1\nx : 1 (input)", threshold="v > 1", reset="v = 0", drive=rv.Uniform(0.09, 0.16))
RULES: dict[str, Callable[[int], RowRule]] = {
    "repeated": rv.FixedOutDegree,
    "distinct": lambda k: rv.FixedOutDegree(k, multapses=False),
    "probability": lambda k: rv.FixedProbability(k / 300),
}
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def outcome(
    rule: Callable[[int], RowRule], provider: str, dtype: torch.dtype, stored: bool = False, parts: tuple[int, ...] = (80,)
) -> dict[str, torch.Tensor]:  # fmt: skip
    """The last spikes and the state of two populations of which one is driven into synchrony."""
    net = rv.Network(dt=0.5 * ms, seed=3, dtype=dtype, provider=provider)
    net.population("a", 300, CELL)
    net.population("b", 215, CELL, v=0.99)
    drawn: Callable = (lambda r: r) if stored else rv.Procedural
    net.connect("a", "b", drawn(rule(20)), to="v", weight=0.01, delay=1 * ms)
    net.connect("b", "b", drawn(rule(10)), to="v", weight=0.02)
    net.connect("b", "a", drawn(rule(30)), to="v", weight=-0.01)
    net.connect(
        "a", "a", rv.FixedProbability(0.1), to="v", weight=rv.Uniform(0, 0.02), delay=rv.Uniform(0 * ms, 2 * ms)
    )
    state, out = None, {}
    for part in parts:
        run = net.run(part * 0.5 * ms, state, stream=None if state else 0, record={"a": ["spikes"], "b": ["v"]})
        state = run.state
        out = {"v": torch.as_tensor(run["b"].v), "step": torch.as_tensor(run["a"].spikes.step), **state.tensors()}
    assert len(out["step"]) > 100
    return out


@pytest.mark.parametrize("rule", RULES)
@DTYPES
def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch, rule: str, dtype: torch.dtype) -> None:
    used, found = teams_taken(monkeypatch), []
    for threads in (1, 2, 4):
        with threaded(threads) as provider:
            found.append(outcome(RULES[rule], provider, dtype))
    assert used == [1, 2, 4]
    for other in found[1:]:
        for key, value in found[0].items():
            assert torch.equal(other[key], value), key


@pytest.mark.parametrize(("room", "rule"), [(1, "probability"), (300, "repeated")])
def test_rounds_change_no_bit(room: int, rule: str) -> None:
    """Rows of a step that many cells reach are drawn in rounds, of one row for each thread or of some."""
    found = []
    for threads in (1, 3):
        with threaded(threads, drawn_room=room) as provider:
            found.append(outcome(RULES[rule], provider, torch.float32, parts=(25,)))
    for other in found[1:]:
        for key, value in found[0].items():
            assert torch.equal(other[key], value), key


@pytest.mark.parametrize("rule", RULES)
def test_cuts_change_no_bit(rule: str) -> None:
    with threaded(1) as provider:
        one = outcome(RULES[rule], provider, torch.float32, parts=(1, 2, 40, 37))
        whole = outcome(RULES[rule], provider, torch.float32)
    with threaded(3) as provider:
        cut = outcome(RULES[rule], provider, torch.float32, parts=(1, 2, 40, 37))
    for key, value in one.items():
        assert torch.equal(cut[key], value), key
        assert key in ("v", "step") or torch.equal(whole[key], value), key


@pytest.mark.parametrize("rule", RULES)
def test_stored_synapses_are_the_same(rule: str) -> None:
    with threaded(2) as provider:
        drawn, stored = (outcome(RULES[rule], provider, torch.float64, kept) for kept in (False, True))
    for key, value in stored.items():
        np.testing.assert_allclose(drawn[key], value, rtol=1e-12, atol=1e-12, err_msg=key)
