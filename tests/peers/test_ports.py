"""Ports of other libraries' tutorials: the same spikes and membranes for the same weights, no more lines, and they learn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from tests.peers import table
from tests.peers.port import PEERS, Port, load, ports
from tests.peers.record import record

ALL = [port for peer in PEERS for port in ports(peer)]
LEARNING = [port for port in ALL if port.quick is not None]


def named(some: list[Port], mark: Callable[[Port], object] = lambda port: ()) -> list:
    return [pytest.param(p, id=f"{p.peer}-{p.name}", marks=mark(p)) for p in some]


@pytest.fixture(autouse=True)
def own_default() -> Iterator[None]:
    """A library may set another default of torch."""
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("port", named(ALL))
def test_signals_equal_what_is_recorded(port: Port) -> None:
    given, expected = load(port)
    assert all(np.abs(value).sum() > 0 for value in expected.values()), "a signal of zeros proves nothing"
    for name, difference in port.differences(port.ours.signals(given), expected).items():
        assert difference <= (0 if expected[name].dtype.kind == "i" else port.tolerance), name


@pytest.mark.parametrize("port", named(ALL, lambda port: pytest.mark.peers(port.peer)))
def test_the_library_gives_what_is_recorded(port: Port) -> None:
    found = record(port)
    with np.load(port.witness) as file:
        assert set(found) == set(file.files) - {"made_with"}
        for name, array in found.items():
            largest = max(1.0, float(np.abs(file[name]).max()))
            np.testing.assert_allclose(array, file[name], rtol=1e-5, atol=1e-6 * largest, err_msg=name)


@pytest.mark.parametrize("port", named(ALL))
def test_a_port_has_no_more_lines_than_theirs(port: Port) -> None:
    ours, theirs = port.lines()
    assert 0 < ours <= theirs


@pytest.mark.parametrize("port", named(LEARNING, lambda port: pytest.mark.slow if port.slow else ()))
def test_a_port_learns(port: Port) -> None:
    assert port.enough(port.ours.score(port.quick(), 0, port.quick_epochs))


@pytest.mark.parametrize("peer", PEERS)
def test_the_page_shows_the_results(peer: str) -> None:
    results = json.loads(table.results_of(peer).read_text("utf-8"))
    assert list(results["ports"]) == [port.name for port in ports(peer)]
    assert table.marked(table.page_of(peer).read_text("utf-8"))[1] == table.table(results)
    for port in ports(peer):
        row = results["ports"][port.name]
        assert tuple(row["lines"].values()) == port.lines(), "run python -m tests.peers.table"
        if port.samples is not None:
            assert port.data, "say what the samples are"
            assert (row["data"], row["epochs"]) == (port.data, port.epochs), "run python -m tests.peers.table"
