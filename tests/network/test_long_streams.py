"""Streams of 10^5 steps take no more memory than those of 10^4: forward, with truncated gradients, and in windows of a rule."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.network.long_streams import CELLS, MAKE, STEPS

#: MB by which a peak may move; one number of each cell and step, kept for all steps, would take more
MOST = 10.0


@pytest.mark.parametrize(
    "name", ["resonator", *(pytest.param(n, marks=pytest.mark.slow) for n in MAKE if n != "resonator")]
)
def test_memory_does_not_grow_with_the_steps(name: str) -> None:
    assert 2 * MOST < 4 * CELLS * STEPS / 2**20
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.network.long_streams", name], cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rises = {line.rpartition(":")[0]: float(line.rpartition(":")[2]) for line in done.stdout.splitlines()}
    assert len(rises) == 3
    assert {n: rise for n, rise in rises.items() if rise > MOST} == {}
