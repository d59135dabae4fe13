"""What stands beside the benchmark circuits, against Brian2 and NEST: `python -m benchmarks.simulation.workloads [NAME …] --python …`.

Each workload of :mod:`benchmarks.simulation._workloads` is one interleaved series of all sides. One page holds them all,
`docs/benchmarks/workloads.md` and `.json`, written after each workload. A run of some workloads, or without a peer
(`--without brian2`), replaces what it measured and keeps the rest, as long as the processor is the same. With `--bits 256`
Ranvier and the compiler of Brian2's programs use vectors of 256 bits, and the rows stand in a table of their own.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from functools import partial
from itertools import takewhile
from typing import Any

from benchmarks._protocol import Arrays, Bench, Contender, Verdict
from benchmarks._report import machine, publish, widest
from benchmarks.series import measure, parse
from benchmarks.simulation._workloads import WORKLOADS, Workload
from benchmarks.simulation._workloads_page import merge, page

_SIDES = (
    Contender("ranvier", "benchmarks.ranvier_workloads"),
    Contender("brian2", "benchmarks.peers_simulation.brian2_workloads", "simulators", prepare_limit_s=900.0),
    Contender("nest", "benchmarks.peers_simulation.nest_workloads", "nest"),
)


def verify(workload: Workload, inputs: Arrays, outputs: Arrays, declared: dict[str, Any]) -> Verdict:
    """The figure must lie in the range that all sides reach."""
    figure, (low, high) = float(outputs["figure"]), workload.accepted
    return Verdict(low <= figure <= high, f"{figure:.3g} {workload.unit}".strip())


def bench(name: str) -> Bench:
    """A workload as a bench."""
    workload = WORKLOADS[name]
    return Bench(
        name, workload.title, "", lambda generator: {"seed": generator.integers(1, 10_000, ())},
        partial(verify, workload), _SIDES, per="biological second",
    )  # fmt: skip


def main() -> None:
    """Measure the named workloads, or all."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    names = list(takewhile(lambda word: not word.startswith("-"), sys.argv[1:]))
    own = argparse.ArgumentParser(description=__doc__, add_help=False, usage="%(prog)s [NAME …] [--bits 256|512] …")
    own.add_argument("--bits", choices=("256", "512"), default=str(widest()))
    given, rest = own.parse_known_args(sys.argv[1 + len(names) :])
    unknown = [n for n in names if n not in WORKLOADS]
    if unknown:
        own.error(f"no workload is called {unknown[0]!r}: choose of {', '.join(WORKLOADS)}")
    os.environ["RANVIER_VECTOR_BITS"] = given.bits
    settings = parse(bench("alone"), ["--rounds", "7", "--warmups", "1", *rest])
    if not settings.wants(_SIDES[0]):
        own.error("every ratio is to ranvier in the same rounds: leave it in the series")
    path = settings.folder / "workloads.json"
    record = json.loads(path.read_text()) if path.exists() else {}
    table = record.setdefault(given.bits, {"lines": {}})
    table["machine"] = machine()
    for name in names or WORKLOADS:
        rows = measure(bench(name), settings)
        merge(table["lines"].setdefault(name, {}), rows, table["machine"]["processor"])
        publish(settings.folder, "workloads", page(record), record)
    sys.stdout.write(page(record))


if __name__ == "__main__":
    main()
