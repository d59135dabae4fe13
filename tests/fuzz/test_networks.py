"""Saved networks, states and recordings, damaged: by accident, and by someone who makes the hashes fit."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.units import Hz, ms, mV, nA
from tests.fuzz.engine import LONG, QUICK, Target, file_in, withstands


def _network() -> rv.Network:
    """Something of most kinds of parts."""
    net = rv.Network(dt=1 * ms, seed=1)
    net.input("input", 4)
    net.source("noise", rv.Poisson(20 * Hz, 3))
    net.source("drive", rv.Stimulus("x = 0.1*nA*sin(2*pi*f*t)", size=5, f=10 * Hz))
    net.population("hidden", 6, rv.LIF(tau=rv.Uniform(5 * ms, 9 * ms)))
    net.population("cells", 5, rv.CurrentLIF(), output=True, v=rv.Uniform(-70 * mV, -60 * mV))
    net.connect("input", "hidden", rv.Linear(4, 6, delay=rv.Uniform(0 * ms, 3 * ms)))
    net.connect("hidden", "cells", rv.AllToAll(), to="I", weight=1 * nA, delay=rv.Uniform(0 * ms, 3 * ms))
    net.connect("noise", "hidden", rv.AllToAll(), to="x", weight=0.5, plasticity=rv.plasticity.STDP())
    net.connect("cells", "cells", rv.Procedural(rv.FixedOutDegree(2)), to="I", weight=0.1 * nA)
    net.connect("drive", "cells", rv.OneToOne(), to="I")
    return net


def _circuit() -> rv.Network:
    net = rv.Network(dt=1 * ms, seed=1)
    net.source("noise", rv.Poisson(100 * Hz, 5))
    net.population("cells", 5, rv.LIF(tau=9 * ms))
    net.connect("noise", "cells", rv.AllToAll(), to="x", weight=0.9, delay=2 * ms)
    return net


def _folder_of(make: Callable[[Path], object]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder) / "x"
        make(inside)
        return {str(p.relative_to(inside)): p.read_bytes() for p in sorted(inside.rglob("*")) if p.is_file()}


def _placed(files: dict[str, bytes], chosen: str, finish: Callable[[Path], object] = lambda folder: None):
    """A ``place`` that writes all ``files`` with the payload as the file ``chosen``."""

    def place(folder: Path, payload: bytes) -> Path:
        for name, old in files.items():
            path = folder / "x" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(payload if name == chosen else old)
        finish(folder / "x")
        return folder / "x"

    return place


def _signed(folder: Path) -> None:
    """Name the tensor file after its hash, and say so in the description."""
    (weights,) = folder.glob("weights-*.safetensors")
    payload = weights.read_bytes()
    sha256 = hashlib.sha256(payload).hexdigest()
    weights.rename(folder / f"weights-{sha256[:16]}.safetensors")
    description = json.loads((folder / "network.json").read_bytes())
    description["tensors"] = {"bytes": len(payload), "sha256": sha256}
    (folder / "network.json").write_text(json.dumps(description))


def _state() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        rv.save_state(_circuit().run(5 * ms).state, Path(folder) / "x")
        return (Path(folder) / "x").read_bytes()


def _read_records(folder: Path) -> None:
    for record in rv.load_records(folder).values():
        for name in record:
            if name == "spikes":
                record.spikes.rate() if record.spikes.size < 10_000 else record.spikes.step
            else:
                record.times_of(name), getattr(record, name)


def _targets() -> dict[str, Target]:
    saved = _folder_of(lambda folder: rv.save(_network(), folder))
    weights = next(name for name in saved if name.startswith("weights"))
    run = _folder_of(lambda folder: _circuit().run(40 * ms, record={"cells": ["spikes", "v"]}, to=folder))
    return {
        "description": Target("description", [saved["network.json"]], _placed(saved, "network.json"), rv.load, "json"),
        "weights": Target("weights", [saved[weights]], _placed(saved, weights, _signed), rv.load),
        "state": Target("state", [_state()], file_in("x"), rv.load_state),
        "records": Target("records", [run[".zattrs"]], _placed(run, ".zattrs"), _read_records, "json"),
        "column": Target("column", [run["cells/v/.zarray"]], _placed(run, "cells/v/.zarray"), _read_records, "json"),
        "spikes": Target(
            "spikes",
            [run["cells/spikes/cell/.zarray"]],
            _placed(run, "cells/spikes/cell/.zarray"),
            _read_records,
            "json",
        ),
        "chunk": Target("chunk", [run["cells/spikes/cell/0"]], _placed(run, "cells/spikes/cell/0"), _read_records),
    }


NAMES = ("description", "weights", "state", "records", "column", "spikes", "chunk")


@pytest.fixture(scope="module")
def targets() -> dict[str, Target]:
    torch.manual_seed(0)
    return _targets()


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_of_networks(targets: dict[str, Target], name: str) -> None:
    withstands(targets[name], QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_of_networks_at_length(targets: dict[str, Target], name: str) -> None:
    withstands(targets[name], LONG)
