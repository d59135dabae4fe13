"""Tampered checkpoints, their hashes made right again: no crash, and no other result than an error or the right one.

Only a plausible number in the state itself cannot be told: the result is then that of a user who gives this state.
"""

from __future__ import annotations

import copy
import functools
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.network.saving import Kind, read_pair, write_pair
from ranvier.network.simulation.checkpoint import RUN
from ranvier.training.checkpoint import TRAINING
from ranvier.units import Hz, ms, mV
from tests.fuzz.engine import Target, withstands

Tensors = dict[str, torch.Tensor]
_STEPS, _EVERY = 60, 20
_RECORD = {
    "cells": ["spikes", "v", rv.SpikeStatistics(window=5 * ms, cells=3, lags=3)],
    "plastic": [rv.Sample("w", every=10 * ms)],
}
_VALUES = (None, -1, 0, 1, 7, 10**9, 2**63, 1e300, -0.5, "x", "", [], {}, True)


@functools.cache
def _circuit() -> rv.Network:
    net = rv.Network(dt=0.5 * ms, seed=3)
    text = "dv/dt = (E - v + 20*mV*g)/(10*ms) : mV (unless refractory)\ndg/dt = -g/(4*ms) : 1\nE = -52*mV : mV"
    start = rv.Uniform(-60 * mV, -50 * mV)
    cell = rv.Cell(text, threshold="v > -50*mV", reset="v = -60*mV", refractory=2 * ms, v=start)
    net.population("cells", 8, cell)
    net.source("input", rv.Poisson(80 * Hz, 6))
    net.connect("input", "cells", rv.AllToAll(), to="g", weight=0.3, delay=rv.Uniform(0 * ms, 3 * ms))
    rule, some = rv.plasticity.STDP(w_max=0.2), rv.FixedProbability(0.5)
    net.connect("cells", "cells", some, to="g", weight=0.1, delay=1 * ms, name="plastic", plasticity=rule)
    return net


def _run(folder: Path, steps: int, state: rv.State | None = None) -> rv.network.Run:
    return _circuit().run(
        steps * 0.5 * ms, state, stream=0, record=_RECORD, checkpoint=folder, checkpoint_every=_EVERY * 0.5 * ms
    )


def _leaves(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(leaf for k, v in inner for leaf in _leaves(v, (*way, k)))]


def _tamper_text(description: dict[str, Any], chance: random.Random) -> None:
    way = chance.choice(_leaves(description)[1:])
    inner: Any = description
    for k in way[:-1]:
        inner = inner[k]
    if isinstance(inner, dict) and chance.random() < 0.2:
        del inner[way[-1]]
    elif isinstance(inner, dict) and chance.random() < 0.1:
        inner[f"{way[-1]}x"] = copy.deepcopy(inner[way[-1]])
    else:
        inner[way[-1]] = chance.choice(_VALUES)


def _tamper_tensors(tensors: Tensors, chance: random.Random) -> None:
    name = chance.choice(sorted(tensors))
    t = tensors[name].clone()
    kind = chance.randrange(11)
    if kind == 0:
        del tensors[name]
        return
    if kind == 1:
        name = chance.choice([f"{name}x", name.partition("/")[2], "state/variables/cells/w", "state/history/none"])
    elif kind == 2:
        t = t.to(chance.choice([torch.float64, torch.int64, torch.int8, torch.bool, torch.float16]))
    elif kind == 3:
        t = t[: len(t) // 2] if t.ndim else t.reshape(1)
    elif kind == 4:
        t = torch.cat([t, t]) if t.ndim else t.reshape(1, 1)
    elif kind == 5:
        t = t.transpose(0, -1) if t.ndim else t.expand(3)
    elif kind == 6:
        t = t[..., :1] if t.ndim else t
    elif t.numel():
        value = chance.choice([float("nan"), float("inf"), 1e9, -1e9, -1.0, 0.5, 3e38, 2.0**40])
        whole = int(chance.choice([-1, 10**9, 2**60, -(2**62)]))
        if not t.is_floating_point() and t.dtype != torch.bool:
            whole = max(min(whole, torch.iinfo(t.dtype).max), torch.iinfo(t.dtype).min)
        t.view(-1)[chance.randrange(t.numel())] = value if t.is_floating_point() else whole
    tensors[name] = t.contiguous()


def _tampered(whole: Path, kind: Kind, folder: Path, payload: bytes) -> Path:
    """A copy of a checkpoint, tampered with as ``payload`` decides; the first sample leaves it as it is."""
    made = folder / "kept"
    shutil.copytree(whole, made)
    if payload == _SAMPLE:
        return made
    chance = random.Random(payload)
    description, tensors = read_pair(made, kind)
    for _ in range(chance.choice((1, 1, 1, 2))):
        if chance.random() < 0.5:
            _tamper_text(description, chance)
        elif tensors:
            _tamper_tensors(tensors, chance)
    about = {n: v for n, v in description.items() if n not in ("tensors", "format", "version")}
    write_pair(made, kind, json.loads(json.dumps(about)), tensors)
    return made


_SAMPLE = bytes(range(64))


@pytest.fixture(scope="module")
def run_target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    folder = tmp_path_factory.mktemp("run")
    whole, half = folder / "whole", folder / "half"
    expected = _run(whole, _STEPS)

    class Killed(BaseException):
        pass

    from ranvier.network.simulation.checkpoint import RunCheckpoint

    real = RunCheckpoint.write

    def write(self: RunCheckpoint, at: Any) -> None:
        real(self, at)
        if at.done == _EVERY:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunCheckpoint, "write", write)
        with pytest.raises(Killed):
            _run(half, _STEPS)

    def read(made: Path) -> None:
        tensors = read_pair(made, RUN)[1]
        got = _run(made, _STEPS)
        given = {n.removeprefix("state/"): t for n, t in tensors.items() if n.startswith("state/")}
        before = {n.removeprefix("state/"): t for n, t in read_pair(half, RUN)[1].items() if n.startswith("state/")}
        if all(torch.equal(given[n], before[n]) for n in before):
            assert _equal(got, expected)
            np.testing.assert_array_equal(got["cells"].spikes.step, expected["cells"].spikes.step)
            np.testing.assert_array_equal(got["cells"].v, expected["cells"].v)
            np.testing.assert_array_equal(got["plastic"].w, expected["plastic"].w)
        else:
            state = rv.State.from_tensors(_EVERY, 0, given)
            assert _equal(got, _run(made.parent / "user", _STEPS - _EVERY, state))

    return Target("run checkpoint", [_SAMPLE], lambda f, p: _tampered(half, RUN, f, p), read)


def _equal(one: rv.network.Run, other: rv.network.Run) -> bool:
    ends = one.state.tensors(), other.state.tensors()
    return ends[0].keys() == ends[1].keys() and all(torch.equal(t, ends[1][n]) for n, t in ends[0].items())


def _train(folder: Path, epochs: int) -> tuple[list[torch.Tensor], list[float]]:
    torch.manual_seed(0)
    first = (rv.Linear(5, 6, delay=rv.Learn(1 * ms, max=3 * ms)), nn.BatchNorm1d(6), rv.LIF(6, tau=rv.Learn(8 * ms)))
    net = rv.Sequential(*first, rv.Linear(6, 2), rv.LeakyReadout(2), dt=1 * ms)
    generator = torch.Generator().manual_seed(1)
    x, y = torch.rand(8, 6, 5, generator=generator), torch.arange(8) % 2
    fit = rv.train(net, (x, y), (x, y), epochs=epochs, batch_size=4, checkpoint=folder, progress=False)
    return [t.clone() for t in net.state_dict().values()], [e.train.loss for e in fit.history]


@pytest.fixture(scope="module")
def training_target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    folder = tmp_path_factory.mktemp("training")
    half = folder / "half"
    _train(half, 2)
    original = read_pair(half, TRAINING)[1]
    expected = _train(shutil.copytree(half, folder / "whole"), 3)

    def read(made: Path) -> None:
        description, tensors = read_pair(made, TRAINING)
        got = _train(made, 3)
        assert all(bool(torch.isfinite(t).all()) for t in got[0])
        untouched = tensors.keys() == original.keys() and all(torch.equal(t, original[n]) for n, t in tensors.items())
        if (
            untouched
            and description["history"] == read_pair(half, TRAINING)[0]["history"]
            and not description["stopped"]
        ):
            assert got[1] == expected[1]
            assert all(torch.equal(a, b) for a, b in zip(got[0], expected[0], strict=True))

    return Target("training checkpoint", [_SAMPLE], lambda f, p: _tampered(half, TRAINING, f, p), read)


@pytest.mark.parametrize("which", ["run_target", "training_target"])
def test_tampered_checkpoints(which: str, request: pytest.FixtureRequest) -> None:
    withstands(request.getfixturevalue(which), 25)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["run_target", "training_target"])
def test_many_tampered_checkpoints(which: str, request: pytest.FixtureRequest) -> None:
    withstands(request.getfixturevalue(which), 10_000)


@pytest.mark.parametrize("what", ["halved", "doubled", "dtype", "nan", "large", "counter", "extra", "step"])
def test_a_state_that_a_user_tampered_with(what: str) -> None:
    """Checked as one that a file held."""
    net = _circuit()
    state = net.run(10 * ms).state
    tensors = {n: t.clone() for n, t in state.tensors().items()}
    history = next(n for n in tensors if n.startswith("history/cells"))
    changes: dict[str, Callable[[], object]] = {
        "halved": lambda: tensors.update({"synapses/plastic/w": tensors["synapses/plastic/w"][:, ::2]}),
        "doubled": lambda: tensors.update({history: torch.cat([tensors[history]] * 2)}),
        "dtype": lambda: tensors.update({"synapses/plastic/w": tensors["synapses/plastic/w"].half()}),
        "nan": lambda: tensors[history].view(-1).__setitem__(0, float("nan")),
        "large": lambda: tensors[history].view(-1).__setitem__(0, 1e9),
        "counter": lambda: tensors["variables/cells/refractory_left"].view(-1).__setitem__(0, -1),
        "extra": lambda: tensors.update({"variables/cells/u": tensors["variables/cells/v"]}),
        "step": lambda: None,
    }
    changes[what]()
    made = rv.State.from_tensors(-1 if what == "step" else state.step, state.stream, tensors)
    with pytest.raises(rv.errors.StateError):
        net.run(10 * ms, made)
