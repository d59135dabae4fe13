"""The table of damaged files: for every reader how many were read, what was found, the longest time, the largest memory.

Ended are processes of their own, in which a library crashed or worked for too long; users get an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["lines"]

#: fewer belong to quick tests, of which nothing is told
_MANY = 1000


def lines(properties: Iterable[tuple[str, Any]]) -> list[str]:
    """The table of what the tests recorded; empty where no test was long."""
    rows = [tuple(value) for name, value in properties if name == "damaged" and value[1] >= _MANY]
    if not rows:
        return []
    head = f"{'reader':<24}{'damaged files':>14}{'ended':>8}{'findings':>10}{'slowest, s':>12}{'memory, MB':>12}"
    return [
        head,
        *(
            f"{name:<24}{read:>14,}{ended:>8}{findings:>10}{slowest:>12.2f}{memory / 1e6:>12.0f}"
            for name, read, ended, findings, slowest, memory in sorted(rows)
        ),
    ]
