"""Check the rules of the house that no linter knows; exit 1 with one line for each breach.

In ``ranvier/``: files of at most 500 lines; no wildcard imports, ``assert``, ``print``, bare ``except``,
``warnings.warn`` or public functions without a body; a docstring in every module; ``__all__`` in every package. Outside ``connectivity/``, no
``isinstance`` of a transform. Outside the providers of kernels, only their registry imports or names one. In
``network/``, functions that are not public take a graph, not the network, but for the few that write and read files. In
``tests/``, no test replaces a constant of the package, and few replace another attribute of its modules and classes.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

MAX_LINES = 500
#: functions of ``network/`` below its public edge that may take a whole network
WHOLE_NETWORKS = 9
#: constants of the package that tests still replace; what a test chooses is an argument or a field of a record
PATCHED = 0
#: attributes of modules and classes of the package that tests still replace; a test makes an object of its own instead
REPLACED = 14
#: classes of transforms: only their own package may ask for them
TRANSFORMS = frozenset(
    [
        "Transform",
        "Adapter",
        "Opaque",
        "Linear",
        "Conv1d",
        "Conv2d",
        "Conv3d",
        "ConvTranspose1d",
        "ConvTranspose2d",
        "ConvTranspose3d",
        "Sparse",
        "ProceduralSynapses",
        "DelayedKernel",
        "StepBatchNorm",
        "ThresholdBatchNorm",
        "ThresholdNorm",
        "BatchNorm1d",
        "BatchNorm2d",
        "BatchNorm3d",
        "LayerNorm",
        "GroupNorm",
        "MaxPool1d",
        "MaxPool2d",
        "MaxPool3d",
        "AvgPool1d",
        "AvgPool2d",
        "AvgPool3d",
        "Flatten",
        "Unflatten",
        "Identity",
        "Dropout",
        "ReLU",
    ]
)
#: names of providers that also have other meanings: they count where something of a ``provider`` is compared or given
DEVICES = frozenset(["cpu", "cuda"])
ROOT = Path(__file__).resolve().parents[1]


@cache
def parsed(path: Path) -> ast.Module:
    """A file's tree, read once."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a file, as several rules ask for them."""
    return tuple(ast.walk(parsed(path)))


def breaches(package: Path) -> Iterator[str]:
    """Yield ``file:line: what is wrong and what to do`` for every breach below ``package``."""
    providers = {p.parent.name for p in (package / "kernels").glob("*/provider.py")}
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(package.parent)
        lines = path.read_text(encoding="utf-8").count("\n") + 1
        if lines > MAX_LINES:
            yield f"{where}:{MAX_LINES}: {lines} lines; split the file, one idea each, at most {MAX_LINES} lines"
        yield from (f"{where}:{line}: {what}" for line, what in _in_module(path))
        if "connectivity" not in where.parts:
            yield from (f"{where}:{line}: {what}" for line, what in _asked_for(path))
        room = where.parts[2] if where.parts[1] == "kernels" else ""
        if room not in (*providers, "registry.py"):
            yield from (f"{where}:{line}: {what}" for line, what in _providers_in(path, providers))


def whole_networks(package: Path) -> Iterator[str]:
    """``file:line`` of every function of ``network/`` that takes a network and is not on the page of public names."""
    public = set(ast.literal_eval(_assigned(package / "__init__.py", "__all__")))
    for path in sorted((package / "network").rglob("*.py")):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef) and node.name not in public:
                given = [a.annotation for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                if any(isinstance(a, ast.Name) and a.id == "Network" for a in given):
                    yield f"{path.relative_to(package.parent)}:{node.lineno}"


def patched(tests: Path) -> Iterator[str]:
    """``file:line`` of every test that replaces a constant, by its name in capitals."""
    for path in sorted(tests.rglob("*.py")):
        for node in nodes(path):
            match node:
                case (
                    ast.Call(func=ast.Attribute(attr="setattr"), args=[ast.Constant(value=str(name)), _])
                    | ast.Call(func=ast.Attribute(attr="setattr"), args=[_, ast.Constant(value=str(name)), _])
                ) if name.rpartition(".")[2].isupper():
                    yield f"{path.relative_to(tests.parent)}:{node.lineno}"


def replaced(tests: Path, package: Path) -> Iterator[str]:
    """``file:line`` of every test that replaces an attribute of a module or class of the package.

    A module of another library that one of the package imports, as in ``buffers.mmap``, is not the package's.
    """
    for path in sorted(tests.rglob("*.py")):
        known = _from_package(path, package)
        for node in nodes(path):
            match node:
                case ast.Call(func=ast.Attribute(attr="setattr" | "delattr"), args=[ast.Constant(value=str(text)), *_]):
                    owner = text.rpartition(".")[0]
                case ast.Call(func=ast.Attribute(attr="setattr" | "delattr"), args=[target, *_]):
                    first, _, rest = ast.unparse(target).partition(".")
                    owner = ".".join([known[first], rest] if rest else [known[first]]) if first in known else ""
                case _:
                    continue
            if owner.partition(".")[0] == package.name and not _foreign(owner, package):
                yield f"{path.relative_to(tests.parent)}:{node.lineno}"


def _from_package(path: Path, package: Path) -> dict[str, str]:
    """Names that a file imports from the package, with their dotted paths."""
    found = {}
    for node in nodes(path):
        match node:
            case ast.Import(names=names):
                pairs = [
                    (a.asname or a.name.partition(".")[0], a.name if a.asname else a.name.partition(".")[0])
                    for a in names
                ]
            case ast.ImportFrom(module=str(module), names=names):
                pairs = [(a.asname or a.name, f"{module}.{a.name}") for a in names]
            case _:
                continue
        found |= {name: full for name, full in pairs if full.partition(".")[0] == package.name}
    return found


def _foreign(owner: str, package: Path) -> bool:
    """Whether a dotted path leads from a module of the package into another library that it imports."""
    at, words = package, owner.split(".")[1:]
    for k, word in enumerate(words):
        if (at / word).is_dir():
            at = at / word
        elif (at / f"{word}.py").is_file():
            tree = parsed(at / f"{word}.py")
            names = {a.asname or a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names}
            return bool(words[k + 1 :]) and words[k + 1] in names
        else:
            return False
    return False


def _assigned(path: Path, name: str) -> ast.expr:
    """The value that a module assigns to ``name``."""
    for node in parsed(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == name for t in targets):
            return node.value  # pyright: ignore[reportAttributeAccessIssue]
    raise LookupError(f"{path} assigns nothing to {name}")


def _in_module(path: Path) -> Iterator[tuple[int, str]]:
    tree = parsed(path)
    if ast.get_docstring(tree) is None and tree.body:
        yield 1, "no docstring; say in one sentence what the file holds"
    if path.name == "__init__.py" and not _assigns_all(tree):
        yield 1, "no __all__; list the public names of the package"
    for node in nodes(path):
        yield from _in_node(node)


def _in_node(node: ast.AST) -> Iterator[tuple[int, str]]:
    match node:
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            yield node.lineno, "wildcard import; name what you use"
        case ast.Assert():
            yield node.lineno, "assert; raise an error of ranvier.errors that names the value and the remedy"
        case ast.ExceptHandler(type=None):
            yield node.lineno, "bare except; name the exceptions"
        case ast.Call(func=ast.Name(id="print")):
            yield node.lineno, "print; return the value, warn, or use the console of ranvier.cli"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="warnings"), attr="warn")):
            yield node.lineno, "warnings.warn; call warn of ranvier._warn, which points at the line of the user"
        case ast.FunctionDef() | ast.AsyncFunctionDef() if not node.name.startswith("_") and _is_empty(node):
            yield node.lineno, f"{node.name} has no body; write it or leave it out"
        case _:
            return


def _asked_for(path: Path) -> Iterator[tuple[int, str]]:
    """Questions for the class of a transform, by isinstance or type, also under a name given in the same module."""
    groups = {
        node.targets[0].id: node.value
        for node in parsed(path).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in nodes(path):
        match node:
            case (
                ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, classes])
                | ast.Compare(left=ast.Call(func=ast.Name(id="type")), comparators=[classes])
            ):
                held = groups.get(classes.id, classes) if isinstance(classes, ast.Name) else classes
                names = {n.id if isinstance(n, ast.Name) else getattr(n, "attr", "") for n in ast.walk(held)}
                for name in sorted(names & TRANSFORMS):
                    yield (
                        node.lineno,
                        f"asks for the class {name}; ask the transform: an attribute or a method of Transform",
                    )


def _providers_in(path: Path, providers: set[str]) -> Iterator[tuple[int, str]]:
    """Imports of a provider, and its name as a word."""
    named = (
        f"{{}} names a provider; ask ranvier.kernels.registry, which alone knows them ({', '.join(sorted(providers))})"
    )
    for node in nodes(path):
        modules: list[str] = []
        match node:
            case ast.Import(names=found):
                modules = [a.name for a in found]
            case ast.ImportFrom(module=str(module), names=found):
                modules = [module, *(f"{module}.{a.name}" for a in found)]
            case ast.Constant(value=str(text)):
                modules = [text]
                if text in providers - DEVICES:
                    yield node.lineno, named.format(repr(text))
            case ast.Compare(left=left, comparators=others) if any(
                "provider" in ast.unparse(e) for e in (left, *others)
            ):
                words = {c.value for e in (left, *others) for c in ast.walk(e) if isinstance(c, ast.Constant)}
                if words & providers & DEVICES:
                    yield node.lineno, named.format(ast.unparse(node))
            case ast.keyword(arg="provider", value=ast.Constant(value=str(text))) if text in providers & DEVICES:
                yield node.value.lineno, named.format(repr(text))
        if any(
            m == top or m.startswith(f"{top}.") for m in modules for p in providers for top in [f"ranvier.kernels.{p}"]
        ):
            yield node.lineno, named.format("this import")


def _is_empty(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """True for a body of ``pass`` alone, with or without a docstring; protocols write ``...`` instead."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return len(body) == 1 and isinstance(body[0], ast.Pass)


def _assigns_all(tree: ast.Module) -> bool:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return True
    return False


def main() -> int:
    """Print every breach in the package and return the exit status."""
    found = list(breaches(ROOT / "ranvier"))
    if len(whole := list(whole_networks(ROOT / "ranvier"))) > WHOLE_NETWORKS:
        found += [f"{where}: takes the whole network; take net.graph" for where in whole]
    if len(constants := list(patched(ROOT / "tests"))) > PATCHED:
        found += [f"{where}: replaces a constant; pass the value" for where in constants]
    if len(others := list(replaced(ROOT / "tests", ROOT / "ranvier"))) > REPLACED:
        found += [f"{where}: replaces an attribute of the package; make an object of your own" for where in others]
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
