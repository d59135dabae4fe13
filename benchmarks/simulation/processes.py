"""One circuit in 1, 2 and 4 processes. Run: `python -m benchmarks.simulation.processes [--scale 0.2]`.

The cortical microcircuit is built and run by so many processes of this machine. Each measures its memory, the messages that it
exchanges, the time that it computes while the others are idle, and how long an `all_gather` takes; the spikes must be the same, bit for bit. Writes
`docs/benchmarks/processes.md` and `.json`, with a projection to 64 nodes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ranvier as rv
from benchmarks._report import machine, publish
from benchmarks.simulation._processes_page import page
from ranvier.distributed import Processes
from ranvier.recipes.parts.cortex import NAMES
from ranvier.recipes.parts.microcircuit import microcircuit
from ranvier.units import ms, second

ROOT = Path(__file__).resolve().parent.parent.parent
COUNTS = (1, 2, 4)
#: bytes of a message whose all_gather is timed, and how often
SIZES, ROUNDS = (64, 1024, 4096, 16_384, 65_536), 400
_RUNS = 3


class Counted(Processes):
    """Processes that count their messages of spikes and the time of all their exchanges, and can play them again."""

    def __init__(self, inner: Processes) -> None:
        super().__init__(inner.rank, inner.count)
        self.inner = inner
        self._played: Iterator[list[torch.Tensor]] | None = None
        self.forget()

    def forget(self) -> None:
        """Count from here."""
        self.messages: list[tuple[int, int]] = []
        self.tape: list[list[torch.Tensor]] = []
        self.waited = 0.0

    @contextmanager
    def playing(self) -> Iterator[None]:
        """Exchanges give what they gave since the last :meth:`forget`, and nobody waits."""
        self._played = iter(self.tape)
        try:
            yield
        finally:
            self._played = None

    def gather(self, own: torch.Tensor) -> list[torch.Tensor]:
        """As those counted; the first number of a message of spikes is how many it needs."""
        if self._played is not None:
            return next(self._played)
        start = time.perf_counter()
        found = self.inner.gather(own)
        self.waited += time.perf_counter() - start
        self.tape.append(found)
        if own.dtype == torch.int32:
            self.messages.append((4 * own.numel(), 4 * int(own[0])))
        return found


def measure(scale: float, seconds: float) -> dict[str, Any]:
    """What one process of the circuit finds; the shortest of three runs."""
    torch.set_num_threads(1)
    processes = Counted(rv.distributed.join())
    microcircuit(0.02, processes=processes).run(1 * ms, stream=0)  # imports, and what is compiled once
    idle, start = _resident(), time.perf_counter()
    net = microcircuit(scale, processes=processes)
    built = time.perf_counter() - start
    state = net.run(100 * ms, stream=0).state
    record = {name: ["spikes"] for name in NAMES}
    marks, walls, before = hashlib.sha256(), [], state
    for _ in range(_RUNS):
        processes.forget()
        before, start = state, time.perf_counter()
        run = net.run(seconds * second, state, record=record)
        walls.append(((time.perf_counter() - start) / seconds, processes.waited / seconds))
        state = run.state
        for name in NAMES:
            marks.update(np.ascontiguousarray(run[name].spikes.times).tobytes())
            marks.update(np.ascontiguousarray(run[name].spikes.cell).tobytes())
    sent, needed = np.array(processes.messages or [(0, 0)]).T
    wall, waited = min(walls)
    found = {
        "wall": wall, "waiting": waited, "rounds": len(processes.messages) / seconds,
        "sent": float(sent.mean()), "needed": float(needed.mean()), "most": int(needed.max()),
    }  # fmt: skip
    again = [_alone(processes, lambda: net.run(seconds * second, before, record=record)) for _ in range(_RUNS)]
    found["alone"] = min(again) / seconds
    projections = [p for p in net.projections.values() if p.pre in NAMES]
    return {
        **found, "rank": processes.rank, "count": processes.count, "build_s": built, "grown_MB": (_peak() - idle) / 1e6,
        "synapses": sum(len(p.synapses) for p in projections), "total": sum(p.synapses.total for p in projections),
        "cells": sum(p.shape[0] for p in net.populations.values() if p.shape), "every": _every(net),
        "spikes_sha256": marks.hexdigest(), "latency_us": _latencies(processes),
    }  # fmt: skip


def _alone(processes: Counted, work: Callable[[], Any]) -> float:
    """Processor seconds of the last run once more, with its exchanges played; process after process, while the others are idle."""
    spent = 0.0
    for rank in range(processes.count):
        if processes.count > 1:
            processes.inner.gather(torch.zeros(1))
        if rank == processes.rank:
            start = time.process_time()
            with processes.playing() if processes.count > 1 else nullcontext():
                work()
            spent = time.process_time() - start
    return spent


def _every(net: rv.Network) -> int:
    """Steps between two exchanges."""
    return min(p.shortest for p in net.projections.values() if p.pre in net.populations)


def _latencies(processes: Processes) -> dict[str, list[float]]:
    """Tenth, middle and ninetieth percentile of the time of an all_gather, by bytes of a message, µs."""
    out: dict[str, list[float]] = {}
    for size in SIZES if processes.count > 1 else ():
        own, times = torch.zeros(size // 4, dtype=torch.int32), []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            processes.gather(own)
            times.append(1e6 * (time.perf_counter() - start))
        out[str(size)] = [float(x) for x in np.percentile(times, (10, 50, 90))]
    return out


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def together(count: int, scale: float, seconds: float) -> list[dict[str, Any]]:
    """The rows of ``count`` processes, which torchrun starts."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        command += ["-m", "benchmarks.simulation.processes", "--one", folder]
        command += ["--scale", str(scale), "--seconds", str(seconds)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        rows = [json.loads(path.read_text()) for path in Path(folder).glob("*.json")]
    return sorted(rows, key=lambda row: row["rank"])


def main() -> None:
    """Measure every number of processes, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument("--seconds", type=float, default=0.2, help="biological time of a run")
    parser.add_argument("--one", type=Path, help="measure as one of several processes, write JSON to this folder")
    given = parser.parse_args()
    if given.one:
        row = measure(given.scale, given.seconds)
        (given.one / f"{row['rank']}.json").write_text(json.dumps(row))
        return
    rows = [row for count in COUNTS for row in together(count, given.scale, given.seconds)]
    marks = {row["spikes_sha256"] for row in rows}
    if len(marks) > 1:
        raise SystemExit(f"the spikes differ: {marks}")
    data = {"settings": {"scale": given.scale, "seconds": given.seconds, "machine": machine()}, "rows": rows}
    publish(given.folder, "processes", page(data), data)


if __name__ == "__main__":
    main()
