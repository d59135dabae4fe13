"""Compute every cell of rules and options, print the table of ``docs/rules.md`` and how each cell was tried.

``python -m tests.training.table_of_rules`` takes tens of minutes: rule × option × provider × precision, whole, in one
window, cut, saved and loaded, and folded. ``--options plain sign`` restricts it, ``--every`` prints each distance. A cell that is
neither equal to its definition nor refused as expected ends it with an error.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import defaultdict

from ranvier.errors import RanvierWarning
from tests.training.crossed.definitions import RULES
from tests.training.crossed.expected import REFUSED, REFUSED_APART, page
from tests.training.crossed.options import OPTIONS
from tests.training.crossed.table import outcome
from tests.training.crossed.ways import WITHIN, distances

PROVIDERS = ("cpu", "reference")


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; the exit status says whether all cells are as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--options", nargs="*", default=list(OPTIONS), choices=list(OPTIONS), metavar="OPTION")
    parser.add_argument("--every", action="store_true")
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore", RanvierWarning)
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    wrong: list[str] = []
    for option in asked.options:
        for provider in PROVIDERS:
            for rule in sorted(REFUSED[option]):
                refused = rule in REFUSED_APART.get(option, ()) or outcome(rule, option, provider).refusal is not None
                found["refused", provider, ""].append(0.0)
                wrong += [] if refused else [f"{rule}, {option}, {provider}: not refused"]
            for dtype, within in WITHIN.items():
                for way, rule, distance in distances(option, provider, dtype):
                    name = str(dtype).removeprefix("torch.")
                    found[way, provider, name].append(distance)
                    cell = f"{rule}, {option}, {provider}, {name}, {way}: {distance:.0e}"
                    wrong += [] if distance <= within else [cell]
                    if asked.every:
                        print(cell)
    print(page() if asked.options == list(OPTIONS) else f"{len(asked.options)} of {len(OPTIONS)} options")
    print(
        f"\n{len(RULES)} rules, {len(asked.options)} options\n\n| way | provider | precision | cells | largest distance |"
    )
    print("|---|---|---|---|---|")
    for (way, provider, name), values in sorted(found.items()):
        print(f"| {way} | {provider} | {name} | {len(values)} | {max(values):.0e} |")
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
