"""Torch's library is mapped while SymPy is imported, and nothing else changes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="mapped early with two processors, on Linux"
)
_MAPPED = """
def mapped():
    for thread in threading.enumerate():
        if thread.name == "ranvier: map torch":
            thread.join()
    return "libtorch_cpu" in open("/proc/self/maps").read()
"""


def _said(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, threading\n{_MAPPED}\n{code}"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_equations_begin_it_and_torch_finds_it() -> None:
    code = """
import ranvier.dynamics
before = "torch" in sys.modules, mapped()
import torch
print(before, float((torch.arange(300_000, dtype=torch.float64) + 1).sum()), torch.linalg.det(torch.eye(3)).item())
"""
    assert _said(code) == "(False, True) 45000150000.0 1.0"


def test_units_do_not_begin_it() -> None:
    assert _said("import ranvier as rv\nrv.units.ms, rv.errors\nprint(mapped())") == "False"


def test_torch_itself_comes_first_where_it_is_imported() -> None:
    code = "import torch\nimport ranvier.dynamics\nprint([t.name for t in threading.enumerate()])"
    assert _said(code) == "['MainThread']"


def test_it_does_not_need_the_library_where_wheels_have_it() -> None:
    code = """
import importlib.util, pathlib, types
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: types.SimpleNamespace(origin="/nowhere/torch/__init__.py")
import ranvier.dynamics
print(mapped())
"""
    assert _said(code) == "False"
