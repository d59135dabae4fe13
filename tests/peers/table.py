"""Results of ports beside those of the library: ``python -m tests.peers.table snntorch [name …]``.

Both sides get the same samples, seeds, epochs and one thread, and run in turn in one process. Seconds are of the processor. The command writes
``docs/peers/<peer>.json``, and the table of it between the marks in ``docs/from_<peer>.md``.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from tests.peers.port import ROOT, Port, Samples, load, ports, version_of

__all__ = ["marked", "page_of", "results_of", "table"]

THREADS = 1
BEGIN, END = "<!-- results: python -m tests.peers.table -->", "<!-- end of results -->"


def results_of(peer: str) -> Path:
    return ROOT / "docs" / "peers" / f"{peer}.json"


def page_of(peer: str) -> Path:
    return ROOT / "docs" / f"from_{peer}.md"


def measure(port: Port) -> dict[str, Any]:
    """The row of a port: signals compared, lines of code, scores and seconds."""
    given, expected = load(port)
    found = port.differences(port.ours.signals(given), expected)
    whole = sorted(n for n, a in expected.items() if port.spikes and a.dtype.kind == "i")
    row: dict[str, Any] = {
        "title": port.title,
        "equal": {n: int(abs(expected[n].astype(int)).sum()) for n in whole if found[n] == 0},
        "close": {n: found[n] for n in sorted(set(found) - set(whole))},
        "lines": dict(zip(("ours", "theirs"), port.lines(), strict=True)),
    }
    if port.samples is not None:
        samples = port.samples(_folder)
        for side in (port.ours, port.theirs):
            _timed(side, samples, 0, 1)  # compile kernels, touch memory
        pairs = [
            [_timed(side, samples, seed, port.epochs) for side in (port.ours, port.theirs)]
            for seed in range(port.seeds)
        ]
        for k, side in enumerate(("ours", "theirs")):
            row[side] = {"scores": [p[k][0] for p in pairs], "seconds": [round(p[k][1], 2) for p in pairs]}
        row |= {"measure": port.measure, "epochs": port.epochs, "data": port.data}
        row["samples"] = [len(samples.y), len(samples.y_test)]
    return row


def _timed(side: ModuleType, samples: Samples, seed: int, epochs: int) -> tuple[float, float]:
    start = time.process_time()
    score = side.score(samples, seed, epochs)
    return score, time.process_time() - start


def _folder(name: str) -> Path:
    return Path(os.environ.get("RANVIER_DATA", ROOT.parent / "shared" / "data")) / name


def table(results: Mapping[str, Any]) -> str:
    """The page's table of the results of one peer."""
    rows = [
        "| tutorial | equal | learnt from | score: Ranvier | score: theirs | processor seconds | lines |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in results["ports"].items():
        parts = [f"{sum(row['equal'].values()):,} spikes"] if row["equal"] else []
        if row["close"]:
            far = max(row["close"].values())
            parts.append(f"values to {far:.0e} of the largest" if far else "all values")
        scores = ["", ""]
        learnt = seconds = ""
        if "measure" in row:
            learnt = f"{row['samples'][0]:,} {row['data']}, {row['epochs']} epochs"
            scores = [f"{row['measure']} {_spread(row[side]['scores'])}" for side in ("ours", "theirs")]
            seconds = " / ".join(f"{statistics.median(row[side]['seconds']):.1f}" for side in ("ours", "theirs"))
        lines = f"{row['lines']['ours']} / {row['lines']['theirs']}"
        cells = (f"{row['title']} (`{name}`)", ", ".join(parts), learnt, *scores, seconds, lines)
        rows.append(f"| {' | '.join(cells)} |")
    made = ", ".join(results["made_with"])
    return "\n".join(
        [
            *rows,
            "",
            f"{made}, one thread. Pairs are Ranvier / theirs. Scores are means ± standard deviations, with the number of seeds in brackets. Images,",
            "recordings and sequences for scores are others than those for training. Seconds are medians over seeds, with kernels compiled before.",
            "Lines count only code, without blank lines, comments and docstrings. Theirs keeps the form of the tutorial, with its training loop.",
        ]
    )


def _spread(scores: list[float]) -> str:
    digits = 3 if max(scores) < 0.1 else 2
    return f"{statistics.mean(scores):.{digits + 1}f} ± {statistics.stdev(scores):.{digits + 1}f} ({len(scores)})"


def marked(page: str) -> tuple[str, str, str]:
    """A page in three: what is before the table, the table, and what is after it."""
    before, rest = page.split(BEGIN)
    inside, after = rest.split(END)
    return before + BEGIN, inside.strip(), END + after


def main(peer: str, *names: str) -> None:
    torch.set_num_threads(THREADS)
    path = results_of(peer)
    results = json.loads(path.read_text("utf-8")) if path.exists() else {"ports": {}}
    for port in ports(peer):
        if not names or port.name in names:
            results["ports"][port.name] = row = measure(port)
            print(json.dumps(row), flush=True)
            _write(peer, results)


def _write(peer: str, results: dict[str, Any]) -> None:
    """The results so far, and the page with them; rows of ports that are no more are left out."""
    rows = results["ports"]
    libraries = [f"{n} {version_of(n)}" for n in (peer, "torch")]
    made = [f"Ranvier {version_of('ranvier')}", *libraries]
    results = {"made_with": made, "ports": {p.name: rows[p.name] for p in ports(peer) if p.name in rows}}
    path, page = results_of(peer), page_of(peer)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    before, _, after = marked(page.read_text("utf-8"))
    page.write_text(f"{before}\n{table(results)}\n{after}", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
