"""Processor time and memory of one circuit at several sizes, and the straight lines through their logarithms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ranvier.errors import RanvierError
from ranvier.network import Network, Poisson
from ranvier.recipes.parts.one_circuit import READ, SYNAPSES, circuit
from ranvier.units import Hz, ms

__all__ = ["Size", "exponent", "measured", "report", "sizes"]

#: cells, synapses of each, and steps
Size = tuple[int, int, int]
#: steps of a gradient, relative to those of a run; runs of which the fastest counts
_PART, _TRIES = 5, 3
_MEMORY = Path("/proc/self/status"), Path("/proc/self/clear_refs")
#: freed memory goes back to the system at once, so that the highest resident memory is that of the size
_QUIET = {"MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}


def sizes(cells: int, steps: int) -> dict[str, Size]:
    """Sizes by name: one quantity at a time grows from the smallest."""
    first = (cells, SYNAPSES, steps)
    grown = {"1": first}
    grown |= {f"{k} x cells": (k * cells, SYNAPSES, steps) for k in (4, 16, 64)}
    grown |= {f"{k} x synapses": (cells, k * SYNAPSES, steps) for k in (4, 16)}
    return grown | {f"{k} x steps": (cells, SYNAPSES, k * steps) for k in (4, 16)}


@lru_cache(maxsize=1)
def measured(cells: int, steps: int, seed: int) -> dict[str, dict[str, float]]:
    """For every size the processor seconds and MB of a run, and of a gradient of a fifth of its steps; in a process of its own.

    Memory is the highest resident memory beyond what stood before the circuit was built; only Linux tells.
    """
    call = f"from ranvier.recipes.parts.costs import report; report({cells}, {steps}, {seed})"
    done = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, env={**os.environ, **_QUIET})
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise RanvierError(f"the process that measures sizes ended with {done.returncode}: {last[0]}")
    return json.loads(done.stdout.splitlines()[-1])


def report(cells: int, steps: int, seed: int) -> None:
    """Write the figures of all sizes as one line of JSON; the first circuit only wakes the libraries."""
    torch.set_num_threads(1)
    _figures((300, SYNAPSES, 10), seed)
    found = {name: _figures(size, seed) for name, size in sizes(cells, steps).items()}
    sys.stdout.write(json.dumps(found) + "\n")


def exponent(size: Sequence[float], value: Sequence[float]) -> float:
    """The slope of the straight line through the logarithms."""
    return float(np.polyfit(np.log(size), np.log(value), 1)[0])


def _figures(size: Size, seed: int) -> dict[str, float]:
    cells, per_cell, steps = size
    before = _now("VmRSS")
    net = circuit(cells, seed, cue=Poisson(50 * Hz, 20), per_cell=per_cell)
    net.run(1 * ms, stream=0)
    values = {
        "cells": cells,
        "synapses": sum(len(p.synapses) for p in net.projections.values() if p.name != READ),
        "steps": steps,
    }
    for name, count, grad in (("run", steps, False), ("gradient", max(1, steps // _PART), True)):
        if before is not None:
            _MEMORY[1].write_text("5", encoding="ascii")  # the highest resident memory starts anew
        values[f"{name}, s"] = min(_seconds(net, count, grad) for _ in range(_TRIES))
        if before is not None:
            values[f"{name}, MB"] = max((_now("VmHWM") or before) - before, 0.0)
    return values


def _seconds(net: Network, steps: int, grad: bool) -> float:
    start = time.process_time()
    run = net.run(steps * ms, stream=0, record={"exc": ["spikes"]}, grad=grad)
    if grad:
        run["exc"].spikes.mean().backward()
    return time.process_time() - start


def _now(key: str) -> float | None:
    """MB under ``key`` in the status of this process, or None where there is no such file."""
    if not _MEMORY[0].is_file():
        return None
    line = next(s for s in _MEMORY[0].read_text(encoding="ascii").splitlines() if s.startswith(key))
    return int(line.split()[1]) / 1024
