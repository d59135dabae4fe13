"""Every rule, those of a user's domain too: provider, precision, cut, saved, folded; and the plan names how it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.network import State
from ranvier.units import ms
from tests.plasticity.rules import ALL, LAZY
from tests.plasticity.test_providers import build

STEPS = 60
QUICK = ["branches", "budget"]
#: float32 rounds weights, so a spike may move; its first steps agree
NARROW = {"rtol": 2e-3, "atol": 2e-3}
EVERY = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in ALL]
)  # fmt: skip
PROVIDERS = pytest.mark.parametrize("provider", [None, pytest.param("reference", marks=pytest.mark.slow)])
DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])


def ran(net: rv.Network, state: State | None = None, steps: int = STEPS) -> dict[str, torch.Tensor]:
    return net.run(steps * 0.5 * ms, state, stream=None if state else 0).state.tensors()


@EVERY
@PROVIDERS
@DTYPES
def test_a_cut_run_is_the_whole_one(circuit: Callable, name: str, provider: str | None, dtype: torch.dtype) -> None:
    net = build(circuit, name, provider, dtype=dtype)
    whole, state = ran(net), None
    for part in (1, 24, STEPS - 25):
        state = net.run(part * 0.5 * ms, state, stream=None if state else 0).state
    close = {"rtol": 1e-9, "atol": 1e-12} if dtype == torch.float64 else NARROW
    for key, value in state.tensors().items():
        torch.testing.assert_close(value, whole[key], **close)


@EVERY
@PROVIDERS
@DTYPES
def test_saved_and_loaded(
    circuit: Callable, name: str, provider: str | None, dtype: torch.dtype, tmp_path: Path
) -> None:
    net = build(circuit, name, provider, dtype=dtype)
    rv.save(net, tmp_path / "net")
    ours, theirs = ran(net), ran(rv.load(tmp_path / "net"))
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key


@EVERY
@PROVIDERS
def test_folded(circuit: Callable, name: str, provider: str | None) -> None:
    """A network without norms and learnable delays is the same after folding."""
    net = build(circuit, name, provider)
    ours = ran(net)
    for same in (rv.fold_norms(net), rv.network.rounded_delays(net)):
        for key, value in ran(same).items():
            assert torch.equal(value, ours[key]), key


@EVERY
@DTYPES
def test_the_provider_equals_the_reference(circuit: Callable, name: str, dtype: torch.dtype) -> None:
    steps = STEPS if dtype == torch.float64 else 12
    nets = [build(circuit, name, p, dtype=dtype) for p in (None, "reference")]
    fast, slow = (ran(net, steps=steps) for net in nets)
    close = {"rtol": 1e-9, "atol": 1e-12} if dtype == torch.float64 else NARROW
    for key, value in fast.items():
        torch.testing.assert_close(value, slow[key], **close)
    assert ("lazily and exactly" if name in LAZY else "eagerly, every synapse") in str(nets[0].plan())
