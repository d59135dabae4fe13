"""Packages whose public names load on first use: nothing is missing, and nothing is loaded that nobody asked for."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from ranvier._pages import page

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    "ranvier",
    "ranvier.connectivity",
    "ranvier.kernels",
    "ranvier.kernels.cpu",
    "ranvier.kernels.tasks",
    "ranvier.limits",
    "ranvier.network",
    "ranvier.neurons",
]
_CIRCUIT = """
import sys
import torch
before = set(sys.modules)
import ranvier as rv
from ranvier.units import ms, mV
cell = rv.Cell("dv/dt = (E - v)/tau : mV (unless refractory)\\ndg/dt = -g/tau : mV", threshold="v > -50*mV",
               reset="v = -60*mV", refractory=2*ms, E=-49*mV, tau=10*ms)
net = rv.Network(dt=0.1*ms, seed=1)
net.population("a", 20, cell, v=rv.Uniform(-60*mV, -50*mV))
net.population("b", 20, cell.with_values(E=-48*mV))
net.connect("a", ["a", "b"], rv.FixedProbability(0.5), to="g", weight=0.1*mV)
net.connect("b", "a", rv.FixedProbability(0.5), to="g", weight=0.1*mV)
net.run(5*ms, record={"a": ["spikes", "v"]})
print(*(set(sys.modules) - before))
"""


def _typed(module: str) -> dict[str, str]:
    """Public name -> module, of the imports that only type checkers see; local helpers have other modules."""
    path = ROOT / module.replace(".", "/")
    text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
    block = next(n for n in ast.parse(text).body if isinstance(n, ast.If))
    found = {a.name: n.module or "" for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names}
    return {n: f"{m}.{n}" if m == module else m for n, m in found.items()}


class TestPages:
    @pytest.mark.parametrize("name", PAGES)
    def test_every_public_name_loads(self, name: str) -> None:
        module = import_module(name)
        for public in module.__all__:
            assert getattr(module, public) is not None
        assert set(module.__all__) <= set(dir(module))

    @pytest.mark.parametrize("name", PAGES)
    def test_type_checkers_and_python_see_the_same(self, name: str) -> None:
        module = import_module(name)
        loaded = {n: name + m if m.startswith(".") else m for n, m in module._PUBLIC.items()}
        typed = _typed(name)
        assert {n: typed.get(n) for n in loaded} == loaded
        assert set(loaded) | {n for n in vars(module) if n in module.__all__} == set(module.__all__)

    def test_pages_and_messages_name_what_there_is(self) -> None:
        public = set(import_module("ranvier").__all__)
        texts = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "ranvier").rglob("*.py")]
        for path in texts:
            named = set(re.findall(r"\brv\.(\w+)", path.read_text(encoding="utf-8")))
            assert named <= public, f"{path.relative_to(ROOT)} names rv.{', rv.'.join(sorted(named - public))}"

    def test_an_unknown_name_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match=r"'ranvier.network' has no attribute 'Nothing'"):
            _ = import_module("ranvier.network").Nothing

    def test_a_module_is_a_name_too(self) -> None:
        load, names = page("tests", {"recipes": ".recipes", "evaluate": ".dynamics.evaluate"})
        assert load("recipes") is import_module("tests.recipes")
        assert load("evaluate") is import_module("tests.dynamics.evaluate")
        assert {"recipes", "evaluate"} <= set(names())


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """What a process loads, beside torch, to build and run a circuit."""
    told = subprocess.run([sys.executable, "-c", _CIRCUIT], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(told.stdout.split())


class TestStart:
    def test_a_circuit_runs_through_the_compiled_loop(self, loaded: set[str]) -> None:
        assert "ranvier.kernels.cpu.circuit.kernel" in loaded

    @pytest.mark.parametrize("module", ["matplotlib", "networkx", "rich", "safetensors", "scipy", "sklearn"])
    def test_a_circuit_needs_no(self, loaded: set[str], module: str) -> None:
        assert module not in loaded

    @pytest.mark.parametrize(
        "module",
        [
            "connectivity._connectome",
            "data",
            "encoding",
            "kernels.cpu.delays.in_flight",
            "kernels.cpu.fused.run",
            "kernels.cpu.scan.run",
            "network.simulation.gradient_run",
            "network.saving",
            "network.sequential",
            "network.stimuli._equations",
            "neurons._integrate_and_fire",
            "neurons._membrane_norm",
            "plasticity",
            "recipes",
            "synapses",
            "training",
        ],
    )
    def test_a_circuit_loads_no(self, loaded: set[str], module: str) -> None:
        assert f"ranvier.{module}" not in loaded


class TestCollector:
    """Importing is a fifth faster without the garbage collector, which is left as it was found."""

    @pytest.mark.parametrize("setting", ["gc.enable()", "gc.disable()", "gc.freeze()"])
    def test_the_collector_is_left_as_it_was(self, setting: str) -> None:
        code = (
            f"import gc; {setting}; before = gc.isenabled(), gc.get_freeze_count() > 0; import ranvier; ranvier.Network;"
            "assert (gc.isenabled(), gc.get_freeze_count() > 0) == before"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_garbage_from_before_is_collected_later(self) -> None:
        code = (
            "import gc, weakref\n"
            "class Thing: pass\n"
            "a = Thing(); a.itself = a; seen = weakref.ref(a)\n"
            "import ranvier; ranvier.Network\n"
            "del a; gc.collect(); assert seen() is None"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
