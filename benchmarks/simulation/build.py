"""Building the cortical microcircuit: seconds and memory. Run: `python -m benchmarks.simulation.build --scale 0.1`.

Every synapse has its own weight and its own delay. `--peer` builds the same projections in NEST, if it is installed.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from typing import Any

from ranvier.recipes.parts import cortex as circuit


def build_ranvier(scale: float, threads: int) -> tuple[int, Any]:
    """Build, and return the number of synapses and what holds them."""
    import torch

    import ranvier as rv
    from ranvier.units import ms, pA

    torch.set_num_threads(threads)
    net = rv.Network(dt=0.1 * ms, seed=1)
    for name, size in zip(circuit.NAMES, circuit.sizes(scale), strict=True):
        net.population(name, size, rv.CurrentLIF())
    for pre, post, total, weight in circuit.pathways(scale):
        spread = abs(weight) * circuit.SPREAD
        bound: dict[str, Any] = {"low": 0 * pA} if weight > 0 else {"high": 0 * pA}
        mean, std = circuit.DELAYS[pre[-1]]
        net.connect(
            pre, post, rv.FixedTotal(total), to="I", sign=1 if weight > 0 else -1,
            weight=rv.Normal(weight * pA, spread * pA, **bound), delay=rv.Normal(mean * ms, std * ms, low=0.1 * ms),
        )  # fmt: skip
    return sum(len(p.chain[0]) for p in net.projections.values()), net


def build_nest(scale: float, threads: int) -> tuple[int, Any]:
    """The same in NEST."""
    import nest

    nest.set_verbosity("M_ERROR")
    nest.SetKernelStatus({"resolution": 0.1, "local_num_threads": threads, "rng_seed": 1})
    cells = {
        name: nest.Create("iaf_psc_exp", size) for name, size in zip(circuit.NAMES, circuit.sizes(scale), strict=True)
    }
    for pre, post, total, weight in circuit.pathways(scale):
        spread = abs(weight) * circuit.SPREAD
        low, high = (0.0, float("inf")) if weight > 0 else (float("-inf"), 0.0)
        mean, std = circuit.DELAYS[pre[-1]]
        nest.Connect(
            cells[pre], cells[post], {"rule": "fixed_total_number", "N": total},
            {
                "weight": nest.math.redraw(nest.random.normal(weight, spread), low, high),
                "delay": nest.math.redraw(nest.random.normal(mean, std), 0.1, float("inf")),
            },
        )  # fmt: skip
    return int(nest.GetKernelStatus("num_connections")), cells


def main() -> None:
    """Build once, and write one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peer", action="store_true")
    given = parser.parse_args()
    build = build_nest if given.peer else build_ranvier
    if not given.peer:
        build(0.01, given.threads)  # imports and compiled kernels
    before, wall, cpu = _resident(), time.perf_counter(), time.process_time()
    synapses, _kept = build(given.scale, given.threads)
    found = {
        "who": "nest" if given.peer else "ranvier", "scale": given.scale, "threads": given.threads, "synapses": synapses,
        "seconds": round(time.perf_counter() - wall, 2), "cpu_seconds": round(time.process_time() - cpu, 2),
        "grown_GB": round((_resident() - before) / 1e9, 3),
        "peak_GB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 3),
    }  # fmt: skip
    sys.stdout.write(json.dumps(found) + "\n")


def _resident() -> int:
    """Bytes in memory now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
