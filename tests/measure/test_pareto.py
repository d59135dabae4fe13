"""Dominated networks, the page that shows them, and what is refused."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms

ROWS = {
    "small": {"accuracy": 0.90, "energy": 2.0, "bytes": 100.0},
    "large": {"accuracy": 0.95, "energy": 9.0, "bytes": 900.0},
    "slow": {"accuracy": 0.89, "energy": 9.5, "bytes": 100.0},
    "equal": {"accuracy": 0.90, "energy": 2.0, "bytes": 100.0},
}


def test_a_network_is_dominated_by_one_that_is_better_in_something_and_worse_in_nothing() -> None:
    found = rv.measure.pareto(ROWS)
    assert found.front == ("small", "large", "equal")
    assert found.dominated["slow"] == ("small", "equal")
    assert str(found).splitlines()[-1].startswith("slow")
    other = rv.measure.pareto(ROWS, larger=("accuracy", "energy", "bytes"))
    assert other.front == ("large", "slow")


def test_dominance_equals_a_direct_definition() -> None:
    draw = torch.Generator().manual_seed(1)
    rows = {
        str(k): {"accuracy": float(a), "cost": float(b)}
        for k, (a, b) in enumerate(torch.randint(5, (30, 2), generator=draw))
    }
    found = rv.measure.pareto(rows)
    for one, other in product(rows, rows):
        (a, c), (b, d) = (tuple(rows[name].values()) for name in (one, other))
        assert (other in found.dominated[one]) == (b >= a and d <= c and (b, d) != (a, c))


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_stands_alone_and_escapes_names(tmp_path: Path) -> None:
    hostile = {"<script>alert(1)</script>": ROWS["small"], "a $\\frac{1}$ & b": ROWS["slow"]}
    page = rv.measure.pareto(hostile).html(tmp_path / "page.html", title="<b>title</b>")
    seen = _Text()
    seen.feed(page.read_text("utf-8"))
    assert "script" not in seen.tags
    assert "b" not in seen.tags
    assert "svg" in seen.tags
    assert "<script>alert(1)</script>" in seen.text
    assert "<b>title</b>" in seen.text
    assert "src=" not in page.read_text("utf-8")
    assert 'class="dominated"' in page.read_text("utf-8")


def test_reports_give_figures() -> None:
    net = rv.Sequential(rv.Linear(4, 3), rv.LIF(3), dt=1 * ms)
    counts = rv.measure.operations(net, torch.ones(5, 2, 4))
    made = rv.measure.figures(counts)
    assert made["ACs"] == counts.acs == 60
    assert made["parameter bytes"] == counts.parameter_bytes
    assert rv.measure.pareto({"net": made}, larger=()).front == ("net",)


WRONG = {
    "no networks": (lambda: rv.measure.pareto({}), "no network"),
    "no figures": (lambda: rv.measure.pareto({"a": {}}), "figures of 'a'"),
    "figures without names": (lambda: rv.measure.pareto({"a": [0.9, 2.0]}), "figures of 'a'"),
    "another figure": (lambda: rv.measure.pareto({"a": {"accuracy": 1.0}, "b": {"energy": 1.0}}), "some networks alone"),
    "a missing figure": (lambda: rv.measure.pareto({**ROWS, "b": {"accuracy": 1.0, "energy": 1.0}}), "'bytes'"),
    "not a number": (lambda: rv.measure.pareto({"a": {"accuracy": float("nan")}}), "finite"),
    "infinite": (lambda: rv.measure.pareto({"a": {"accuracy": float("inf")}}), "finite"),
    "text": (lambda: rv.measure.pareto({"a": {"accuracy": "90 %"}}), "'90 %'"),
    "a flag": (lambda: rv.measure.pareto({"a": {"accuracy": True}}), "True"),
    "an unknown name in larger": (lambda: rv.measure.pareto(ROWS, larger=("speed",)), "'speed'"),
    "a figure to draw": (lambda: rv.plot.pareto(rv.measure.pareto(ROWS), "latency", "accuracy"), "'latency'"),
    "a page of it": (lambda: rv.measure.pareto(ROWS).html("never.html", x="latency"), "'latency'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_named(mistake: str) -> None:
    call, said = WRONG[mistake]
    with pytest.raises(RanvierError, match=said):
        call()
