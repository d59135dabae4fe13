"""Compute every cell of rules and options and print the table of ``docs/rules.md``.

``python -m tests.training.table_of_rules`` takes minutes; a cell that is neither equal to its definition nor refused as
expected ends it with an error.
"""

from __future__ import annotations

import sys
import warnings

from ranvier.errors import RanvierWarning
from tests.training.crossed.definitions import RULES
from tests.training.crossed.expected import REFUSED, page
from tests.training.crossed.options import OPTIONS
from tests.training.crossed.table import outcome


def main() -> int:
    """Print the table; the exit status says whether all cells are as expected."""
    wrong = []
    warnings.simplefilter("ignore", RanvierWarning)
    for provider in ("cpu", "reference"):
        for option in OPTIONS:
            for rule in RULES:
                result = outcome(rule, option, provider)
                refused = result.refusal is not None
                if refused != (rule in REFUSED[option]) or (result.distance or 0) > 1e-9:
                    wrong.append(f"{rule}, {option}, {provider}: {result.refusal or result.distance}")
    print(page())
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
