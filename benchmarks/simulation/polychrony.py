"""Polychronous groups early and late in learning, for two circuits: ``python -m benchmarks.simulation.polychrony``.

The table goes into ``docs/plasticity.md``; minutes of processor time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks._marks import paste
from ranvier.recipes.parts.groups import survey
from ranvier.recipes.parts.polychrony import draw, learn

PAGE = Path(__file__).parents[2] / "docs" / "plasticity.md"
_HEAD = ("circuit", "seconds of learning", "anchors tried", "groups", "among all anchors", "longer than 120 ms")
_LEAST = 7


def rows(seconds: int, tried: int, seed: int, cells: int = 1000) -> list[tuple[str, ...]]:
    """The learned circuit, and the same with shuffled delays."""
    graph = learn(draw(cells, seed), seconds, seed)
    shuffled, out = graph.shuffled(np.random.default_rng(seed)), []
    for name, one in ((f"learned, seed {seed}", graph), ("delays shuffled", shuffled)):
        found = survey(one, tried, least=_LEAST, seed=seed)
        count, error = found.estimate
        share = f"{count:,.0f} ± {error:,.0f}"
        out.append((name, f"{seconds:,}", f"{found.tried:,}", f"{len(found.groups)}", share, f"{found.endless}"))
        sys.stderr.write(" ".join(out[-1]) + "\n")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, nargs="+", default=[120, 2000])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--tried", type=int, default=20_000)
    given = parser.parse_args()
    found = [r for s in range(1, given.seeds + 1) for n in given.seconds for r in rows(n, given.tried, s)]
    lines = ["| " + " | ".join(row) + " |" for row in (_HEAD, *found)]
    paste(PAGE, "groups", "\n".join([lines[0], "|---" * len(_HEAD) + "|", *lines[1:]]))


if __name__ == "__main__":
    main()
