"""What stands beside the benchmark circuits, against Brian2: `python -m benchmarks.simulation.workloads [NAME …] --peers-python …`.

Each workload of :mod:`benchmarks.simulation._workloads` is one interleaved series of both sides. One page holds them all,
`docs/benchmarks/workloads.md` and `.json`; a run of some workloads replaces their rows. With `--bits 256` Ranvier and the compiler of
Brian2's programs use vectors of 256 bits, and the rows stand in a table of their own.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from dataclasses import asdict
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np

from benchmarks._protocol import Arrays, Bench, Contender, Verdict
from benchmarks._report import Row, machine, publish, statistics
from benchmarks.series import measure, parse
from benchmarks.simulation._workloads import WORKLOADS, Workload

_SIDES = (
    Contender("ranvier", "benchmarks.ranvier_workloads"),
    Contender("brian2", "benchmarks.peers_simulation.brian2_workloads", "simulators", prepare_limit_s=900.0),
)


def verify(workload: Workload, inputs: Arrays, outputs: Arrays, declared: dict[str, Any]) -> Verdict:
    """The figure must lie in the range that both sides reach."""
    figure, (low, high) = float(outputs["figure"]), workload.accepted
    return Verdict(low <= figure <= high, f"{figure:.3g} {workload.unit}".strip())


def bench(name: str) -> Bench:
    """A workload as a bench."""
    workload = WORKLOADS[name]
    return Bench(
        name, workload.title, "", lambda generator: {"seed": generator.integers(1, 10_000, ())},
        partial(verify, workload), _SIDES, per="biological second",
    )  # fmt: skip


def line(name: str, rows: list[Row]) -> dict[str, Any]:
    """What the page shows of a workload."""
    ours, theirs = rows
    found: dict[str, Any] = {"name": name, "rows": [asdict(row) for row in rows]}
    found["figures"] = " / ".join(row.equality or row.failure for row in rows)
    if ours.seconds:
        found["ours_ms"] = statistics(ours, ours).median_ms
    if ours.seconds and theirs.seconds:
        against = statistics(theirs, ours)
        found |= {"theirs_ms": against.median_ms, "ratio": against.ratio}
        found["quartiles"] = against.ratio_lower, against.ratio_upper
    return found


def page(record: dict[str, Any]) -> str:
    """The tables, one for each width of vectors."""
    lines = [
        "# Other workloads",
        "",
        "`python -m benchmarks.simulation.workloads`, one interleaved series per row. Times are milliseconds of wall time per biological second, run",
        "phase only, one thread, medians; Brian2 2 in `cpp_standalone` with `-O3 -ffast-math`. *Times faster* is Brian2's time ÷ Ranvier's, round by",
        "round, with quartiles: below 1 Ranvier is slower. The last column holds a figure on which both simulators must agree.",
    ]
    for bits, table in sorted(record.items(), reverse=True):
        host = table["machine"]
        lines += [
            "",
            f"## Vectors of {bits} bits",
            "",
            f"{host['processor']}, {host['cores']} cores, load {host['load_1min']} at the start.",
            "",
            "| workload | Ranvier | Brian2 | times faster | Ranvier / Brian2 |",
            "|---|---|---|---|---|",
        ]
        lines += [_row(table["lines"][n]) for n in WORKLOADS if n in table["lines"]]
    return "\n".join(lines) + "\n"


def _row(found: dict[str, Any]) -> str:
    times = [f"{found[k]:.3g}" if k in found else "–" for k in ("ours_ms", "theirs_ms")]
    low, high = found.get("quartiles", (np.nan, np.nan))
    ratio = f"{found['ratio']:.2f} ({low:.2f}–{high:.2f})" if "ratio" in found else "–"
    return f"| {WORKLOADS[found['name']].title} | {times[0]} | {times[1]} | {ratio} | {found['figures']} |"


def main() -> None:
    """Measure the named workloads, or all."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    names = list(takewhile(lambda word: not word.startswith("-"), sys.argv[1:]))
    own = argparse.ArgumentParser(description=__doc__, add_help=False, usage="%(prog)s [NAME …] [--bits 256|512] …")
    own.add_argument("--bits", choices=("256", "512"), default="512")
    given, rest = own.parse_known_args(sys.argv[1 + len(names) :])
    unknown = [n for n in names if n not in WORKLOADS]
    if unknown:
        own.error(f"no workload is called {unknown[0]!r}: choose of {', '.join(WORKLOADS)}")
    os.environ["RANVIER_VECTOR_BITS"] = given.bits
    settings = parse(bench("alone"), ["--rounds", "7", "--warmups", "1", *rest])
    path = settings.folder / "workloads.json"
    record = json.loads(path.read_text()) if path.exists() else {}
    table = record.setdefault(given.bits, {"lines": {}})
    table["machine"] = machine()
    for name in names or WORKLOADS:
        table["lines"][name] = line(name, measure(bench(name), settings))
        publish(settings.folder, "workloads", page(record), record)
    sys.stdout.write(page(record))


if __name__ == "__main__":
    main()
