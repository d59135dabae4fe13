"""Runs recipes and writes what they found into the table of docs/simulation.md: ``python -m benchmarks.recipes reservoir``.

Without a name all recipes of ``ranvier simulate`` run, which takes an hour; a row is replaced, the others stay.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ranvier.cli.commands import SIMULATIONS
from ranvier.errors import RanvierError

__all__ = ["main", "with_row"]

#: arguments beside the defaults; the page names them
_GIVEN = {"learn_pattern": {"seeds": 3}}
#: those in the form of ``ranvier.recipes.form`` have pages of their own
_OLD = {name: command for name, command in SIMULATIONS.items() if not command.recipe}
_PAGE = Path(__file__).parents[1] / "docs" / "simulation.md"


def main(names: list[str]) -> None:
    """Run the recipes called ``names`` and update their rows."""
    unknown = [n for n in names if n not in _OLD]
    if unknown:
        raise RanvierError(f"there is no recipe {unknown[0]!r}: choose of {', '.join(_OLD)}.")
    for name in names or _OLD:
        with tempfile.TemporaryDirectory() as folder:
            _OLD[name].load()(out=Path(folder), **_GIVEN.get(name, {}))
            found = (Path(folder) / f"{name}.txt").read_text(encoding="utf-8")
        _PAGE.write_text(with_row(_PAGE.read_text(encoding="utf-8"), name, found), encoding="utf-8")


def with_row(page: str, name: str, found: str) -> str:
    """``page`` with the last cell of the row of ``name`` replaced by the sentences ``found``, one a line."""
    lines = page.splitlines()
    at = next((k for k, line in enumerate(lines) if line.startswith(f"| `{name}` |")), None)
    if at is None:
        raise RanvierError(f"the page has no row of {name!r}: add one to docs/simulation.md, with what it shows.")
    what = lines[at].split("|")[2].strip()
    lines[at] = f"| `{name}` | {what} | {'; '.join(found.replace('|', '/').splitlines())} |"
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
