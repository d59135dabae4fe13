"""Names that no file system takes: whatever reads or writes there says so with an error of the family."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier import data
from ranvier.cli import main
from ranvier.errors import RanvierError
from ranvier.units import Hz, ms

NAMES = {"long": "x" * 5000, "deep": "x/" * 3000 + "y", "zero byte": "a\0b", "below a device": "/dev/null/x"}


def _circuit() -> rv.Network:
    net = rv.Network(dt=1 * ms, seed=0)
    net.source("noise", rv.Poisson(10 * Hz, 2))
    net.population("cells", 2, rv.LIF())
    net.connect("noise", "cells", rv.AllToAll(), to="x", weight=1.0)
    return net


def _train(name: str) -> None:
    net = rv.Sequential(rv.Linear(5, 2), rv.LeakyReadout(2), dt=1 * ms)
    x, y = torch.zeros(4, 3, 5), torch.arange(4) % 2
    rv.train(net, (x, y), epochs=1, checkpoint=name, progress=False)


WRITERS: dict[str, Callable[[str], object]] = {
    "save": lambda name: rv.save(rv.Sequential(rv.Linear(5, 6), rv.LIF(6), dt=1 * ms), name),
    "save_state": lambda name: rv.save_state(_circuit().run(1 * ms).state, name),
    "to": lambda name: _circuit().run(2 * ms, record={"cells": ["spikes"]}, to=name),
    "checkpoint": lambda name: _circuit().run(2 * ms, checkpoint=name),
    "train": _train,
}


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("writer", WRITERS)
def test_nothing_can_be_written_there(writer: str, kind: str) -> None:
    with pytest.raises(RanvierError):
        WRITERS[writer](NAMES[kind])


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("name", sorted(set(data.names()) - {"digits", "fashion_mnist"}))
def test_no_set_is_there(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANVIER_OFFLINE", "1")
    with pytest.raises(RanvierError):
        data.load(name, folder=NAMES[kind])


@pytest.mark.parametrize("option", ["--data", "--out"])
@pytest.mark.parametrize("kind", NAMES)
def test_the_command_line_says_so(
    kind: str, option: str, monkeypatch: pytest.MonkeyPatch, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "celegans", option, NAMES[kind]]) == 1
    assert "Traceback" not in capsys.readouterr().err
