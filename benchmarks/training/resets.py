"""Accuracy after training by spikes, by what passes the reset. Run: `python -m benchmarks.training.resets`.

The table goes into `docs/gradients.md`, between its marks. Data: `RANVIER_DATA/nmnist_small`, and the digits of scikit-learn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from statistics import mean

import torch

import ranvier as rv
from benchmarks._marks import paste, pasted
from benchmarks.training.rules import Data, digits
from benchmarks.training.voltage_gradients import PAGE
from ranvier.dynamics import Reset
from ranvier.recipes import learn_pattern
from ranvier.recipes.parts.digits import Setup, load, run_seed
from ranvier.units import ms

RESETS: tuple[Reset, ...] = ("auto", "surrogate", "detached")
LOSS = rv.losses.EveryStep()
HIDDEN: dict[str, Callable[[], list]] = {
    "forward LIF": lambda: [rv.LIF(128, tau=50 * ms)],
    "two layers, `v = 0`": lambda: [
        rv.LIF(128, tau=50 * ms, reset="v = 0"), rv.Linear(128, 128), rv.LIF(128, tau=50 * ms, reset="v = 0"),
    ],
    "recurrent LIF": lambda: [rv.Recurrent(rv.LIF(128, tau=50 * ms), rv.Linear(128, 128))],
    "recurrent ALIF": lambda: [rv.Recurrent(rv.ALIF(128, tau=50 * ms), rv.Linear(128, 128))],
}  # fmt: skip


def event_digits(hidden: str, reset: Reset, seed: int, data: Data) -> float:
    """Test accuracy on N-MNIST after 8 epochs."""
    torch.manual_seed(seed)
    first, last = rv.Linear(2 * 34 * 34, 128), (rv.Linear(128, 10), rv.LeakyReadout(10, tau=100 * ms))
    net = rv.Sequential(first, *HIDDEN[hidden](), *last, dt=10 * ms, seed=seed)
    rule = rv.rules.BPTT(reset=reset)
    rv.train(net, data["train"], data["valid"], epochs=8, rule=rule, loss=LOSS, batch_size=50, lr=1e-3, seed=seed,
             progress=False)  # fmt: skip
    x, y = data["test"]
    with torch.no_grad():
        out, _ = net.eval()(x.transpose(0, 1))
    return float((LOSS.predict(out) == y).double().mean())


def scanned_digits(reset: Reset, seed: int) -> float:
    """Test accuracy on the digits of the demo after 30 epochs."""
    return run_seed(load(), replace(Setup(), epochs=30, variants=10), seed, rule=rv.rules.BPTT(reset=reset)).test


def pattern(reset: Reset, seed: int) -> float:
    """Distance of 300 cells from the pattern they learn, after 120 steps."""
    net = learn_pattern.circuit(300, seed=seed)
    wanted = learn_pattern.target_pattern((net.populations["exc"].shape or (0,))[0], 500, seed)
    return learn_pattern.learn(net, wanted, 120, reset=reset).after


def _cell(found: list[float]) -> str:
    return f"{mean(found):.3f} ({min(found):.3f}-{max(found):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="rows to write anew, by a part of their names; the others stay")
    given = parser.parse_args()
    seeds = range(1, given.seeds + 1)
    torch.set_num_threads(1)
    data = digits()
    tasks: dict[str, Callable[[Reset, int], float]] = {
        "demo digits, forward LIF": scanned_digits,
        **{f"N-MNIST, {n}": lambda reset, seed, n=n: event_digits(n, reset, seed, data) for n in HIDDEN},
        "circuit that learns a pattern": pattern,
    }
    rows = ["| network | " + " | ".join(f"`{r}`" for r in RESETS) + " |", "|---" * (1 + len(RESETS)) + "|"]
    known = {line.split("|")[1].strip(): line for line in pasted(PAGE, "training").splitlines()[2:]}
    for name, task in tasks.items():
        if given.only and not any(part in name for part in given.only):
            rows += [known[name]] if name in known else []
            continue
        rows.append(" | ".join([f"| {name}", *(_cell([task(r, s) for s in seeds]) for r in RESETS)]) + " |")
        sys.stderr.write(rows[-1] + "\n")
    paste(PAGE, "training", "\n".join(rows))


if __name__ == "__main__":
    main()
