"""Rules for small networks, on one recurrent network where all of them apply. Run: `python -m benchmarks.training.rules_recurrent`.

Writes `docs/benchmarks/rules_recurrent.json` and prints the second table of `docs/rules.md`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from statistics import median

import torch

import ranvier as rv
from benchmarks._memory import begin_peak, memory_mb
from benchmarks.training.rules import _spread, gradient, memory
from ranvier.units import ms

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "docs" / "benchmarks" / "rules_recurrent.json"
RULES = {
    "BPTT()": rv.rules.BPTT(),
    "RTRL()": rv.rules.RTRL(),
    "SnAp1()": rv.rules.SnAp1(),
    "EventProp()": rv.rules.EventProp(),
}
BATCH, INPUTS, HIDDEN, CLASSES, DENSITY = 2, 20, 16, 3, 0.05


def network(seed: int = 0) -> rv.Network:
    """20 inputs - 16 recurrent cells with synaptic currents - 3 leaky read-outs; dt 1 ms, double precision."""
    torch.manual_seed(seed)
    text = "dv/dt = (I - v)/tau_m : 1\ndI/dt = -I/tau_s : 1"
    cell = rv.Cell(text, threshold="v > 0.3", reset="v -= 0.3", tau_m=10 * ms, tau_s=5 * ms)
    leaky = rv.Cell(text, emit="v", tau_m=20 * ms, tau_s=5 * ms)
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    x, h, o = (
        net.input("x", INPUTS),
        net.population("h", HIDDEN, cell),
        net.population("o", CLASSES, leaky, output=True),
    )
    net.connect(x, h, _weights(INPUTS, HIDDEN, 0.05, 0.35), to="I", delay=1 * ms)
    net.connect(h, h, _weights(HIDDEN, HIDDEN, -0.2, 0.2), to="I", delay=2 * ms)
    net.connect(h, o, _weights(HIDDEN, CLASSES, -0.5, 0.5), to="I")
    return net


def _weights(pre: int, post: int, low: float, high: float) -> rv.Linear:
    made = rv.Linear(pre, post, bias=False)
    torch.nn.init.uniform_(made.weight, low, high)
    return made


def batch(steps: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    x = (torch.rand(steps, BATCH, INPUTS, generator=draw) < DENSITY).double()
    return x, torch.randint(0, CLASSES, (BATCH,), generator=draw)


def peak(name: str, steps: int) -> float:
    """Highest resident memory of a gradient beyond what a short one had, and the output, MB; this process."""
    net, (x, y) = network(), batch(steps)
    gradient(net, RULES[name], *batch(30))
    before = memory_mb("VmRSS")
    begin_peak()
    gradient(net, RULES[name], x, y)
    return memory_mb("VmHWM") - before - 8 * steps * BATCH * CLASSES / 2**20


def times(steps: int, rounds: int) -> dict[str, list[float]]:
    """Processor seconds of one gradient, all rules in turn."""
    net, (x, y) = network(), batch(steps)
    out: dict[str, list[float]] = {n: [] for n in RULES}
    for k in range(rounds + 1):
        for n, rule in RULES.items():
            began = time.process_time()
            gradient(net, rule, x, y)
            if k:
                out[n].append(time.process_time() - began)
    return out


def cosines(seeds: int, steps: int) -> dict[str, list[float]]:
    """Cosine of the angle to the gradient of BPTT."""
    out: dict[str, list[float]] = {n: [] for n in RULES}
    for seed in range(seeds):
        net, (x, y) = network(seed), batch(steps, seed + 10)
        exact = gradient(net, RULES["BPTT()"], x, y)
        for n, rule in RULES.items():
            out[n].append(float(torch.nn.functional.cosine_similarity(exact, gradient(net, rule, x, y), 0)))
    return out


def table(found: dict) -> str:  # type: ignore[type-arg]
    """The results as Markdown."""
    rows = ["| rule | MB, T = 25 | 100 | ms, T = 50 | cosine to BPTT |", "|---|---|---|---|---|"]
    for n in RULES:
        held, spent = found["memory_mb"][n], found["seconds"][n]
        cells = [f"`{n}`", *(f"{max(0.0, v):.1f}" for v in held.values())]
        cells += [f"{1e3 * median(spent):.1f} ({1e3 * min(spent):.1f}-{1e3 * max(spent):.1f})"]
        rows.append("| " + " | ".join([*cells, _spread(found["cosines"][n], 3)]) + " |")
    return "\n".join(rows) + "\n"


def main() -> None:
    torch.set_num_threads(1)
    found = {
        "memory_mb": {n: {str(t): memory(n, t, "rules_recurrent") for t in (25, 100)} for n in RULES},
        "seconds": times(50, 3),
        "cosines": cosines(3, 50),
    }
    RESULT.write_text(json.dumps(found, indent=1))
    sys.stdout.write(table(found))


if __name__ == "__main__":
    main()
