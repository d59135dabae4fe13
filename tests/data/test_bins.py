"""Events and their bins."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ranvier.data import Bins, Events
from ranvier.errors import RanvierError, ShapeError
from ranvier.units import ms, us

EVENTS = st.lists(
    st.tuples(st.integers(0, 20_000), st.integers(0, 8), st.integers(0, 6), st.booleans()), min_size=1, max_size=60
)


def camera(events: list[tuple[int, int, int, bool]]) -> Events:
    t, x, y, p = zip(*events, strict=True)
    return Events.from_columns(t, x, y, p, 7, 9)


@given(EVENTS, st.integers(1, 4), st.integers(1, 12))
def test_bins_count_every_event_where_it_was(events, pool: int, steps: int) -> None:
    counts = Bins(steps, 2 * ms, pool=pool)(camera(events))
    expected = np.zeros((steps, 2, -(-7 // pool), -(-9 // pool)))
    for t, x, y, p in events:
        if t // 2000 < steps:
            expected[t // 2000, int(p), y // pool, x // pool] += 1
    np.testing.assert_array_equal(counts.numpy(), expected)


@given(EVENTS)
def test_without_a_step_all_events_fit_the_steps(events) -> None:
    counts = Bins(5)(camera(events))
    assert counts.sum() == len(events)
    last = max(t for t, *_ in events)
    assert counts[min(t for t, *_ in events) * 5 // (last + 1)].sum() > 0
    assert counts[last * 5 // (last + 1)].sum() > 0
    assert Bins(5, binary=True)(camera(events)).max() == 1


def test_lines_of_channels_cuts_and_zero() -> None:
    events = Events.sorted([5000, 1000, 2500], [4, 0, 3], (5,))
    assert events.t.tolist() == [1000, 2500, 5000]
    assert events.from_zero().t.tolist() == [0, 1500, 4000]
    assert events.between(2000, 5000).t.tolist() == [500]
    assert Bins(3, 2 * ms, pool=2)(events).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert torch.equal(Bins(3)(Events.sorted([], [], (5,))), torch.zeros(3, 5))


def test_what_cannot_be() -> None:
    with pytest.raises(ShapeError, match="outside a sensor"):
        Events.sorted([0], [5], (5,))
    with pytest.raises(ShapeError, match="W x H"):
        Events.from_columns([0], [9], [0], [1], 7, 9)
    with pytest.raises(ShapeError, match=r"\[E\]"):
        Events(np.zeros(2), np.zeros(3), (5,))
    with pytest.raises(RanvierError, match="at least one step"):
        Bins(0)
    with pytest.raises(ShapeError, match="Bins takes Events"):
        Bins(3)(torch.zeros(3))  # pyright: ignore[reportArgumentType]


def test_an_event_on_an_edge_belongs_to_the_bin_that_begins_there() -> None:
    edges = Events.sorted([700, 1400, 2100], [0, 0, 0], (1,))
    assert Bins(4, dt=700 * us)(edges)[:, 0].tolist() == [0, 1, 1, 1]
    wrong = []
    for width in range(1, 20_001):
        events = Events(np.array([0, width - 1, width, 3 * width - 1, 3 * width]), np.zeros(5, np.int64), (1,))
        if Bins(4, dt=width * us)(events)[:, 0].tolist() != [1 + (width > 0), 1, 1, 1]:
            wrong.append(width)
    assert not wrong


def test_times_with_rounding_are_the_microseconds_they_mean() -> None:
    events = Events.sorted(np.array([0.0007, 0.0014, 0.0021, 4.1e-6]) * 1e6, [0] * 4, (1,))
    assert events.t.tolist() == [4, 700, 1400, 2100]
