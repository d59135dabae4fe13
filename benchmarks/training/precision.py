"""Time and memory of a training step by number format. Run: `python -m benchmarks.training.precision`.

The table goes into `docs/precision.md`, between its marks. Every number comes from a process of its own, on one thread. Memory is
the growth of the peak of resident memory per time step, between two lengths; inputs, which grow too, are left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks._link import ROOT
from benchmarks._marks import paste
from benchmarks._memory import begin_peak, memory_mb
from benchmarks._report import machine
from benchmarks.ranvier_side import NETWORKS
from benchmarks.training import nmnist_conv, shd_feedforward, shd_recurrent
from ranvier.kernels.cpu.llvm.processor import has_feature

PAGE = ROOT / "docs" / "precision.md"
_WARM, _TIMED = 2, 5
_INSTRUCTIONS = ("avx2", "avx512f", "avx512bf16", "avx512fp16", "amx-bf16")


@dataclass(frozen=True)
class Format:
    """Dtypes of the weights and of autocast, and whether the states between checkpoints are computed again."""

    weights: torch.dtype = torch.float32
    autocast: torch.dtype | None = None
    again: bool = False


FORMATS = {
    "float64": Format(torch.float64),
    "float32": Format(),
    "float32, checkpoints": Format(again=True),
    "bfloat16 by autocast": Format(autocast=torch.bfloat16),
    "float16 by autocast": Format(autocast=torch.float16),
    "bfloat16 weights": Format(torch.bfloat16),
}


@dataclass(frozen=True)
class Case:
    """A network bench, two lengths of its sequences, and steps between checkpoints."""

    name: str
    title: str
    make_inputs: Callable[[np.random.Generator, int], dict[str, np.ndarray]]
    steps: tuple[int, int]
    between: int


CASES = (
    Case("shd_feedforward", "700-256-256-20", shd_feedforward.make_inputs, (100, 400), 20),
    Case("shd_recurrent", "700-R256-20", shd_recurrent.make_inputs, (100, 400), 20),
    Case("nmnist_conv", "conv32-conv64-10", nmnist_conv.make_inputs, (8, 32), 4),
)


def measured(case: Case, form: Format, steps: int) -> dict[str, float]:
    """Seconds of a training step, and MB at its peak beyond what the process held before its first one."""
    torch.set_num_threads(1)
    inputs = case.make_inputs(np.random.default_rng(1), steps)
    net = NETWORKS[case.name](inputs).net.to(form.weights)
    x, target = torch.from_numpy(inputs["x"]).to(form.weights), torch.from_numpy(inputs["targets"])
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-9)
    how: dict[str, Any] = {"checkpoint": case.between} if form.again else {}
    idle, spent = memory_mb("VmRSS"), []
    for k in range(_WARM + _TIMED):
        if k == _WARM:
            begin_peak()
        began = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=form.autocast or torch.bfloat16, enabled=form.autocast is not None):
            out, _ = net(x, reset="detached", **how)
        torch.nn.functional.cross_entropy(out.to(torch.float64).mean(0), target).backward()
        optimizer.step()
        spent.append(time.perf_counter() - began)
    return {"seconds": median(spent[_WARM:]), "peak": memory_mb("VmHWM") - idle}


def _apart(case: Case, name: str, steps: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training.precision", "--one", case.name, name, str(steps)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def row(name: str) -> str:
    """A format's milliseconds per training step and MB per time step, for each network."""
    cells = []
    for case in CASES:
        short, long = (_apart(case, name, steps) for steps in case.steps)
        growth = (long["peak"] - short["peak"]) / (case.steps[1] - case.steps[0])
        cells += [f"{1000 * short['seconds']:.0f}", f"{growth:.2f}"]
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=3, metavar=("NETWORK", "FORMAT", "STEPS"), help="one number, as JSON")
    one = parser.parse_args().one
    if one:
        case = next(c for c in CASES if c.name == one[0])
        sys.stdout.write(json.dumps(measured(case, FORMATS[one[1]], int(one[2]))))
        return
    own = ", ".join(f"{n}: {'yes' if has_feature(n) else 'no'}" for n in _INSTRUCTIONS)
    head = "| format | " + " | ".join(f"{c.title}, T = {c.steps[0]}: ms | MB per step" for c in CASES) + " |"
    rows = [f"{machine()['processor']}, one thread; {own}.", "", head, "|---" * (1 + 2 * len(CASES)) + "|"]
    for name in FORMATS:
        rows.append(row(name))
        sys.stderr.write(rows[-1] + "\n")
    paste(PAGE, "formats", "\n".join(rows))


if __name__ == "__main__":
    main()
