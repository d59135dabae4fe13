"""Which rounds of the start-up series are measured."""

from __future__ import annotations

import random

from benchmarks.simulation.startup import begun, missing


def rows(**rounds: int) -> list[dict]:
    return [
        {"side": side, "wall": [random.random()] * count, "processor": [1.0] * count} for side, count in rounds.items()
    ]


def lacking(some: list[dict], rounds: int) -> list[list[str]]:
    return [[row["side"] for row in turn] for turn in missing(some, rounds)]


def test_rows_without_times_take_all_rounds_in_turn() -> None:
    assert lacking(rows(a=0, b=0), 2) == [["a", "b"], ["a", "b"]]


def test_only_rounds_that_are_missing_are_measured() -> None:
    assert lacking(rows(a=2, b=1, c=0), 2) == [["c"], ["b", "c"]]
    assert lacking(rows(a=2, b=2), 2) == []


def test_all_rows_get_as_many_as_the_longest_for_their_ratios() -> None:
    assert lacking(rows(a=3, b=1), 2) == [["b"], ["b"]]


def test_times_are_kept_where_they_are_asked_for() -> None:
    old, wanted = rows(a=2, b=1), [{"side": "b"}, {"side": "c"}]
    kept, new = begun(old, wanted, True)
    assert kept is old[1]
    assert new == {"side": "c", "wall": [], "processor": []}
    assert begun(old, wanted, False)[0] == {"side": "b", "wall": [], "processor": []}
