"""Poisson sources whose rate varies in time, in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import Hz, ms

SIZE = 9
RATES: dict[str, Callable[[], object]] = {
    "text": lambda: "400*Hz*(1 + sin(2*pi*9*Hz*t))",
    "stimulus": lambda: rv.Stimulus("r = w*int(t > 2*ms)", SIZE, w=rv.Uniform(100 * Hz, 900 * Hz)),
    "array": lambda: rv.TimedArray(np.linspace(100, 900, 4 * SIZE).reshape(4, SIZE) * Hz, dt=2 * ms),
    "sum": lambda: rv.Stimulus("r = 300*Hz", SIZE) + rv.Stimulus("r = w*int(t > 2*ms)", SIZE, w=rv.Uniform(0 * Hz, 500 * Hz)),
}  # fmt: skip


@pytest.mark.parametrize("trains", [1, 7])
@pytest.mark.parametrize("kind", RATES)
def test_a_rate_in_time_comes_back(kind: str, trains: int, tmp_path: Path) -> None:
    net = rv.Network(dt=0.1 * ms, seed=5)
    net.source("input", rv.Poisson(RATES[kind](), SIZE, trains=trains, frozen=True))
    net.population("cells", SIZE, rv.LIF())
    net.connect("input", "cells", rv.OneToOne(), weight=0.1)
    rv.save(net, tmp_path / "net")
    again = rv.load(tmp_path / "net")
    before, after = (n.sources["input"].emissions(0, 90, n.graph) for n in (net, again))
    assert before.sum() > 5
    assert torch.equal(before, after)
    assert again.sources["input"].frozen
