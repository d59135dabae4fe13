"""``rv.train`` beside a training loop written by hand: `python -m benchmarks.training.small_loop [--rounds 9] [--core 1]`.

Both train the same network on the same data, batch size, loss and optimiser, and keep the mean loss and the accuracy of every epoch.
The loop is what one writes with torch: shuffled indices, `zero_grad`, the call, the loss, `backward`, `step`, `item`. One process,
both in turn (A B A B …), after the losses of a first epoch were found equal. Writes `docs/benchmarks/small_loop.md` and `.json`.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

import ranvier as rv
from benchmarks._options import options
from benchmarks._report import machine, publish, vector_bits
from ranvier.units import ms

RATE = 1e-5
Data = tuple[torch.Tensor, torch.Tensor]
Optimizer = str | Callable[..., torch.optim.Optimizer]


@dataclass(frozen=True)
class Case:
    """A network, the shape of its samples [T, …], and how many of them make a batch and an epoch."""

    name: str
    make: Callable[[], rv.Sequential]
    shape: tuple[int, ...]
    batch: int
    samples: int


def digits() -> rv.Sequential:
    """64-32-10."""
    torch.manual_seed(0)
    parts = rv.Linear(64, 32), rv.LIF(32, tau=10 * ms), rv.Linear(32, 10), rv.LeakyReadout(10, tau=20 * ms)
    return rv.Sequential(*parts, dt=1 * ms)


def recurrent() -> rv.Sequential:
    """64-R32-10 with time constants that are learnt."""
    torch.manual_seed(0)
    hidden = rv.Recurrent(rv.LIF(32, tau=rv.Learn(10 * ms)), rv.Linear(32, 32))
    return rv.Sequential(rv.Linear(64, 32), hidden, rv.Linear(32, 10), rv.LeakyReadout(10, tau=20 * ms), dt=1 * ms)


def images() -> rv.Sequential:
    """Eight channels over 8x8, pool, 10."""
    torch.manual_seed(0)
    parts = torch.nn.Conv2d(1, 8, 3, padding=1), rv.LIF(tau=10 * ms), torch.nn.MaxPool2d(2), torch.nn.Flatten()
    return rv.Sequential(*parts, rv.Linear(128, 10), dt=1 * ms)


CASES = (
    *(Case(f"64-32-10, T {t}, B {b}", digits, (t, 64), b, s) for t in (4, 20) for b, s in ((1, 200), (32, 6400))),
    *(Case(f"64-R32-10, learnt tau, T 20, B {b}", recurrent, (20, 64), b, s) for b, s in ((1, 200), (32, 6400))),
    *(Case(f"conv8 on 8x8, T 8, B {b}", images, (8, 1, 8, 8), b, s) for b, s in ((1, 200), (32, 3200))),
)


def mean_of_steps(out: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the mean over time, which both minimise."""
    return cross_entropy(out.mean(0), target)


def by_hand(net: rv.Sequential, data: Data, batch: int, optimizer: torch.optim.Optimizer) -> tuple[float, float]:
    """One epoch as one writes it: the mean loss and the accuracy."""
    x, y = data
    total, right = 0.0, 0
    for chosen in torch.randperm(len(x)).split(batch):
        spikes, target = x[chosen].transpose(0, 1), y[chosen]
        optimizer.zero_grad()
        out, _ = net(spikes)
        loss = mean_of_steps(out, target)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
        right += int((out.detach().mean(0).argmax(1) == target).sum())
    return total / len(x), right / len(x)


def trained(net: rv.Sequential, data: Data, batch: int, optimizer: Optimizer, epochs: int = 1) -> tuple[float, float]:
    """The same by ``rv.train``."""
    fit = rv.train(
        net, data, epochs=epochs, batch_size=batch, loss=mean_of_steps, metric="accuracy", optimizer=optimizer, lr=RATE,
        progress=False,
    )  # fmt: skip
    seen = fit.history[-1].train
    return seen.loss, seen.metrics["accuracy"]


def data_of(case: Case) -> Data:
    """20 % input density, random classes."""
    generator = torch.Generator().manual_seed(1)
    x = (torch.rand(case.samples, *case.shape, generator=generator) < 0.2).float()
    return x, torch.randint(0, 10, (case.samples,), generator=generator)


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Microseconds per batch of the loop, of ``rv.train`` and of ``rv.train`` with the loop's own optimiser, and their ratios."""
    data, own, first = data_of(case), case.make(), case.make()
    optimizer = torch.optim.Adam(own.parameters(), lr=RATE)
    found, seen = by_hand(own, data, case.batch, optimizer), trained(first, data, case.batch, "adam")
    if abs(found[0] - seen[0]) > 1e-3 * abs(found[0]):
        raise RuntimeError(f"{case.name}: the losses are {found[0]} and {seen[0]}")
    batches = -(-case.samples // case.batch)
    calls = {
        "loop": lambda: by_hand(own, data, case.batch, optimizer),
        "rv.train": lambda: trained(first, data, case.batch, "adam"),
        "its Adam": lambda: trained(first, data, case.batch, torch.optim.Adam),
    }
    times: dict[str, list[float]] = {n: [] for n in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            begun = time.process_time()
            call()
            if turn:
                times[name].append(1e6 * (time.process_time() - begun) / batches)
    ratios = {
        n: statistics.median(a / b for a, b in zip(own_times, times["loop"], strict=True))
        for n, own_times in times.items()
    }
    return {"what": case.name, "us": {n: statistics.median(t) for n, t in times.items()}, "ratios": ratios}


def page(rows: list[dict[str, Any]], rounds: int) -> str:
    """The table."""
    here, bits = machine(), vector_bits()
    lines = [
        "# `rv.train` beside a loop written by hand", "",
        "`python -m benchmarks.training.small_loop`: microseconds of processor time per batch, the median of interleaved rounds of one epoch each,",
        "set-up included. Brackets hold the time relative to the loop in the same round. Loop and `rv.train` have one network, loss, optimiser",
        "and batch size, and both keep the mean loss and the accuracy. In the last column `rv.train` has the optimiser of the loop,",
        "`torch.optim.Adam`; `optimizer=\"adam\"` is the same with one fused kernel for all parameters.",
        f"{here['processor']}, vectors of {bits} bits, one thread, {rounds} rounds, load {here['load_1min']} at the end.", "",
        "| network | loop | `rv.train` | `rv.train` with the loop's optimiser |", "|---|---|---|---|",
    ]  # fmt: skip
    for r in rows:
        cells = [f"{r['us'][n]:.0f}" + (f" ({r['ratios'][n]:.2f})" if n != "loop" else "") for n in r["us"]]
        lines.append(f"| {r['what']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    given = options(__doc__)
    warnings.simplefilter("ignore", rv.errors.RanvierWarning)
    rows = [measure(case, given.rounds) for case in CASES]
    text = page(rows, given.rounds)
    publish(given.folder, "small_loop", text, {"rows": rows, "rounds": given.rounds, "machine": machine()})
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
