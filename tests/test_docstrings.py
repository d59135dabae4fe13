"""Every example of a docstring runs and prints what it shows."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ranvier as rv
from ranvier.units import ms
from tests.examples import NAMES, circuit, classifier, write_files

ROOT = Path(__file__).resolve().parents[1]
#: Modules whose examples take ``classifier`` as given; all others take ``circuit``.
CLASSIFY = (
    "ranvier.attacks.",
    "ranvier.measure._robustness",
    "ranvier.training",
    "ranvier.network.fold",
    "ranvier.network.lowering",
)
#: The same, with delays that learn.
DELAYED = ("ranvier.connectivity._delay", "ranvier.network.rounding")
#: Examples that simulate or train for minutes.
SLOW = ("ranvier.recipes.",)
#: Examples that need a package of an extra, or a real data set.
PACKAGES = {"from_neo": "neo", "from_nwb": "h5py", "TensorBoard": "tensorboard"}
DATA = {
    "ranvier.data._load.load": "braille_touch",
}


def _examples(node: Any, name: str) -> Iterator[tuple[str, str]]:
    """Name and text of each docstring below ``node`` that holds an example."""
    held = ast.get_docstring(node)
    if held and ">>> " in held:
        yield name, held
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            yield from _examples(child, f"{name}.{child.name}")


def _collect() -> Iterator[Any]:
    """One test for each docstring with an example; modules are read here and imported by their tests."""
    for path in sorted((ROOT / "ranvier").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for name, text in _examples(ast.parse(path.read_text(encoding="utf-8")), module):
            yield pytest.param(module, name, text, id=name, marks=pytest.mark.slow if name.startswith(SLOW) else ())


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a folder with the files that examples read."""
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)


@pytest.mark.filterwarnings("error::ranvier.errors.RanvierWarning")
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("module", "name", "text"), list(_collect()))
def test_an_example_prints_what_it_shows(
    module: str, name: str, text: str, monkeypatch: pytest.MonkeyPatch, data_folder: Callable[[str], Path]
) -> None:
    if name in DATA:
        monkeypatch.setenv("RANVIER_DATA", str(data_folder(DATA[name]).parent))
    if (short := name.rpartition(".")[2]) in PACKAGES:
        pytest.importorskip(PACKAGES[short])
    if module.startswith(DELAYED):
        given = classifier(delay=rv.Learn(rv.Uniform(0 * ms, 3 * ms), max=3 * ms))
    else:
        given = classifier() if module.startswith(CLASSIFY) else circuit()
    names = {**vars(importlib.import_module(module)), **NAMES, **given}
    test = doctest.DocTestParser().get_doctest(text, names, name, module, 0)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert not said, "".join(said)


def _public() -> Iterator[tuple[str, Any]]:
    for page in (
        rv,
        rv.blocks,
        rv.data,
        rv.encoding,
        rv.losses,
        rv.plasticity,
        rv.plot,
        rv.profiles,
        rv.regularizers,
        rv.rules,
        rv.surrogates,
    ):
        for name in page.__all__:
            if inspect.isclass(held := getattr(page, name)) or inspect.isfunction(held):
                yield f"{page.__name__}.{name}", held


#: Bases, which docs/extending.md shows at work, and records that other examples return.
WITHOUT = {"Card", "DataError", "Loss", "Outcome", "Regularizer", "Rule", "Splits", "signals_of"}


def test_every_public_name_has_an_example() -> None:
    bare = {name for name, held in _public() if ">>> " not in (held.__doc__ or "")}
    assert {name.rpartition(".")[2] for name in bare} <= WITHOUT
