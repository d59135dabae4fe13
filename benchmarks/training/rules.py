"""Every learning rule on one network: memory, time and direction. Run: `python -m benchmarks.training.rules`.

Writes `docs/benchmarks/rules.json` and prints the table of costs of `docs/rules.md`. Data: `RANVIER_DATA/nmnist_small`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch

import ranvier as rv
from benchmarks._memory import begin_peak, memory_mb
from ranvier.units import ms

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "docs" / "benchmarks" / "rules.json"
RULES = {
    "BPTT()": lambda: rv.rules.BPTT(),
    "BPTT(window=25)": lambda: rv.rules.BPTT(window=25),
    "SLTT()": lambda: rv.rules.SLTT(),
    "SLTT(keep=T/4)": lambda steps=100: rv.rules.SLTT(keep=max(1, steps // 4)),
    "SLTT(keep=T/10)": lambda steps=100: rv.rules.SLTT(keep=max(1, steps // 10)),
    "OTTT()": lambda: rv.rules.OTTT(),
    "EProp()": lambda: rv.rules.EProp(),
    "EProp(feedback='random')": lambda: rv.rules.EProp(feedback="random"),
    "EProp(feedback='adaptive')": lambda: rv.rules.EProp(feedback="adaptive"),
    "EvolutionStrategies(population=32)": lambda: rv.rules.EvolutionStrategies(population=32, sigma=0.02),
}
BATCH, INPUTS, HIDDEN, CLASSES, DENSITY = 64, 700, 256, 20, 0.05
STEP = 10.0
LOSS = rv.losses.EveryStep()


def rule_of(name: str, steps: int) -> rv.rules.Rule:
    make = RULES[name]
    return make(steps) if "T/" in name else make()  # type: ignore[call-arg]


def network(inputs: int, hidden: int, classes: int, seed: int = 0, gain: float = 3.0) -> rv.Sequential:
    """inputs - hidden LIF - classes leaky read-outs."""
    torch.manual_seed(seed)
    first = rv.Linear(inputs, hidden)
    with torch.no_grad():
        first.weight.mul_(gain)
    parts = (first, rv.LIF(hidden, tau=50 * ms), rv.Linear(hidden, classes), rv.LeakyReadout(classes, tau=100 * ms))
    return rv.Sequential(*parts, dt=STEP * ms)


def deep_network() -> rv.Sequential:
    """700 - 256 LIF - 256 LIF - 20 leaky read-outs."""
    torch.manual_seed(0)
    first, second = rv.Linear(INPUTS, HIDDEN), rv.Linear(HIDDEN, HIDDEN)
    with torch.no_grad():
        first.weight.mul_(3)
        second.weight.mul_(3)
    hidden = (first, rv.LIF(HIDDEN, tau=50 * ms), second, rv.LIF(HIDDEN, tau=50 * ms))
    return rv.Sequential(*hidden, rv.Linear(HIDDEN, CLASSES), rv.LeakyReadout(CLASSES, tau=100 * ms), dt=STEP * ms)


def batch(steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    x = (torch.rand(steps, BATCH, INPUTS, generator=draw) < DENSITY).float()
    return x, torch.randint(0, CLASSES, (BATCH,), generator=draw)


def gradient(net: rv.Network, rule: rv.rules.Rule, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    net.zero_grad(set_to_none=False)
    rule.gradient(net, x, rv.rules.PerStep(lambda out: LOSS(out, y)))
    return torch.cat([q.grad.flatten() for q in net.parameters() if q.grad is not None])


def peak(name: str, steps: int) -> float:
    """Highest resident memory of a gradient beyond what stood before it and the output [T, B, C], MB; this process.

    Before it stand the network with its gradients, the input, and the libraries with their working memory, awake from a
    gradient in short windows.
    """
    net, (x, y) = network(INPUTS, HIDDEN, CLASSES), batch(steps)
    small, rule = batch(12), rule_of(name, 12)
    gradient(net, replace(rule, window=4) if getattr(rule, "window", None) else rule, *small)
    net.zero_grad(set_to_none=False)
    before = memory_mb("VmRSS")
    begin_peak()
    gradient(net, rule_of(name, steps), x, y)
    return memory_mb("VmHWM") - before - 4 * steps * BATCH * CLASSES / 2**20


def memory(name: str, steps: int, bench: str = "rules") -> float:
    """``peak`` of a bench in a process of its own."""
    call = f"from benchmarks.training.{bench} import peak; print(peak({name!r}, {steps}))"
    quiet = {"MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(
        [sys.executable, "-c", call], capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, **quiet}
    )
    return float(done.stdout)


def times(net: rv.Network, names: list[str], steps: int, rounds: int) -> dict[str, list[float]]:
    """Processor seconds of one gradient, all rules in turn, so that what else runs disturbs them alike."""
    x, y = batch(steps)
    out: dict[str, list[float]] = {n: [] for n in names}
    for k in range(rounds + 1):
        for n in names:
            rule = rule_of(n, steps)
            began = time.process_time()
            gradient(net, rule, x, y)
            if k:
                out[n].append(time.process_time() - began)
    return out


def cosines(names: list[str], seeds: int, data: Data) -> dict[str, list[float]]:
    """Cosine of the angle to the gradient of BPTT, at the start of training."""
    out: dict[str, list[float]] = {n: [] for n in names}
    x, y = data["train"]
    x = x[:BATCH].transpose(0, 1)
    for seed in range(seeds):
        net = network(x.shape[2], 128, 10, seed, gain=1.0)
        exact = gradient(net, rv.rules.BPTT(), x, y[:BATCH])
        for n in names:
            torch.manual_seed(seed)
            found = gradient(net, rule_of(n, len(x)), x, y[:BATCH])
            out[n].append(float(torch.nn.functional.cosine_similarity(exact, found, 0)))
    return out


Data = dict[str, tuple[torch.Tensor, torch.Tensor]]


def digits() -> Data:
    """N-MNIST, 30 steps of 10 ms, one input per pixel and polarity (1 where any event fell): 600/100/150 samples."""
    folder = Path(os.environ["RANVIER_DATA"]) / "nmnist_small"
    parts = [np.load(folder / f"{n}.npz") for n in ("train", "test")]
    x, y = zip(*(_frames(part) for part in parts), strict=True)
    order = torch.randperm(len(y[0]), generator=torch.Generator().manual_seed(0))
    held = order[700:]
    return {
        "train": (x[0][order[:600]], y[0][order[:600]]),
        "valid": (x[0][order[600:700]], y[0][order[600:700]]),
        "test": (torch.cat([x[0][held], x[1]]), torch.cat([y[0][held], y[1]])),
    }


def _frames(part: np.lib.npyio.NpzFile, steps: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    offsets = part["offsets"]
    sample = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    at = np.minimum(part["t_us"] // 10_000, steps - 1).astype(np.int64)
    place = (part["p"].astype(np.int64) * 34 + part["y"]) * 34 + part["x"]
    x = torch.zeros(len(offsets) - 1, steps, 2 * 34 * 34)
    x[torch.from_numpy(sample), torch.from_numpy(at), torch.from_numpy(place)] = 1
    return x, torch.from_numpy(part["label"].astype(np.int64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=["memory", "times", "cosines"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    result: Path = given.out
    torch.set_num_threads(1)
    found = json.loads(result.read_text()) if result.exists() else {}
    found["machine"] = {"processor": platform.machine(), "torch": torch.__version__, "threads": 1}
    names = list(RULES)
    if "memory" in given.only:
        found["memory_mb"] = {n: {str(t): memory(n, t) for t in (25, 100, 400)} for n in names}
        result.write_text(json.dumps(found, indent=1))
    if "times" in given.only:
        net, some = network(INPUTS, HIDDEN, CLASSES), [n for n in names[:-1] if not n.startswith("EProp")]
        found["seconds"] = {str(t): times(net, names[:-1], t, given.rounds) for t in (100, 400)}
        found["seconds_deep"] = times(deep_network(), some, 400, given.rounds)
        result.write_text(json.dumps(found, indent=1))
    if "cosines" in given.only:
        found["cosines"] = cosines(names, given.seeds, digits())
        result.write_text(json.dumps(found, indent=1))
    sys.stdout.write(table(found))


def table(found: dict) -> str:  # type: ignore[type-arg]
    """The results as Markdown."""
    rows = [
        "| rule | MB, T = 25 | 100 | 400 | ms, T = 100 | ms, T = 400 | deep, ms, T = 400 | cosine to BPTT |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for n in RULES:
        held = found["memory_mb"].get(n, {})
        spent = [
            f"{1e3 * median(s):.0f} ({1e3 * min(s):.0f}-{1e3 * max(s):.0f})" if (s := series.get(n)) else "-"
            for series in (*found["seconds"].values(), found["seconds_deep"])
        ]
        cells = [f"`{n}`", *(f"{held[t]:.1f}" for t in ("25", "100", "400")), *spent]
        cells.append(_spread(found.get("cosines", {}).get(n), 3))
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _spread(values: list[float] | None, digits: int) -> str:
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}" if values else "-"


if __name__ == "__main__":
    main()
