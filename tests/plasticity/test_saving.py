"""Networks with rules are saved as text and numbers, and go on alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

import ranvier as rv
from ranvier.units import ms, mV, uS
from tests.plasticity.rules import ALL


def test_a_network_with_rules_is_the_same_after_loading(circuit: Callable, tmp_path: Path) -> None:
    net = circuit(ALL["short and long"])
    release = rv.StochasticRelease(rv.Uniform(0, 1))
    net.connect("cells", "cells", rv.FixedProbability(0.1), to="c", weight=1e-4 * uS, plasticity=rv.GapJunction())
    net.connect("cells", "cells", rv.FixedProbability(0.1), to="g", weight=1 * mV, plasticity=release, name="failing")
    state = net.run(20 * ms, stream=0).state
    state = rv.plasticity.Rewiring(below=0.7 * mV, weight=1 * mV)(net, state, "recurrent")
    rv.save(net, tmp_path / "net")
    rv.save_state(state, tmp_path / "state")
    ours = net.run(20 * ms, stream=0, state=state).state.tensors()
    loaded = rv.load(tmp_path / "net")
    theirs = loaded.run(20 * ms, stream=0, state=rv.load_state(tmp_path / "state")).state.tensors()
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name
