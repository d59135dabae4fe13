"""From `python script.py` to the first result. Run: `python -m benchmarks.simulation.startup --peers-python …/bin/python`.

Every run is a fresh process; three cases: nothing compiled before (empty caches), the equations changed, only numbers changed.
Python's own bytecode is there in all of them, as pip leaves it.
Writes `docs/benchmarks/startup.md` and `.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._report import machine, publish

ROOT = Path(__file__).resolve().parent.parent.parent
#: case -> what is kept from the run before, and what changes in the script
CASES = {
    "empty caches": "nothing was ever compiled on this machine",
    "changed equations": "a model of the same shape was run before; a number written into its equations is another",
    "changed numbers": "this model was run before, with another value of a parameter",
}
SIDES = {
    "ranvier": ("benchmarks/simulation/startup_ranvier.py",),
    "brian2 cython": ("benchmarks/peers_simulation/startup_brian2.py", "cython"),
    "brian2 standalone": ("benchmarks/peers_simulation/startup_brian2.py", "standalone"),
}
_ACCEPTED_HZ = (12.0, 30.0)
#: populations of 20 cells, each with projections to ten: from empty caches, Ranvier alone
MANY = (10, 50, 100)
_MANY_SCRIPT, _TARGETS, _MANY_HZ = "benchmarks/simulation/startup_many.py", 10, (15.0, 45.0)


class Caches:
    """Private folders for whatever a side compiles; the user's own caches are not touched."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, side: str) -> Path:
        """Where ``side`` keeps what it compiled."""
        return self._root / side.replace(" ", "_")

    def empty(self, side: str) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder(side), ignore_errors=True)


def once(python: str, side: str, caches: Caches, tau: float, literal: float) -> tuple[float, float]:
    """Seconds of wall time from starting the process to its line, and of processor time with all its children."""
    script, *target = SIDES[side]
    folder = caches.folder(side)
    arguments = [python, str(ROOT / script), str(tau), str(literal), *target, *([str(folder)] if target else [])]
    rate, seconds, used = timed(arguments, {"RANVIER_CACHE": str(folder)})
    if not _ACCEPTED_HZ[0] < rate < _ACCEPTED_HZ[1]:
        raise RuntimeError(f"{side}: {rate} Hz is not the active state")
    return seconds, used


def timed(arguments: Sequence[str], added: Mapping[str, str]) -> tuple[float, float, float]:
    """The number a process prints; seconds from its start to that line, and of processor time with all its children."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **added}
    before, start = os.times(), time.perf_counter()
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline() if process.stdout else ""
        seconds = time.perf_counter() - start
        _, errors = process.communicate()
    after = os.times()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {errors[-2000:]}")
    used = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    return float(line), seconds, used


def missing(rows: list[dict[str, Any]], rounds: int) -> list[list[dict[str, Any]]]:
    """The rows that lack each round, until all have ``rounds``, or as many as the longest has."""
    rounds = max(rounds, *(len(row["wall"]) for row in rows))
    return [lacking for k in range(rounds) if (lacking := [row for row in rows if len(row["wall"]) <= k])]


def series(pythons: dict[str, str], rounds: int, rows: list[dict[str, Any]], root: Path) -> None:
    """The rounds that the given rows lack, in turn."""
    caches = Caches(root)
    for row in (row for lacking in missing(rows, rounds) for row in lacking):
        case, side = row["case"], row["side"]
        if case == "empty caches":
            caches.empty(side)
        elif not caches.folder(side).exists():
            once(pythons[side], side, caches, 20.0, 1.0)
        change = 1 + 0.01 * random.random()  # never the same, whatever the caches hold from before
        tau = 20.0 * change if case == "changed numbers" else 20.0
        literal = change if case == "changed equations" else 1.0
        wall, processor = once(pythons[side], side, caches, tau, literal)
        row["wall"].append(wall)
        row["processor"].append(processor)
        sys.stderr.write(f"{case}, {side}: {wall:.2f} s, {processor:.2f} s\n")


def many(rounds: int, rows: list[dict[str, Any]], root: Path) -> None:
    """Seconds to the first result of circuits of many populations: the rounds that the rows lack, in turn."""
    caches = Caches(root)
    for row in (row for lacking in missing(rows, rounds) for row in lacking):
        caches.empty("many")
        arguments = [sys.executable, str(ROOT / _MANY_SCRIPT), str(row["populations"]), str(_TARGETS)]
        rate, wall, processor = timed(arguments, {"RANVIER_CACHE": str(caches.folder("many"))})
        if not _MANY_HZ[0] < rate < _MANY_HZ[1]:
            raise RuntimeError(f"{row['populations']} populations: {rate} Hz is not what the cells do")
        row["wall"].append(wall)
        row["processor"].append(processor)
        sys.stderr.write(f"{row['populations']} populations: {wall:.2f} s, {processor:.2f} s\n")


def begun(old: list[dict[str, Any]], wanted: list[dict[str, Any]], keep: bool) -> list[dict[str, Any]]:
    """The ``wanted`` rows without times, or with those of ``old`` ones where these are to be kept."""
    there = {tuple(v for v in row.values() if not isinstance(v, list)): row for row in old if keep}
    return [there.get(tuple(want.values()), {**want, "wall": [], "processor": []}) for want in wanted]


def _many_lines(rows: list[dict[str, Any]]) -> list[str]:
    """The table of many populations."""
    lines = [
        "",
        "## Many populations",
        "",
        "Populations of 20 cells with projections to ten each, from empty caches, Ranvier alone.",
        "",
    ]
    lines += ["| populations | projections | rounds | wall s | processor s |", "|---|---|---|---|---|"]
    for row in rows:
        count, wall, processor = row["populations"], np.median(row["wall"]), np.median(row["processor"])
        lines.append(f"| {count} | {count * _TARGETS} | {len(row['wall'])} | {wall:.2f} | {processor:.2f} |")
    return lines


def page(data: dict[str, Any]) -> str:
    """The tables."""
    host = data["machine"]
    lines = [
        "# From `python script.py` to the first result", "",
        "A conductance-based circuit of 4,000 cells for 0.1 s (two short scripts that build the same circuit, `startup_ranvier.py`",
        "and `startup_brian2.py`), each run in a fresh process with caches of its own, in turn. Seconds from starting Python to the",
        "printed rate: median and quartiles; beside them processor seconds, compilers included. Importing torch alone takes",
        f"{data['torch'][0]:.2f} s of Ranvier's ({data['torch'][1]:.2f} processor seconds, the end of the process included). A thread maps a",
        "part of torch while Ranvier imports SymPy, so the difference is less than what Ranvier does. Python's bytecode is there, as pip leaves it.", "",
        f"{host['processor']}, {host['cores']} cores, load {host['load_1min']}, Brian2 {data['brian2']}, its own defaults otherwise.", "",
        "| case | | rounds | wall s | quartiles | processor s | wall ÷ Ranvier | processor ÷ Ranvier |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for case in dict.fromkeys(row["case"] for row in data["rows"]):
        some = {row["side"]: row for row in data["rows"] if row["case"] == case}
        for side, row in some.items():
            low, middle, high = np.percentile(row["wall"], [25, 50, 75])
            ratios = [np.median(np.array(row[k]) / np.array(some["ranvier"][k])) for k in ("wall", "processor")]
            lines.append(
                f"| {case} | {side} | {len(row['wall'])} | {middle:.2f} | {low:.2f}–{high:.2f} | {np.median(row['processor']):.2f} "
                f"| {ratios[0]:.2f} | {ratios[1]:.2f} |"
            )
    lines += ["", *(f"- *{case}*: {text}." for case, text in CASES.items())]
    return "\n".join([*lines, *_many_lines(data["many"]), ""])


def main() -> None:
    """Run the series, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-python", default=sys.executable, help="interpreter with brian2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--case", choices=[*CASES, "many"], action="append", help="only this one; others stay as they were"
    )
    parser.add_argument(
        "--more", action="store_true", help="keep the rounds of startup.json, and measure those that are missing"
    )
    parser.add_argument("--caches", type=Path, help="keep what is compiled here, for further rounds of a series")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    pythons = {side: sys.executable if side == "ranvier" else given.peers_python for side in SIDES}
    kept, asked = given.folder / "startup.json", given.case or [*CASES, "many"]
    cases = [case for case in CASES if case in asked]
    before: dict[str, Any] = json.loads(kept.read_text()) if given.more or given.case else {"rows": [], "many": []}
    if given.more and before["machine"]["processor"] != (here := machine()["processor"]):
        parser.error(f"{kept} holds rounds of {before['machine']['processor']}, and this is {here}: leave --more out.")
    wanted = [{"case": case, "side": side} for case in cases for side in SIDES]
    rows = [row for row in before["rows"] if row["case"] not in cases] + begun(before["rows"], wanted, given.more)
    crowds = begun(before.get("many", []), [{"populations": n} for n in MANY], given.more or "many" not in asked)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(ROOT / "ranvier")], check=True)
    with tempfile.TemporaryDirectory() if given.caches is None else nullcontext(given.caches) as root:
        for case in cases:
            series(pythons, given.rounds, [row for row in rows if row["case"] == case], Path(root))
        if "many" in asked:
            many(min(given.rounds, 3), crowds, Path(root))
    rows.sort(key=lambda row: (list(CASES).index(row["case"]), list(SIDES).index(row["side"])))
    data = {
        "machine": machine(), "rows": rows, "many": crowds, "torch": _torch(),
        "brian2": _said(given.peers_python, "import brian2; print(brian2.__version__)"),
    }  # fmt: skip
    publish(given.folder, "startup", page(data), data)


def _torch() -> list[float]:
    """Seconds until torch is imported, and processor seconds of such a process."""
    taken = [timed([sys.executable, "-c", "import torch; print(0)"], {})[1:] for _ in range(3)]
    return [float(np.median(some)) for some in zip(*taken, strict=True)]


def _said(python: str, code: str) -> str:
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
