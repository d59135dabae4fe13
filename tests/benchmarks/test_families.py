"""The table of families: widths, a resumed run, and what the page says of differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from benchmarks.families import __main__ as command
from benchmarks.families._networks import EVENTS, IMAGES, ORDINARY, PLAIN, SPEECH, Entry, sized
from benchmarks.families._page import page
from benchmarks.families._sets import SETS, Amount, Set, Trained
from ranvier.errors import RanvierError

HOST = {"processor": "a processor", "cores": 2}


def row(name: str, *scores: float, of: str = "mnist") -> dict[str, Any]:
    """A row of the JSON file."""
    return {
        "set": of, "name": name, "about": "", "parameters": 10, "rate": 0.01, "epochs": 1, "seconds": {"0": 1.0},
        "scores": {str(k): s for k, s in enumerate(scores)},
    }  # fmt: skip


def test_the_width_is_the_nearest_one() -> None:
    assert sized(lambda w: nn.Linear(10, w), 1_100) == 100
    assert sized(lambda w: nn.Linear(10, w), 1_106) == 101
    with pytest.raises(RanvierError, match="nearest width, 1, is 8% from 1,200 parameters"):
        sized(lambda w: nn.Linear(10, 100 * w), 1_200)


@pytest.mark.parametrize("entry", [entry for entry in (*IMAGES, *EVENTS, *SPEECH) if entry.name in (PLAIN, ORDINARY)])
def test_baselines_have_as_many_parameters(entry: Entry) -> None:
    assert sized(entry.make, 15_000)


def test_differences_and_losses() -> None:
    text = page([row(PLAIN, 0.5, 0.51, 0.52), row(ORDINARY, 0.8, 0.81, 0.83), row("sew", 0.6, 0.61, 0.62)], HOST)
    assert "+10.00 [10.00, 10.00] wins" in text
    assert "Lost: sew to the ordinary network." in text
    assert "| **sew**" in text
    assert "## Clothes" not in text
    assert "Not measured yet: mnist/vgg, mnist/ms," in text


def test_fewer_bits_are_better() -> None:
    text = page([row(PLAIN, 3.0, 3.1, 3.2, of="characters"), row("rwkv", 2.5, 2.6, 2.8, of="characters")], HOST)
    assert "] wins |" in text
    assert "] loses |" not in text
    assert "Lost: nothing" in text


def test_a_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    seen: list[tuple[str, int, float]] = []

    def train(entry: Entry, net: nn.Module, amount: Amount, seed: int, rate: float) -> Trained:
        seen.append((entry.name, seed, rate))
        return Trained(rate, 0.5 + seed / 100)

    entries = [Entry(name, "a layer", lambda w: nn.Linear(10, w)) for name in (PLAIN, ORDINARY)]
    one = Set("mnist", "Digits", "few", "accuracy", 1_100, Amount(1, 1, 1, 3), lambda: entries, train)
    sets = {"mnist": one}
    where = ["--folder", str(tmp_path)]
    command.main(["--rows", "mnist/plain*", *where], sets)
    assert [(seed, rate) for _, seed, rate in seen] == [(100, 3e-3), (100, 1e-2), (0, 1e-2), (1, 1e-2), (2, 1e-2)]
    command.main(where, sets)
    assert len(seen) == 10
    command.main(where, sets)
    assert len(seen) == 10
    command.main(["--seeds", "0", "3", "--rows", "mnist/plain*", *where], sets)
    assert seen[10:] == [(PLAIN, 3, 1e-2)]
    command.main(["--seeds", "0", "--again", "--rows", "mnist/ord*", *where], sets)
    assert len(seen) == 14
    found = json.loads((tmp_path / "families.json").read_text())["rows"]
    assert [(r["name"], r["parameters"], len(r["scores"])) for r in found] == [(PLAIN, 1_100, 4), (ORDINARY, 1_100, 1)]
    assert "## Digits" in (tmp_path / "families.md").read_text()


@pytest.mark.parametrize(("words", "message"), [(["--rows", "moon/*"], "no row is called moon/"), (["--quick"], "other than docs"), (["--seeds"], "at least one seed")])  # fmt: skip
def test_mistakes(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(words, {"mnist": SETS["mnist"]})
    assert message in capsys.readouterr().err
