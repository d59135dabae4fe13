"""The table of workloads is written in pieces: what a run measured is replaced, the rest stays while it may."""

from __future__ import annotations

from typing import Any

from benchmarks._report import Row
from benchmarks.simulation._workloads_page import merge, page


def _rows(**seconds: list[float]) -> list[Row]:
    return [Row(name, list(times), equality=f"{len(name)} Hz") for name, times in seconds.items()]


def _page(line: dict[str, Any]) -> str:
    machine = {"processor": "one", "cores": 2, "load_1min": 0.1}
    return page({"512": {"machine": machine, "lines": {"alone": line}}})


def test_a_peer_left_out_keeps_its_ratio_to_its_own_series() -> None:
    line: dict[str, Any] = {}
    merge(line, _rows(ranvier=[0.010, 0.020], brian2=[0.030, 0.060]), "one")
    merge(line, _rows(ranvier=[0.020, 0.020], nest=[0.200, 0.200]), "one")
    assert line["ms"] == 20
    assert {name: peer["ratio"] for name, peer in line["peers"].items()} == {"brian2": 3, "nest": 10}
    assert "| 20 | 45 | 3.00 (3.00–3.00) | 200 | 10.00 (10.00–10.00) | 7 Hz / 6 Hz / 4 Hz |" in _page(line)


def test_another_processor_keeps_nothing() -> None:
    line: dict[str, Any] = {}
    merge(line, _rows(ranvier=[0.01], brian2=[0.03]), "one")
    merge(line, _rows(ranvier=[0.02], nest=[0.2]), "another")
    assert list(line["peers"]) == ["nest"]


def test_a_model_that_a_peer_lacks_is_named_below_the_table() -> None:
    line: dict[str, Any] = {}
    merge(line, [*_rows(ranvier=[0.01]), Row("nest", failure="not offered: no such cell")], "one")
    text = _page(line)
    assert "| 10 | – | – | – | – | 7 Hz / – / – |" in text
    assert "- 10,000 cells without a synapse: NEST, no such cell." in text
