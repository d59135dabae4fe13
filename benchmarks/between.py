"""This checkout beside another one. Run: `python -m benchmarks.between FOLDER [NAME …] [--pairs 15] [--processes 5]`.

Both checkouts run in one interleaved series (A B, B A, A B, …), each with its own `benchmarks` and `ranvier`, in processes
pinned to the same core. Where memory lies moves the time of a process by some per cent, so each side has several processes,
one after the other; a repetition that is timed follows one that is not. Both must first compute the same thing as the
reference of the bench. The table gives the median ratio of time, this checkout ÷ the other, with a 95 % bootstrap interval
over processes and pairs; below 1 this one is faster.

    git worktree add ../before fa3a729
    python -m benchmarks.between ../before lif_scan coba_4000
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._link import ROOT, Link
from benchmarks._protocol import Bench
from benchmarks._report import machine
from benchmarks.simulation import coba, microcircuit, stdp
from benchmarks.simulation.startup import timed
from benchmarks.training import delays, hodgkin_huxley_scan, lif_scan, nmnist_conv, shd_feedforward, shd_recurrent

_TRAINING = (
    lif_scan.DENSE,
    lif_scan.SUMMED,
    shd_feedforward.BENCH,
    shd_recurrent.BENCH,
    nmnist_conv.BENCH,
    *delays.BENCHES,
    *(bench for bench in vars(hodgkin_huxley_scan).values() if isinstance(bench, Bench)),
)
_CIRCUITS = (*coba.BENCHES.values(), *stdp.BENCHES.values(), *microcircuit.BENCHES.values())
BENCHES = {bench.name: bench for bench in (*_TRAINING, *_CIRCUITS)}
STARTUP = "startup"
DEFAULT = (
    "lif_scan",
    "shd_feedforward",
    "shd_recurrent",
    "nmnist_conv",
    "delays_linear",
    "coba_4000",
    "coba_40000",
    "cuba_4000",
    "stdp_1000",
    "microcircuit_10",
    STARTUP,
)


@dataclass(frozen=True)
class Comparison:
    """Seconds of this checkout and of the other [processes, pairs]."""

    name: str
    ours: np.ndarray
    theirs: np.ndarray

    def ratio(self, seed: int = 0, draws: int = 4000) -> tuple[float, float, float]:
        """Median ratio ours ÷ theirs over the pairs, and its 95 % bootstrap interval."""
        ratios, generator = self.ours / self.theirs, np.random.default_rng(seed)
        processes, pairs = ratios.shape
        process = generator.integers(processes, size=(draws, processes, 1))
        pair = generator.integers(pairs, size=(draws, processes, pairs))
        low, high = np.percentile(np.median(ratios[process, pair], axis=(1, 2)), [2.5, 97.5])
        return float(np.median(ratios)), float(low), float(high)


def compare(name: str, other: Path, pairs: int, core: int, processes: int) -> Comparison:
    """At least ``pairs`` interleaved pairs of one bench, equally many in each of ``processes``."""
    each = -(-pairs // processes)
    taken = np.array([_series(name, other, each, core) for _ in range(processes)])
    return Comparison(name, taken[..., 0], taken[..., 1])


def _series(name: str, other: Path, pairs: int, core: int) -> list[tuple[float, float]]:
    """``pairs`` interleaved pairs of one process a side."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        make = _startup if name == STARTUP else _bench
        ours, theirs = make(name, (ROOT, other), core, Path(scratch), stack)
        taken: list[tuple[float, float]] = []
        for pair in range(pairs):
            if pair % 2:
                later = theirs()
                taken.append((ours(), later))
            else:
                taken.append((ours(), theirs()))
    return taken


def _bench(
    name: str, roots: tuple[Path, Path], core: int, scratch: Path, stack: ExitStack
) -> Iterator[Callable[[], float]]:
    bench = BENCHES[name]
    inputs = bench.make_inputs(np.random.default_rng(1))
    given = scratch / "inputs"
    given.mkdir()
    for key, value in inputs.items():
        np.save(given / f"{key}.npy", value)
    side = next(c for c in bench.contenders if c.name == "ranvier")
    for index, root in enumerate(roots):
        log, out = scratch / f"{index}.log", scratch / str(index)
        out.mkdir()
        link = stack.enter_context(Link(sys.executable, side.module, core=core, threads=1, log=log, root=root))
        ready = link.ask("prepare", bench=name, folder=str(given), options=side.options)
        checked = link.ask("check", folder=str(out))
        verdict = bench.verify(inputs, {key: np.load(out / f"{key}.npy") for key in checked["names"]}, ready["formula"])
        if not verdict.equal:
            raise SystemExit(f"{name} in {root}: not equal to the reference: {verdict.summary}")
        link.ask("warm", count=3)

        def once(link: Link = link) -> float:
            link.ask("warm", count=1)  # the process of the other side has emptied the caches
            return float(link.ask("repeat", burst=bench.burst)["seconds"])

        yield once


def _startup(
    name: str, roots: tuple[Path, Path], core: int, scratch: Path, stack: ExitStack
) -> Iterator[Callable[[], float]]:
    """From starting Python to the first result of a model that was run before with another number."""
    for index, root in enumerate(roots):
        added = {"PYTHONPATH": str(root), "RANVIER_CACHE": str(scratch / str(index))}
        script = str(root / "benchmarks" / "simulation" / "startup_ranvier.py")

        def once(script: str = script, added: dict[str, str] = added) -> float:
            return timed([sys.executable, script, "20.0", "1.0"], added)[1]

        once()
        yield once


def main() -> None:
    """Compare and print one row a bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="folder of the other checkout")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join([*BENCHES, STARTUP])}")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--processes", type=int, default=5, help="of each side, one after the other")
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1, help="-1: do not pin")
    given = parser.parse_args()
    unknown = [n for n in given.names if n not in BENCHES and n != STARTUP]
    if unknown:
        parser.error(f"no bench is called {unknown[0]!r}: choose of {', '.join([*BENCHES, STARTUP])}")
    if not (given.other / "ranvier" / "__init__.py").exists():
        parser.error(f"{given.other} is no checkout of Ranvier")
    host = machine()
    if min(given.pairs, given.processes) < 1:
        parser.error("--pairs and --processes must be 1 or more")
    sys.stdout.write(
        f"{given.pairs} pairs in {given.processes} processes, one thread, {host['processor']}, load {host['load_1min']} at the start\n\n"
    )
    sys.stdout.write("| bench | this ms | other ms | this ÷ other | 95 % interval |\n|---|---|---|---|---|\n")
    for name in given.names or DEFAULT:
        c = compare(name, given.other.resolve(), given.pairs, given.core, given.processes)
        ours, theirs = (float(np.median(s)) * 1e3 for s in (c.ours, c.theirs))
        ratio, low, high = c.ratio()
        sys.stdout.write(f"| {name} | {ours:.4g} | {theirs:.4g} | {ratio:.3f} | {low:.3f}–{high:.3f} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
