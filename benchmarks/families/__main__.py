"""The table of families at equal parameters: `python -m benchmarks.families [--rows PATTERN …] [--seeds 0 1 2] [--minutes M]`.

Each row, called SET/NETWORK, is trained for every seed. Seeds that the JSON file holds with the same settings are not trained again,
unless `--again` is given. The JSON file and the page are written after every row, so that a run may be ended and resumed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch

from benchmarks._link import ROOT
from benchmarks._report import machine, publish
from benchmarks.families._networks import Entry, sized
from benchmarks.families._page import page
from benchmarks.families._sets import RATES, SETS, Set, Trained, quick, shorter
from ranvier.recipes.parts.tested import learnt

__all__ = ["main"]

#: the seed on which the rate is chosen
_CHOOSING = 100


def main(arguments: Sequence[str] | None = None, sets: Mapping[str, Set] = SETS) -> None:
    """Train what is missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", default=["*"], help="such as 'mnist/*' or '*/rwkv'")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no row after so many minutes")
    parser.add_argument("--again", action="store_true", help="train rows again that are measured")
    parser.add_argument(
        "--quick", action="store_true", help="next to no training, to try the command; give another --folder"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "docs")
    given = parser.parse_args(arguments)
    wanted = [(one, entry) for one in sets.values() for entry in one.entries() if _named(one, entry, given.rows)]
    if not wanted:
        names = ", ".join(f"{one.name}/{entry.name}" for one in sets.values() for entry in one.entries())
        parser.error(f"no row is called {' or '.join(given.rows)}; there are {names}")
    if not given.seeds:
        parser.error("--seeds needs at least one seed")
    if given.quick and given.folder == ROOT / "docs":
        parser.error("--quick needs a --folder other than docs, whose page it would replace")
    torch.set_num_threads(1)
    path, began = given.folder / "families.json", time.monotonic()
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    for one, entry in wanted:
        if time.monotonic() - began > 60 * given.minutes:
            break
        one = quick(one) if given.quick else one
        settings = {
            **asdict(one.amount),
            "target": one.parameters,
            "rates": list(RATES),
            "about": entry.about,
        }
        known = next((r for r in rows if (r["set"], r["name"]) == (one.name, entry.name)), None)
        kept = known if known and known["settings"] == settings and not given.again else None
        if kept and {str(seed) for seed in given.seeds} <= kept["scores"].keys():
            continue
        found = _row(one, entry, given.seeds, kept) | {"settings": settings}
        rows = _ordered([r for r in rows if r is not known] + [found], sets)
        host = {k: v for k, v in machine().items() if k != "load_1min"}
        publish(given.folder, "families", page(rows, host, sets), {"machine": host, "rows": rows})
        print(f"{one.name}/{entry.name}: {found['parameters']:,} parameters, {found['scores']}", flush=True)


def _named(one: Set, entry: Entry, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(f"{one.name}/{entry.name}", pattern) for pattern in patterns)


def _ordered(rows: list[dict[str, Any]], sets: Mapping[str, Set]) -> list[dict[str, Any]]:
    """In the order of the sets and of their networks."""
    order = {
        (one.name, entry.name): k for k, (one, entry) in enumerate((s, e) for s in sets.values() for e in s.entries())
    }
    return sorted((r for r in rows if (r["set"], r["name"]) in order), key=lambda r: order[r["set"], r["name"]])


def _row(one: Set, entry: Entry, seeds: Sequence[int], kept: Mapping[str, Any] | None) -> dict[str, Any]:
    """Choose the rate on a seed of its own, then train for each seed; what is kept of the row stays."""
    width = sized(entry.make, one.parameters)
    tried = kept["tried"] if kept else {
        f"{rate:g}": _trained(shorter(one), entry, width, _CHOOSING, rate)[0].valid for rate in RATES
    }  # fmt: skip
    rate = float(max(tried, key=lambda r: one.sign * tried[r]))
    held = {name: dict(kept[name]) if kept else {} for name in ("scores", "valid", "seconds")}
    for seed in seeds:
        if str(seed) not in held["scores"]:
            found, spent = _trained(one, entry, width, seed, rate)
            for name, value in (("scores", found.test), ("valid", found.valid), ("seconds", spent)):
                held[name][str(seed)] = value
    return {
        "set": one.name, "name": entry.name, "about": entry.about, "width": width, "parameters": int(learnt(entry.make(width))), "rate": rate,
        "tried": tried, "epochs": one.amount.epochs, **held,
    }  # fmt: skip


def _trained(one: Set, entry: Entry, width: int, seed: int, rate: float) -> tuple[Trained, float]:
    """The scores of one training, and its processor seconds."""
    torch.manual_seed(seed)
    net = entry.make(width)
    began = time.process_time()
    found = one.train(entry, net, one.amount, seed, rate)
    return found, time.process_time() - began


if __name__ == "__main__":
    main()
