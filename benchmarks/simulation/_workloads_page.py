"""What a run of workloads adds to the stored table, and the page of that table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks._report import Row, statistics
from benchmarks.simulation._workloads import WORKLOADS

#: peers in the order of their columns
PEERS = {"brian2": "Brian2", "nest": "NEST"}


def merge(line: dict[str, Any], rows: Sequence[Row], processor: str) -> None:
    """Replace Ranvier's times and those peers of a line that took part; others stay if they ran on the same processor.

    Each peer is kept with the row of Ranvier from its own series, so that their ratio is of rounds in turn.
    """
    ours, *others = rows
    kept = line.get("peers", {}) if line.get("processor") == processor else {}
    line.clear()
    line |= {"processor": processor, "figure": ours.equality or ours.failure, "peers": kept}
    if ours.seconds:
        line["ms"] = statistics(ours, ours).median_ms
    for theirs in others:
        line["peers"][theirs.name] = _peer(ours, theirs)


def _peer(ours: Row, theirs: Row) -> dict[str, Any]:
    """Both rows, and the times, their ratio round by round, and the figure of a peer; or why there is no time."""
    found: dict[str, Any] = {
        "rows": [asdict(ours), asdict(theirs)],
        "figure": theirs.equality,
        "absent": theirs.failure,
    }
    if ours.seconds and theirs.seconds:
        against = statistics(theirs, ours)
        found |= {"ms": against.median_ms, "ratio": against.ratio}
        found["quartiles"] = [against.ratio_lower, against.ratio_upper]
    return found


def page(record: Mapping[str, Any]) -> str:
    """The tables, one for each width of vectors."""
    lines = [
        "# Other workloads",
        "",
        "`python -m benchmarks.simulation.workloads`, one interleaved series per row. Times are milliseconds of wall time per biological second, run",
        "phase only, one thread, medians; Brian2 2 in `cpp_standalone` with `-O3 -ffast-math`; NEST 3, which always computes in double precision.",
        "*Times faster* is the peer's time ÷ Ranvier's, round by round, with quartiles: below 1 Ranvier is slower. The last column holds a figure on",
        "which all simulators must agree. In the rows of 10 and 50 populations Brian2 runs in its runtime mode with NumPy: its other modes",
        "compile code for each projection, which takes many minutes. The row below them has the same cells as one group, and as many synapses in one object.",
    ]
    for bits, table in sorted(record.items(), reverse=True):
        lines += _table(bits, table)
    return "\n".join(lines) + "\n"


def _table(bits: str, table: Mapping[str, Any]) -> list[str]:
    host, known = table["machine"], [(n, table["lines"][n]) for n in WORKLOADS if n in table["lines"]]
    columns = [f" {peer} | times faster |" for peer in PEERS.values()]
    figures = " / ".join(("Ranvier", *PEERS.values()))
    lines = [
        "",
        f"## Vectors of {bits} bits",
        "",
        f"{host['processor']}, {host['cores']} cores, load {host['load_1min']} at the start.",
        "",
    ]
    lines += [f"| workload | Ranvier |{''.join(columns)} {figures} |", "|---|---|" + "---|---|" * len(PEERS) + "---|"]
    lines += [_row(name, line) for name, line in known]
    absent = [
        f"- {WORKLOADS[name].title}: {PEERS[peer]}, {found['absent'].removeprefix('not offered: ')}."
        for name, line in known
        for peer, found in line["peers"].items()
        if found["absent"]
    ]
    return lines + (["", "Not timed:", "", *absent] if absent else [])


def _row(name: str, line: Mapping[str, Any]) -> str:
    cells, figures = [_time(line)], [line["figure"]]
    for peer in PEERS:
        found = line["peers"].get(peer, {})
        low, high = found.get("quartiles", ("", ""))
        cells += [_time(found), f"{found['ratio']:.2f} ({low:.2f}–{high:.2f})" if "ratio" in found else "–"]
        figures.append(found.get("figure") or "–")
    return f"| {WORKLOADS[name].title} | {' | '.join(cells)} | {' / '.join(figures)} |"


def _time(found: Mapping[str, Any]) -> str:
    return f"{found['ms']:.3g}" if "ms" in found else "–"
