"""Gradients through circuits: time of both passes and memory. Run: `python -m benchmarks.simulation.gradient`.

The conductance-based circuit (80 synapses per cell, steps of 0.1 ms) with a weight and a delay per synapse (0.5 to 5 ms),
against cells, steps and segments, with a compact surrogate and one with long tails; each row in a process of its own. Forward is
`net.run(grad=True)`, backward its gradient to all weights; both are beside the same run without gradient. Times are those
of the processor, one thread, medians. Writes `docs/benchmarks/gradient.md` and `.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks._report import publish
from benchmarks.simulation import _circuit as c

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Case:
    """One row: cells, steps, ``segment`` in steps (0: none), the surrogate, whether delays differ, are one, or are learnt."""

    cells: int
    steps: int
    segment: int = 0
    surrogate: str = "Triangle"
    delays: str = "each"


CASES = (
    *(Case(n, 1000) for n in (1_000, 2_000, 4_000, 8_000, 16_000)),
    Case(4_000, 1000, delays="one"),
    Case(4_000, 1000, delays="learnt"),
    Case(4_000, 1000, surrogate="ArcTan"),
    *(Case(2_000, t) for t in (500, 1000, 2000, 4000)),
    *(Case(2_000, t, 1000) for t in (1000, 2000, 4000, 8000, 16000)),
)


def circuit(case: Case):
    """The network; all weights between cells are learnt."""
    import ranvier as rv
    from ranvier.units import ms, mV

    surrogate = getattr(rv.surrogates, case.surrogate)(width=1 * mV)
    net = rv.Network(dt=c.DT * ms, seed=1, surrogate=surrogate)
    cell = rv.Cell(
        """
        dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
        dg_e/dt = -g_e / tau_e : 1
        dg_i/dt = -g_i / tau_i : 1
        """,
        threshold="v > V_t", reset="v = V_r", refractory=c.REFRACTORY * ms, E_L=c.E_L * mV, E_e=c.E_E * mV,
        E_i=c.E_I * mV, V_t=c.V_THRESHOLD * mV, V_r=c.V_RESET * mV, tau_m=c.TAU_M * ms, tau_e=c.TAU_E * ms,
        tau_i=c.TAU_I * ms,
    )  # fmt: skip
    start = {"v": rv.Uniform(-65 * mV, -50 * mV), "g_e": rv.Uniform(0, 2), "g_i": rv.Uniform(0, 20)}
    excitatory, inhibitory, probability = c.sizes(case.cells)
    net.population("exc", excitatory, cell, **start)
    net.population("inh", inhibitory, cell, **start)
    spread = rv.Uniform(0.5 * ms, 5 * ms)
    delay = {"one": 1 * ms, "each": spread, "learnt": rv.Learn(spread, min=0.5 * ms, max=5 * ms)}[case.delays]
    for pre, port, weight in (("exc", "g_e", c.W_E), ("inh", "g_i", c.W_I)):
        rule = rv.FixedProbability(probability)
        net.connect(pre, ["exc", "inh"], rule, to=port, weight=rv.Learn(weight, each=True), delay=delay)
    return net


def measure(case: Case, repeats: int) -> dict[str, Any]:
    """Medians over repeats, after one that warms everything up."""
    import torch

    from ranvier.units import ms

    torch.set_num_threads(1)
    net = circuit(case)
    duration = case.steps * c.DT * ms

    def score(signals, step: int) -> torch.Tensor:
        return signals["exc"].spikes.sum() + signals["inh"].spikes.square().sum()

    how = {"segment": case.segment * c.DT * ms, "loss": score} if case.segment else {}
    record = {"exc": ["spikes"], "inh": ["spikes"]}
    first = net.run(20 * c.DT * ms, grad=True, stream=0, record=record)  # compiles
    score(first.records, 0).backward()
    del first
    idle = _resident_peak()
    times: dict[str, list[float]] = {"free": [], "forward": [], "backward": []}
    rate = float("nan")
    for turn in range(repeats + 1):
        net.zero_grad()
        begin = time.process_time()
        run = net.run(duration, grad=True, stream=0, record=record, **how)
        loss = score(run.records, 0) if run.loss is None else run.loss
        middle = time.process_time()
        loss.backward()
        end = time.process_time()
        del run, loss
        if turn:
            times["forward"].append(middle - begin)
            times["backward"].append(end - middle)
    grown = _resident_peak() - idle
    for turn in range(repeats + 1):
        begin = time.process_time()
        plain = net.run(duration, stream=0, record=record)
        if turn:
            times["free"].append(time.process_time() - begin)
        rate = sum(len(plain[n].spikes) for n in record) / case.cells / (case.steps * c.DT / 1000)
    middle = {n: statistics.median(v) for n, v in times.items()}
    return {
        **asdict(case), **middle, "ratio": middle["backward"] / middle["forward"],
        "spread": [min(b / f for f, b in zip(times["forward"], times["backward"], strict=True)),
                   max(b / f for f, b in zip(times["forward"], times["backward"], strict=True))],
        "grown_MB": grown, "rate": rate, "synapses": sum(len(p.synapses) for p in net.projections.values()),
    }  # fmt: skip


def _resident_peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def page(rows: list[dict[str, Any]]) -> str:
    """The table."""
    lines = [
        "# Gradients through circuits",
        "",
        "`python -m benchmarks.simulation.gradient`: the conductance-based circuit, a weight and a delay per synapse, one thread.",
        "Microseconds of processor time per step; backward is the gradient to all weights. With segments backward computes "
        "forward again. Memory is the peak beyond that of the built network.",
        "",
        "| cells | synapses | delays | surrogate | steps | segment | rate Hz | without gradient | forward | backward | backward/forward (least to most) | memory MB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        each = {n: 1e6 * r[n] / r["steps"] for n in ("free", "forward", "backward")}
        lines.append(
            f"| {r['cells']:,} | {r['synapses']:,} | {r['delays']} | {r['surrogate']} | {r['steps']:,} | {r['segment'] or '–'} | {r['rate']:.0f} | "
            f"{each['free']:.1f} | {each['forward']:.1f} | {each['backward']:.1f} | "
            f"{r['ratio']:.2f} ({r['spread'][0]:.2f} to {r['spread'][1]:.2f}) | {r['grown_MB']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--case", help="(inside) one case as JSON")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    options = parser.parse_args()
    if options.case:
        sys.stdout.write(json.dumps(measure(Case(**json.loads(options.case)), options.repeats)) + "\n")
        return
    rows = []
    for case in CASES:
        command = [sys.executable, "-m", "benchmarks.simulation.gradient", "--repeats", str(options.repeats)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, "--case", json.dumps(asdict(case))], capture_output=True, text=True, check=True, cwd=ROOT,
            env=environment,
        )  # fmt: skip
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        sys.stderr.write(f"{rows[-1]}\n")
    publish(options.out, "gradient", page(rows), rows)


if __name__ == "__main__":
    main()
