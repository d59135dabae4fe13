"""Names of circuits in the table of calls."""

from __future__ import annotations

from benchmarks.simulation.calls import title


def test_one_population_is_no_plural() -> None:
    assert title(1, 1, 50) == "1 population of 50 cells, 1 projection"
    assert title(2, 4, 2_000) == "2 populations of 2,000 cells, 4 projections"
