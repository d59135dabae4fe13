"""A port: a tutorial of another library written with Ranvier, beside the same written with that library.

``tests/peers/<peer>/<name>.py`` is ours and ``tests/peers/<peer>/theirs/<name>.py`` theirs; ``tests/peers/<peer>/ports.py`` lists
the ports of a peer as ``PORTS``. Both files have ``signals(given)``, which takes inputs and weights and returns spikes, membranes
and whatever else must be equal. Where something is learnt, both have ``score(samples, seed, epochs)``. Only the files below
``theirs`` import the library. Where a trained network of torch is converted, both start from the same one (``conventional.py``).

- ``python -m tests.peers.record snntorch`` writes what the library gives into ``tests/peers/data``: the witness of the tests.
- ``python -m tests.peers.table snntorch`` trains both and writes ``docs/peers/snntorch.json`` and the table of the page.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["PEERS", "ROOT", "Port", "Samples", "code_lines", "flat", "load", "nested", "ports", "version_of"]

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).parent / "data"
#: folders of ports, by the module that a peer installs
PEERS = tuple(sorted(p.parent.name for p in Path(__file__).parent.glob("*/ports.py")))

Given = Mapping[str, Any]


class Samples(NamedTuple):
    """What both sides learn from and are scored on: x [S, …], y [S, …]."""

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor


@dataclass(frozen=True)
class Port:
    """One tutorial.

    ``given`` makes inputs and weights, tensors by name or dicts of them, on a grid that float32 holds. ``quick`` are samples for
    the tests, ``samples`` those of the table (of a folder of data, by name), each with its number of epochs; ``data`` says what these
    samples are. ``enough`` tells what a score of ``quick`` must reach, in a ``slow`` test or a quick one. ``spikes`` says whether signals of
    whole numbers are spikes. Signals of whole numbers must be equal, and others to ``tolerance`` of their largest value.
    """

    peer: str
    name: str
    title: str
    given: Callable[[], Given]
    samples: Callable[[Callable[[str], Path]], Samples] | None = None
    quick: Callable[[], Samples] | None = None
    enough: Callable[[float], bool] | None = None
    data: str = ""
    measure: str = "accuracy"
    epochs: int = 1
    seeds: int = 3
    quick_epochs: int = 1
    slow: bool = False
    spikes: bool = True
    tolerance: float = 2e-6

    @property
    def ours(self) -> ModuleType:
        return import_module(f"tests.peers.{self.peer}.{self.name}")

    @property
    def theirs(self) -> ModuleType:
        return import_module(f"tests.peers.{self.peer}.theirs.{self.name}")

    @property
    def witness(self) -> Path:
        return DATA / f"{self.peer}_{self.name}.npz"

    def lines(self) -> tuple[int, int]:
        """Lines of code, ours and theirs."""
        folder = Path(__file__).parent / self.peer
        return code_lines(folder / f"{self.name}.py"), code_lines(folder / "theirs" / f"{self.name}.py")

    def differences(self, found: Mapping[str, Tensor], expected: Mapping[str, np.ndarray]) -> dict[str, float]:
        """The largest difference of every signal, in parts of the largest expected value."""
        if set(found) != set(expected):
            raise ValueError(f"{self.name}: signals {sorted(found)} against {sorted(expected)}")
        out = {}
        for name, value in expected.items():
            ours, theirs = found[name].detach().double().numpy(), value.astype(float)
            if ours.shape != theirs.shape:
                raise ValueError(f"{self.name}: {name} has shape {ours.shape}, theirs {theirs.shape}")
            out[name] = float(np.abs(ours - theirs).max() / (np.abs(theirs).max() or 1.0))
        return out


def ports(peer: str) -> tuple[Port, ...]:
    """The ports of a peer, in the order of its page."""
    return import_module(f"tests.peers.{peer}.ports").PORTS


def load(port: Port) -> tuple[Given, dict[str, np.ndarray]]:
    """The inputs and weights of a witness, and the signals that the peer gave for them."""
    with np.load(port.witness) as file:
        arrays = {name: file[name] for name in file.files}
    given = {n.removeprefix("given/"): torch.from_numpy(a).float() for n, a in arrays.items() if n.startswith("given/")}
    return nested(given), {n.removeprefix("signals/"): a for n, a in arrays.items() if n.startswith("signals/")}


def flat(given: Given) -> dict[str, Any]:
    """A dict of dicts as one, by ``outer/inner``."""
    out: dict[str, Any] = {}
    for name, value in given.items():
        out |= {f"{name}/{n}": v for n, v in value.items()} if isinstance(value, Mapping) else {name: value}
    return out


def nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`flat`."""
    out: dict[str, Any] = {}
    for name, value in arrays.items():
        outer, _, inner = name.partition("/")
        if inner:
            out.setdefault(outer, {})[inner] = value
        else:
            out[outer] = value
    return out


def code_lines(path: Path) -> int:
    """Lines that hold code: neither blank nor comment nor docstring."""
    text = path.read_text("utf-8")
    docs: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docs |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    layout = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    held: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in layout:
            held |= set(range(token.start[0], token.end[0] + 1))
    return len(held - docs)


def version_of(module: str) -> str:
    """The version of an installed package; Lava-DL may be run from its source."""
    try:
        return version({"lava": "lava-dl"}.get(module, module))
    except PackageNotFoundError:
        return "from source"
