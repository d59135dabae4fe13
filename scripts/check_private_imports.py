"""Check that no package imports a private module of another; exit 1 with one line for each breach.

A private module (``ranvier/x/_y.py``) belongs to the package that holds it and to the packages below. What others need is
exported by the package, or is a module without underscore. Tests go through public names too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Imports that still cross, as (importing module, private module); none may be added, and a line that is not needed goes.
ALLOWED: set[tuple[str, str]] = set()
#: Private modules that tests may still import, all together.
IN_TESTS = 12


def crossings(folder: Path, root: Path) -> Iterator[tuple[str, str]]:
    """(importing module, private module of another package) for every such import below ``folder``."""
    for path in sorted(folder.rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            for name in _imported(node):
                parts = name.split(".")
                private = next((k for k, part in enumerate(parts) if part.startswith("_") and part[:2] != "__"), None)
                if private is not None and not f"{module}.".startswith(".".join(parts[:private]) + "."):
                    yield module, ".".join(parts[: private + 1])


def _imported(node: ast.AST) -> Iterator[str]:
    """Dotted names of what a statement imports from the package."""
    match node:
        case ast.Import(names=names):
            yield from (a.name for a in names if a.name.startswith("ranvier."))
        case ast.ImportFrom(module=str(module), level=0, names=names) if module.split(".")[0] == "ranvier":
            yield from (f"{module}.{a.name}" for a in names)
        case _:
            return


def breaches(root: Path, allowed: set[tuple[str, str]], in_tests: int) -> Iterator[str]:
    """What is wrong and what to do, a line each."""
    found = set(crossings(root / "ranvier", root))
    for module, private in sorted(found - allowed):
        yield f"{module} imports {private}: export the name from its package, or name the module without underscore"
    for module, private in sorted(allowed - found):
        yield f"{module} does not import {private} any more: remove the line from ALLOWED"
    if (root / "tests").is_dir() and (count := len(set(crossings(root / "tests", root)))) != in_tests:
        what = "test through public names" if count > in_tests else "lower IN_TESTS to it"
        yield f"tests import private modules {count} times, {in_tests} are allowed: {what}"


def main() -> int:
    """Print every breach and return the exit status."""
    found = list(breaches(ROOT, ALLOWED, IN_TESTS))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
