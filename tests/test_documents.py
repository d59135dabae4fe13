"""Every block of Python in README.md and docs/ runs, the blocks of a section one after another."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import ms
from tests.examples import NAMES, circuit, classifier

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if BLOCK.search(path.read_text("utf-8"))
]
#: Pages that simulate or train for long.
SLOW = {"data.md", "design.md", "simulation.md"}
#: Data sets that a page reads.
DATA = {"data.md": ("braille_touch", "fsdd")}


def _samples(steps: int, channels: int, classes: int, count: int = 4) -> dict[str, Any]:
    torch.manual_seed(0)
    spikes, y = (torch.rand(steps, count, channels) < 0.05).float(), torch.arange(count) % classes
    x = spikes.transpose(0, 1)
    return {"spikes": spikes, "x": x, "y": y, "x_valid": x, "y_valid": y, "train_set": (x, y), "valid_set": (x, y)}


def _classifier(channels: int, classes: int) -> rv.Network:
    parts = rv.Linear(channels, 32), rv.LIF(32), rv.Linear(32, classes), rv.LeakyReadout(classes)
    return rv.Sequential(*parts, dt=1 * ms)


def _space() -> dict[str, Any]:
    cell = rv.Cell("dv/dt = (x - v)/tau : mV\nx : mV (input)", threshold="v > 10*mV", reset="v = 0*mV", tau=10 * ms)
    net = rv.Network(dt=0.1 * ms)
    for name in ("exc", "inh"):
        net.population(name, 50, cell)
    return {"net": net, "cell": cell, "xyz": np.random.default_rng(0).random((100, 3))}


def _deep() -> dict[str, Any]:
    given = _samples(10, 20, 3, 8)
    return {**given, "net": _classifier(20, 3), "lengths": torch.arange(3, 11)}


def _delays() -> dict[str, Any]:
    net = rv.Network(dt=1 * ms)
    for name in ("a", "b"):
        net.population(name, 10, rv.LIF())
    return {"net": net, "table": np.full((256, 700), 3.0) * ms}


def _simulation() -> dict[str, Any]:
    return {
        **circuit(),
        "layers": _classifier(20, 3),
        "x": torch.ones(10, 2, 20),
        "wanted": torch.ones(400),
        "rate": 0.01,
    }


#: What each page takes as given.
GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "README.md": lambda: _samples(50, 700, 20),
    "design.md": lambda: _samples(50, 700, 20),
    "storage.md": _deep,
    "compat.md": classifier,
    "robustness.md": classifier,
    "connectivity.md": _space,
    "data.md": lambda: {"net": _classifier(12, 27)},
    "deep.md": _deep,
    "delays.md": _delays,
    "distributed.md": circuit,
    "plasticity.md": circuit,
    "simulation.md": _simulation,
    "precision.md": lambda: {**_samples(10, 20, 3, 8), "net": _classifier(20, 3)},
    "training.md": lambda: {**_samples(10, 20, 3, 8), "net": _classifier(20, 3)},
}


@pytest.mark.parametrize(
    "page", [pytest.param(p, id=p.name, marks=pytest.mark.slow if p.name in SLOW else ()) for p in PAGES]
)
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_folder: Callable[[str], Path]
) -> None:
    for name in DATA.get(page.name, ()):
        monkeypatch.setenv("RANVIER_DATA", str(data_folder(name).parent))
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    section, names = -1, {}
    for block in BLOCK.finditer(text):
        before = text[: block.start()]
        if before.count("\n## ") != section:
            section, names = before.count("\n## "), {**NAMES, **GIVEN.get(page.name, dict)()}
        exec(compile("\n" * (before.count("\n") + 1) + block[1], str(page), "exec"), names)


def test_the_interfaces_that_the_design_names_are_classes_of_the_package() -> None:
    """Of the sentence "Internal interfaces (the whole set; …)": each word in capitals, under that very name."""
    text = (ROOT / "docs" / "design.md").read_text("utf-8")
    (sentence,) = re.findall(r"^Internal interfaces .*$", text, re.MULTILINE)
    named = re.findall(r"`([A-Z]\w+)`", sentence)
    assert len(named) > 15
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "ranvier").rglob("*.py"))
    assert [name for name in named if not re.search(rf"^class {name}\b", source, re.MULTILINE)] == []
