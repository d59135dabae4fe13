"""Calls in turn: one that is not counted, then so many, and a first round that is not counted."""

from __future__ import annotations

from benchmarks._turns import in_turn


def test_calls_take_turns_and_the_first_of_each_and_the_first_round_do_not_count() -> None:
    made, now = [], [0.0]

    def call(name: str, seconds: float) -> None:
        made.append(name)
        now[0] += seconds if made.count(name) > 4 else 1000.0  # slow in the first round
        now[0] += 100.0 if len(made) > 8 and made[-2] != name else 0.0  # and after the other

    calls = {"a": lambda: call("a", 1.0), "b": lambda: call("b", 0.5)}
    assert in_turn(calls, 2, 3, lambda: now[0]) == {"a": [1e6, 1e6], "b": [5e5, 5e5]}
    assert made == 3 * (4 * ["a"] + 4 * ["b"])
