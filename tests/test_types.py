"""What an editor knows about the flat page: names, arguments and what comes back have types."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_RIGHT = """
import ranvier as rv
from ranvier.units import ms, mV, second

net = rv.Network(dt=0.1 * ms, seed=3)
cells = net.population("cells", 10, rv.CurrentLIF(), v=rv.Uniform(-65 * mV, -50 * mV))
net.connect(cells, cells, rv.FixedProbability(0.1), to="I", weight=0.1)
run: rv.Run = net.run(1 * second, record={"cells": ["spikes"]})
spikes: rv.SpikeTrain = run["cells"].spikes
plan: rv.Plan = net.plan()
state: rv.State = run.state
layers = rv.Sequential(rv.Linear(10, 5), rv.LIF(5, tau=rv.Learn(10 * ms)), dt=1 * ms)
reveal_type(layers.plan())
reveal_type(rv.losses)
reveal_type(rv.train)
reveal_type(net.populations["cells"])
"""
_WRONG = """
import ranvier as rv
from ranvier.units import ms

net = rv.Network(dt=1 * ms)
rv.Lif(3)
net.populaton("a", 3, rv.LIF())
rv.Network(dt=1 * ms, sede=3)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict]]:
    """What pyright says of the right and the wrong script, by file name."""
    folder = tmp_path_factory.mktemp("scripts")
    for name, text in (("right", _RIGHT), ("wrong", _WRONG)):
        (folder / f"{name}.py").write_text(text)
    settings = {"include": ["."], "extraPaths": [str(ROOT)], "typeCheckingMode": "basic"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found: dict[str, list[dict]] = {"right": [], "wrong": []}
    for entry in json.loads(done.stdout)["generalDiagnostics"]:
        found[Path(entry["file"]).stem].append(entry)
    return found


class TestTypes:
    def test_a_right_script_has_no_error(self, told: dict[str, list[dict]]) -> None:
        assert [e for e in told["right"] if e["severity"] == "error"] == []

    def test_types_are_known(self, told: dict[str, list[dict]]) -> None:
        types = [e["message"].partition(" is ")[2] for e in told["right"] if e["severity"] == "information"]
        assert len(types) == 4
        assert not any(t.strip('"') == "Any" or "Unknown" in t for t in types), types

    @pytest.mark.parametrize(("line", "word"), [(6, "Lif"), (7, ""), (8, "sede")])
    def test_a_mistake_is_found(self, told: dict[str, list[dict]], line: int, word: str) -> None:
        errors = [e for e in told["wrong"] if e["severity"] == "error" and e["range"]["start"]["line"] == line - 1]
        assert any(word in e["message"] for e in errors), told["wrong"]
