"""Files that are damaged, swapped or hostile: each is refused with a sentence, and nothing is touched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save

import ranvier as rv
from ranvier.errors import FileFormatError
from ranvier.network.saving import NETWORK, write_pair
from ranvier.units import ms, nA

Description = dict[str, Any]
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = rv.Network(dt=1 * ms, seed=1)
    net.input("input", 4)
    net.population("hidden", 6, rv.LIF(tau=rv.Uniform(5 * ms, 9 * ms)))
    net.population("cells", 5, rv.CurrentLIF(), output=True)
    net.connect("input", "hidden", rv.Linear(4, 6, delay=rv.Uniform(0 * ms, 3 * ms)))
    net.connect("hidden", "cells", rv.AllToAll(), to="I", weight=1 * nA, delay=rv.Uniform(0 * ms, 3 * ms))
    folder = tmp_path_factory.mktemp("saved") / "model"
    rv.save(net, folder)
    return folder


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def _weights(model: Path) -> Path:
    return next(model.glob("*.safetensors"))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _replace(old: str, new: str) -> Callable[[Path], None]:
    def spoil(model: Path) -> None:
        path = model / "network.json"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return spoil


def _fifo(model: Path) -> None:
    (model / "network.json").unlink()
    os.mkfifo(model / "network.json")


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "json cut": (lambda m: _truncate(m / "network.json"), "cannot be read as JSON"),
    "json empty": (lambda m: (m / "network.json").write_bytes(b""), "cannot be read as JSON"),
    "json missing": (lambda m: (m / "network.json").unlink(), "network.json is missing"),
    "json not text": (lambda m: (m / "network.json").write_bytes(b"\xff\xfe{}"), "not UTF-8"),
    "json a list": (lambda m: (m / "network.json").write_text("[1]"), "holds a list"),
    "json deep": (lambda m: (m / "network.json").write_text("[" * 100_000), "cannot be read as JSON"),
    "json huge number": (lambda m: (m / "network.json").write_text("1" * 10_000), "cannot be read as JSON"),
    "json repeated name": (_replace('"seed": 1', '"seed": 1, "seed": 2'), "occurs twice"),
    "json of another program": (_replace("ranvier network", "other network"), "is not a saved network"),
    "json is a pipe": (_fifo, "not a regular file"),
    "dt NaN": (_replace('"dt": 1.0', '"dt": NaN'), "NaN is not a finite number"),
    "dt infinite": (_replace('"dt": 1.0', '"dt": 1e999'), r"dt: is inf, expected a finite number"),
    "version unknown": (_replace('"version": 1', '"version": 7'), "install the release"),
    "hash not a hash": (_replace('"sha256": "', '"sha256": "../../'), "which tensors belong"),
    "weights cut": (lambda m: _truncate(_weights(m)), r"bytes instead of"),
    "weights missing": (lambda m: _weights(m).unlink(), "is missing"),
    "weights swapped": (lambda m: _weights(m).write_bytes(bytes(_weights(m).stat().st_size)), "has the hash"),
    "weights longer": (lambda m: _weights(m).write_bytes(_weights(m).read_bytes() + b"x"), "instead of at most"),
    "not a folder": (lambda m: (shutil.rmtree(m), m.write_text("x")), "is a file"),
    "no folder": (shutil.rmtree, "does not exist"),
}


@pytest.mark.parametrize("case", FILES)
def test_damaged_files_are_refused(model: Path, case: str) -> None:
    spoil, message = FILES[case]
    spoil(model)
    with pytest.raises(FileFormatError, match=message):
        rv.load(model)


def _at(path: str, value: object) -> Callable[[Description, Tensors], None]:
    """Put ``value`` at a dotted path of the description."""

    def spoil(description: Description, _: Tensors) -> None:
        *way, last = path.split("/")
        inner: Any = description
        for name in way:
            inner = inner[int(name)] if isinstance(inner, list) else inner[name]
        inner[last] = value

    return spoil


def _tensor(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Description, Tensors], None]:
    def spoil(_: Description, tensors: Tensors) -> None:
        tensors[name] = change(tensors[name])

    return spoil


LINEAR = "projections/input_to_hidden_x"
SPARSE = "projections/hidden_to_cells_I"
CELL = "populations/hidden/cell"
W = "projections.input_to_hidden_x.chain.0"
S = "projections.hidden_to_cells_I.chain.0"


def _with_path_in_name(description: Description, tensors: Tensors) -> None:
    description["populations"]["../../evil"] = description["populations"].pop("hidden")


HOSTILE: dict[str, tuple[Callable[[Description, Tensors], object], str]] = {
    "path in a name": (_with_path_in_name, "expected one value per cell|cannot name"),
    "python in equations": (_at(f"{CELL}/equations", ["v' = __import__('os').getpid() : 1"]), "unsupported function"),
    "python in a threshold": (_at(f"{CELL}/threshold", "v > (lambda: 1)()"), "unsupported function"),
    "python in a surrogate": (
        _at("surrogate", {"expression": "__import__('os')", "width": 1.0, "shape": {}}),
        "describes no network|built",
    ),
    "equations no text": (_at(f"{CELL}/equations", [1]), "list of texts"),
    "equations endless": (_at(f"{CELL}/equations", ["v" * 200_000]), "list of texts"),
    "wrong shape": (_tensor(f"{W}.weight", lambda t: t[:, :3]), r"expected torch.float32 \[6, 4\]"),
    "wrong kind": (_tensor(f"{W}.weight", lambda t: t.long()), r"is torch.int64"),
    "wrong parameter": (_tensor("populations.hidden.tau", lambda t: t[:2]), "one value per cell"),
    "missing tensor": (lambda d, t: t.pop(f"{W}.bias"), "tensor 'bias' is missing"),
    "extra tensor": (lambda d, t: t.update(more=torch.zeros(1)), "'more' belongs to no part"),
    "unknown module": (_at(f"{LINEAR}/chain/0/type", "os.system"), "expected one of .*Linear"),
    "unknown kind": (_at("kind", "Popen"), "expected one of"),
    "unknown dtype": (_at("dtype", "int8"), "expected one of"),
    "unknown provider": (_at("provider", "cloud"), "provider='cloud' is unknown"),
    "unknown port": (_at(f"{LINEAR}/port", "y"), "no port 'y'"),
    "unknown pre": (_at(f"{LINEAR}/pre", "nobody"), "no part called"),
    "unknown post": (_at(f"{LINEAR}/post", "input"), "expected the name of a population"),
    "unknown output": (_at("outputs", ["nobody"]), "no part called"),
    "unknown unit": (_at("populations/cells/cell/values/V_th/unit", "parsec"), "unknown unit"),
    "another unit": (_at("populations/cells/cell/values/V_th/unit", "volt"), "base unit mV"),
    "unknown distribution": (_at(f"{CELL}/values/tau/distribution", "Cauchy"), "expected one of"),
    "word of Cell as a value": (_at(f"{CELL}/values/threshold", {"value": 1.0, "unit": "1"}), "no word of rv.Cell"),
    "huge population": (_at("populations/hidden/shape", [10**12]), "expected one value per cell"),
    "huge layer": (_at(f"{LINEAR}/chain/0/in_features", 10**12), r"expected torch.float32"),
    "huge shape": (_at("populations/cells/shape", [10**9] * 15), "positive whole numbers"),
    "negative size": (_at("populations/hidden/shape", [-6]), "positive whole numbers"),
    "size no number": (_at(f"{LINEAR}/chain/0/in_features", "4"), "whole number"),
    "negative latency": (_at(f"{LINEAR}/latency", -1), "whole number of at least 0"),
    "negative delays": (_tensor(f"{W}.latency_table", lambda t: t - 100), "from 0 to"),
    "endless delays": (_tensor(f"{W}.latency_table", lambda t: t + 2**30), "from 0 to"),
    "delays lost": (lambda d, t: t.pop(f"{W}.latency_table"), "latency: is None"),
    "synapse out of range": (_tensor(f"{S}.target", lambda t: t + 5), "names a cell outside 0 to 4"),
    "synapse before the start": (_tensor(f"{S}.row_pointer", lambda t: t - 1), "does not rise from 0"),
    "synapses not sorted": (_tensor(f"{S}.target", lambda t: t.flip(0)), "not sorted"),
    "synapses of two lengths": (_tensor(f"{S}.target", lambda t: t[1:]), "row_pointer"),
    "synapses of other sizes": (_at(f"{SPARSE}/chain/0/sizes", [6, 99]), "sizes of the populations"),
    "a number for an object": (_at("populations", 3), "stands where an object should"),
    "a number for a list": (_at(f"{LINEAR}/chain", 3), "a list of objects"),
    "a hidden reference": (_at(f"{LINEAR}/chain", [{"same_as": "elsewhere"}]), "expected one of"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_descriptions_are_refused(model: Path, tmp_path: Path, case: str) -> None:
    """With a hash that fits: made by someone who knows the format."""
    spoil, message = HOSTILE[case]
    description = json.loads((model / "network.json").read_text())
    tensors = load_file(_weights(model))
    spoil(description, tensors)
    for name in ("format", "version", "tensors"):
        description.pop(name)
    write_pair(tmp_path / "hostile", NETWORK, description, tensors)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    with pytest.raises(FileFormatError, match=message):
        rv.load(tmp_path / "hostile")
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    "payload", [b"", b"\x00" * 8, b"\xff" * 16, b'\x10\x00\x00\x00\x00\x00\x00\x00{"a": ', b"PK\x03\x04"]
)
def test_tensor_files_that_are_none_are_refused(model: Path, payload: bytes) -> None:
    import hashlib

    sha256 = hashlib.sha256(payload).hexdigest()
    description = json.loads((model / "network.json").read_text())
    description["tensors"] = {"bytes": len(payload), "sha256": sha256}
    (model / "network.json").write_text(json.dumps(description))
    (model / f"weights-{sha256[:16]}.safetensors").write_bytes(payload)
    with pytest.raises(FileFormatError, match="not a safetensors file"):
        rv.load(model)


def test_a_link_to_a_model_loads(model: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(model)
    assert rv.load(tmp_path / "link").dt == 1.0


def test_a_pickle_is_never_opened(model: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(model / "opened"),)

    torch.save({"x": Evil()}, _weights(model))
    with pytest.raises(FileFormatError):
        rv.load(model)
    assert not (model / "opened").exists()
    assert save({}) is not None
