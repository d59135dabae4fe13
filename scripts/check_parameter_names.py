"""Fail when two public functions or records spell one parameter in two ways; exit 1 with one line for each pair.

``tau_mem`` beside ``tau_m`` or ``num_steps`` beside ``n_steps`` make a reader wonder whether they differ. A name is
reduced to a key (words in lower case, synonyms unified, plurals made singular, order ignored); two names with one key
are a pair, and so are two long names one letter apart. A single word beside its plural is fine (``event``,
``events``), and so is a single letter. Pairs that truly mean different things are listed in ``ALLOWED``. The idea of
such a check is that of nemos.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Spellings of one word; the first is what the key uses.
SYNONYMS = (
    ("n", "num", "nb", "number", "count"),
    ("m", "mem", "membrane"),
    ("syn", "synapse", "synaptic"),
    ("e", "exc", "excitatory"),
    ("i", "inh", "inhibitory"),
    ("th", "thr", "thresh", "threshold"),
    ("v", "voltage", "potential"),
    ("ref", "refrac", "refractory"),
    ("max", "maximum", "upper"),
    ("min", "minimum", "lower"),
    ("w", "weight"),
    ("dim", "dimension"),
    ("dir", "directory", "folder"),
    ("file", "filename", "path"),
    ("lr", "learning"),
    ("fn", "func", "function"),
    ("idx", "index", "indices"),
    ("init", "initial"),
    ("dt", "timestep"),
    ("std", "sd"),
    ("prob", "p", "probability"),
    ("eps", "epsilon"),
    ("temp", "temperature"),
)

# Pairs that stand for two different things, with the difference.
ALLOWED: dict[frozenset[str], str] = {
    frozenset(
        {"carried", "carrier"}
    ): "values that go along with pairs of cells; what computes the products of a projection",
    frozenset({"compute", "computed"}): "what arithmetic costs; what was calculated",
    frozenset({"recorded", "recorder"}): "what was written down; who writes it down",
}

# Folders whose functions have the parameters of other libraries, spelled as there.
FOREIGN = frozenset({"compat"})

_CANONICAL = {word: group[0] for group in SYNONYMS for word in group}
_LONG = 7


def key(name: str) -> tuple[str, ...]:
    """The words of a name, unified and sorted; names with one key look alike to a reader."""
    return tuple(sorted(_word(word) for word in name.lower().strip("_").split("_") if word))


def _word(word: str) -> str:
    singular = word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
    return _CANONICAL.get(word) or _CANONICAL.get(singular, singular)


def pairs(uses: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Yield each pair of near-duplicate names that is not allowed."""
    for first, second in combinations(sorted(uses), 2):
        if min(len(first), len(second)) == 1 or _is_plural(first, second) or frozenset({first, second}) in ALLOWED:
            continue
        if key(first) == key(second) or _one_letter_apart(first, second):
            yield first, second


def _is_plural(first: str, second: str) -> bool:
    """True for one word and its plural; ``n_step`` and ``n_steps`` are two words each."""
    return second == f"{first}s" and "_" not in first


def _one_letter_apart(first: str, second: str) -> bool:
    """True for long names that differ in one inserted, dropped or changed letter (not in a digit)."""
    short, long = sorted((first, second), key=len)
    if len(short) < _LONG or len(long) - len(short) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if any(letter.isdigit() or letter == "_" for letter in (short[start : start + 1], long[start : start + 1])):
        return False
    return short[start:] == long[start + 1 :] or short[start + 1 :] == long[start + 1 :]


def collect(package: Path) -> dict[str, list[str]]:
    """Map each parameter of a public function, method or record to the places that use it."""
    uses: dict[str, list[str]] = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        if FOREIGN & set(path.relative_to(package).parts):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        public = _public_names(tree)
        for node in tree.body:
            for name, line in _parameters(node, public):
                uses[name].append(f"{path.relative_to(package.parent)}:{line}")
    return dict(uses)


def _public_names(tree: ast.Module) -> set[str] | None:
    """The names of ``__all__``, or None where the module has no literal one."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=items)):
                return {item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)}
            case _:
                continue
    return None


def _parameters(node: ast.stmt, public: set[str] | None) -> Iterator[tuple[str, int]]:
    name = getattr(node, "name", "")
    if not name or (name.startswith("_") if public is None else name not in public):
        return
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _arguments(node)
        case ast.ClassDef():
            for item in node.body:
                match item:
                    case ast.FunctionDef() | ast.AsyncFunctionDef() if _is_public_method(item.name):
                        yield from _arguments(item)
                    case ast.AnnAssign(target=ast.Name(id=field)) if not field.startswith("_"):
                        yield field, item.lineno
                    case _:
                        continue
        case _:
            return


def _is_public_method(name: str) -> bool:
    return name in ("__init__", "__call__") or not name.startswith("_")


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, int]]:
    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.arg not in ("self", "cls") and not argument.arg.startswith("_"):
            yield argument.arg, argument.lineno


def main() -> int:
    """Print every pair of near-duplicate names and return the exit status."""
    uses = collect(ROOT / "ranvier")
    found = list(pairs(uses))
    for first, second in found:
        print(f"{uses[first][0]}: {first!r} beside {second!r} ({uses[second][0]}); use one name, or allow the pair")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
