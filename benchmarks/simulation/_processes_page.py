"""From the rows of processes to a page: what they need, what they exchange, and what 64 nodes would do."""

from __future__ import annotations

from statistics import mean, median
from typing import Any

import numpy as np

__all__ = ["fit", "page", "projected"]

Rows = list[dict[str, Any]]
#: an all_gather of short messages among 64 nodes by InfiniBand, µs, and bytes per µs of a node: assumed, not measured
ASSUMED_LATENCY_US, ASSUMED_BYTES_PER_US = 30.0, 10_000.0
NODES = 64
_TITLE = """# One circuit in several processes

The cortical microcircuit at {scale:.0%} ({cells:,} cells, {synapses:,} synapses with a weight and a delay each; dt = 0.1 ms), run by 1, 2 and 4 processes of
one machine, one thread each, connected by gloo over TCP ([distributed.md](../distributed.md)). Written by
`python -m benchmarks.simulation.processes`. The spikes of all runs were equal bit for bit.

{processor}, {cores} cores, load {load} at the end. *Computing* is the processor time of a process on a core of its own:
each process runs alone and replays the recorded messages of the others. *Wall* is the time of all processes running at once on the
cores of this machine.

| processes | synapses of a process | memory of a process MB | build s | computing s | wall s | of it exchanging |
|---|---|---|---|---|---|---|"""
_EXCHANGES = """
Seconds are per biological second: the least of three runs, averaged over the processes. Memory is the peak resident memory beyond
imports, building included, of the largest process.

## Messages

The least latency is {every} steps, so spikes are exchanged {rounds:,.0f} times per biological second. A message has a fixed size; where a process has more
spikes, all processes send again with larger messages.

| processes | messages per biological second | bytes of a message | bytes needed: mean | most |
|---|---|---|---|---|"""
_LATENCY = """
An `all_gather` of gloo on this machine, µs: median (10 % to 90 %).

| processes | {sizes} |
|---|{rule}|"""
_PROJECTION = """
## What 64 nodes would do

Computing is fitted as a + b/k over k = {several} processes: a = {a:.3g} s is the work of every process (reading all spikes, calls, messages), b = {b:.3g} s
is the work that the processes share (cells, synaptic events). A run of k processes takes a + b/k and, for each exchange, the time of an `all_gather`. Assumed, not measured:

- one process per node, equal shares, and nodes as fast as this machine;
- by InfiniBand an `all_gather` takes {latency:.0f} µs and {NODES} messages at {bandwidth:.0f} GB/s;
- by gloo over TCP it goes round a ring of {NODES} - 1 hops, each as long as the median between 2 processes here ({hop:.0f} µs for 1 KB);
- at full scale (5 times the cells, 25 times the synapses of 20 %, the same rates) a grows with the spikes and b with the synaptic events.

| circuit | 1 process s | 64 nodes: computing s | exchanging by InfiniBand s | total s | exchanging by gloo s | total s |
|---|---|---|---|---|---|---|"""


def fit(counts: list[int], seconds: list[float]) -> tuple[float, float]:
    """The a and b, not negative, of a + b/k by least squares."""
    from scipy.optimize import nnls

    found, _ = nnls(np.stack([np.ones(len(counts)), 1 / np.array(counts, float)], 1), np.array(seconds))
    return float(found[0]), float(found[1])


def projected(a: float, b: float, rounds: float, round_us: float, nodes: int = NODES) -> tuple[float, float]:
    """Seconds of computing and of exchanging per biological second."""
    return a + b / nodes, rounds * round_us * 1e-6


def page(data: dict[str, Any]) -> str:
    """The tables."""
    rows, settings = data["rows"], data["settings"]
    by_count: dict[int, Rows] = {}
    for row in rows:
        by_count.setdefault(row["count"], []).append(row)
    host, one = settings["machine"], rows[0]
    lines = [
        _TITLE.format(
            scale=settings["scale"], cells=one["cells"], synapses=one["total"], processor=host["processor"],
            cores=host["cores"], load=host["load_1min"],
        )
    ]  # fmt: skip
    for count, some in by_count.items():
        most = max(row["synapses"] for row in some)
        means = {n: mean(row[n] for row in some) for n in ("build_s", "alone", "wall", "waiting")}
        lines.append(
            f"| {count} | {min(row['synapses'] for row in some):,} to {most:,} | {max(row['grown_MB'] for row in some):.0f} "
            f"| {means['build_s']:.1f} | {means['alone']:.3f} | {means['wall']:.2f} | {means['waiting']:.2f} |"
        )
    several = {count: some for count, some in by_count.items() if count > 1}
    rounds = 1e4 / one["every"]
    lines.append(_EXCHANGES.format(every=one["every"], rounds=rounds))
    for count, some in several.items():
        lines.append(
            f"| {count} | {some[0]['rounds']:,.0f} | {mean(row['sent'] for row in some):,.0f} "
            f"| {mean(row['needed'] for row in some):,.0f} | {max(row['most'] for row in some):,} |"
        )
    sizes = list(next(iter(several.values()))[0]["latency_us"])
    lines.append(_LATENCY.format(sizes=" | ".join(f"{int(s):,} B" for s in sizes), rule="|".join("---" for _ in sizes)))
    for count, some in several.items():
        found = [[median(row["latency_us"][s][k] for row in some) for k in range(3)] for s in sizes]
        lines.append(
            f"| {count} | " + " | ".join(f"{m:,.0f} ({low:,.0f} to {high:,.0f})" for low, m, high in found) + " |"
        )
    counts = list(several)
    a, b = fit(counts, [mean(row["alone"] for row in by_count[k]) for k in counts])
    hop = median(row["latency_us"]["1024"][1] for row in by_count[2])
    lines.append(
        _PROJECTION.format(
            several=" and ".join(map(str, counts)),
            a=a,
            b=b,
            latency=ASSUMED_LATENCY_US,
            bandwidth=ASSUMED_BYTES_PER_US / 1000,
            hop=hop,
            NODES=NODES,
        )
    )
    grow = 1 / settings["scale"]
    needed = mean(row["needed"] for row in by_count[2]) * 2
    alone = mean(row["alone"] for row in by_count[1])
    for name, spikes in ((f"{settings['scale']:.0%}", 1.0), ("full scale", grow)):
        own_a, own_b, sent = a * spikes, b * spikes**2, needed * spikes
        measured = f"{alone:.2f} (measured)" if spikes == 1 else f"{alone * spikes**2:.2f}"
        fast, ring = ASSUMED_LATENCY_US + sent / ASSUMED_BYTES_PER_US, hop * (NODES - 1)
        (work, by_fast), (_, by_ring) = (projected(own_a, own_b, rounds, us) for us in (fast, ring))
        lines.append(
            f"| {name} | {measured} | {work:.2f} | {by_fast:.2f} | {work + by_fast:.2f} | {by_ring:.2f} | {work + by_ring:.2f} |"
        )
    return "\n".join([*lines, ""])
