"""The projection of several processes: a fit of what falls with their number, and the time of their exchanges."""

from __future__ import annotations

import pytest

from benchmarks.simulation._processes_page import fit, projected


def test_a_fit_finds_what_is_shared() -> None:
    counts = [1, 2, 4, 8]
    assert fit(counts, [0.3 + 2.0 / k for k in counts]) == pytest.approx((0.3, 2.0))


def test_nothing_is_negative() -> None:
    assert fit([2, 4], [1.0, 1.5])[1] == 0


def test_exchanges_add_their_time() -> None:
    assert projected(0.3, 2.0, rounds=5000, round_us=30, nodes=64) == pytest.approx((0.3 + 2.0 / 64, 0.15))
