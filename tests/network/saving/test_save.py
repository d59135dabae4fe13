"""Networks and states come back from files to the last bit; files that are damaged or hostile are refused."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import ranvier as rv
from ranvier.errors import FileFormatError
from ranvier.network import Poisson, SpikeTrains, TimedArray
from ranvier.synapses import Plasticity
from ranvier.units import Hz, ms, mV, nA


def _recurrent() -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        rv.Linear(12, 16, delay=rv.Uniform(0 * ms, 5 * ms)),
        rv.LIF(16, tau=rv.Learn(rv.Uniform(5 * ms, 10 * ms), min=1 * ms), V_th=np.linspace(0.5, 1.5, 16)),
        rv.Linear(16, 16, delay=2 * ms),
        rv.Recurrent(rv.ALIF(16, surrogate=rv.surrogates.Gaussian(sigma=0.3)), rv.Linear(16, 16, bias=False)),
        rv.Linear(16, 5),
        rv.LeakyReadout(5, tau=rv.Learn(20 * ms, each=True)),
        dt=1 * ms,
        seed=3,
    )


def _convolutional() -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        rv.LIF(tau=10 * ms),
        nn.MaxPool2d(2),
        nn.ConvTranspose2d(4, 2, 2, stride=2),
        rv.LIF(tau=5 * ms),
        nn.AvgPool2d(2),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(32, 7),
        rv.LeakyReadout(7),
        dt=1 * ms,
        dtype=torch.float64,
    )


def _branched() -> rv.Network:
    """Two inputs, a relay, single synapses with a delay and a weight each, one of them learnable, noise."""
    net = rv.Network(dt=0.5 * ms, seed=5, provider="reference")
    net.input("a", 6)
    net.input("b", 6)
    net.population("join", 6, rv.Relay())
    cell = rv.Cell(
        "dv/dt = (E_L - v + R*I)/tau + sigma*xi/tau**0.5 : mV (unless refractory)\nI : nA (input)",
        threshold="v > V_th", reset="v = E_L", refractory=2 * ms,
        E_L=-65 * mV, R=1 * mV / nA, tau=10 * ms, V_th=-50 * mV, sigma=1 * mV, v=rv.Normal(-60 * mV, 2 * mV, low=-70 * mV),
    )  # fmt: skip
    net.population("cells", 20, cell, output=True)
    net.connect("a", "join", rv.OneToOne())
    net.connect("b", "join", nn.Identity())
    rule = rv.FixedProbability(0.5)
    net.connect("join", "cells", rule, weight=rv.Learn(rv.Uniform(20 * nA, 60 * nA)), delay=rv.Uniform(0 * ms, 3 * ms))
    net.connect("cells", "cells", rv.FixedInDegree(3), weight=2 * nA, delay=1 * ms)
    return net


def _input(net: rv.Network) -> Any:
    torch.manual_seed(1)
    if isinstance(net, rv.Sequential):
        shape = (1, 8, 8) if net.dtype == torch.float64 else (12,)
        return (torch.rand(30, 3, *shape) < 0.3).to(net.dtype)
    return {name: (torch.rand(30, 2, 6) < 0.3).float() for name in net.inputs}


def _delayed() -> rv.Sequential:
    torch.manual_seed(0)
    learnt = rv.Learn(rv.Uniform(0 * ms, 6 * ms), max=6 * ms)
    bell = {"interpolation": "gaussian", "width": rv.Learn(1 * ms)}
    return rv.Sequential(
        rv.Linear(12, 10, delay=learnt),
        rv.LIF(10),
        rv.Linear(10, 8, delay=learnt, per="pre", **bell),
        rv.Recurrent(rv.LIF(8), rv.Linear(8, 8, delay=rv.Uniform(0 * ms, 3 * ms))),
        rv.Linear(8, 5, delay=learnt, per="post", interpolation="gaussian"),
        rv.LeakyReadout(5),
        dt=1 * ms,
    )


def _delayed_convolutions() -> rv.Sequential:
    """Every kind of delay on convolutions, groups, signs, and both norms."""
    torch.manual_seed(0)
    learnt = rv.Learn(rv.Uniform(0 * ms, 4 * ms), max=4 * ms)
    return rv.Sequential(
        rv.Conv2d(1, 4, 3, padding=1, delay=learnt, bias=False), rv.ThresholdBatchNorm(4, V_th=0.5), rv.LIF(V_th=0.5),
        rv.Conv2d(4, 6, 3, groups=2, delay=rv.Uniform(0 * ms, 3 * ms)), rv.StepBatchNorm(6), rv.LIF(tau=5 * ms),
        rv.Conv2d(6, 2, 3, stride=2, delay=2 * ms, sign=np.array([1, 1, -1, 0, 1, -1])), rv.LIF(V_th=0.1), nn.Flatten(),
        rv.Linear(8, 3, sign=-1), rv.LeakyReadout(3), dt=1 * ms, dtype=torch.float64,
    )  # fmt: skip


NETWORKS: list[Callable[[], rv.Network]] = [_recurrent, _convolutional, _branched, _delayed, _delayed_convolutions]


@pytest.mark.parametrize("make", NETWORKS)
class TestRoundTrip:
    def test_outputs_and_state_dict_are_equal_to_the_bit(self, make: Callable[[], rv.Network], tmp_path: Path) -> None:
        net = make()
        x = _input(net)
        net(x)  # moves the running means of norms
        net.eval()
        rv.save(net, tmp_path / "model")
        back = rv.load(tmp_path / "model")
        assert type(back) is type(net)
        assert not back.training
        before, after = net.state_dict(), back.state_dict()
        assert list(before) == list(after)
        assert all(torch.equal(before[n], after[n]) and before[n].dtype == after[n].dtype for n in before)
        outputs = []
        for each in (net, back):
            torch.manual_seed(2)
            outputs.append(each(x)[0])
        assert torch.equal(*outputs)
        assert outputs[0].abs().sum() > 0

    def test_gradients_are_equal(self, make: Callable[[], rv.Network], tmp_path: Path) -> None:
        net = make().eval()
        next(net.parameters()).requires_grad_(make is _branched)
        rv.save(net, tmp_path / "model")
        gradients = []
        for each in (net, rv.load(tmp_path / "model")):
            torch.manual_seed(2)
            each(_input(net))[0].square().sum().backward()
            gradients.append([p.grad for p in each.parameters()])
        assert all((a is None and b is None) or torch.equal(a, b) for a, b in zip(*gradients, strict=True))
        assert (gradients[0][0] is None) == (make is not _branched)

    def test_saving_again_gives_the_same_files(self, make: Callable[[], rv.Network], tmp_path: Path) -> None:
        rv.save(make(), tmp_path / "one")
        rv.save(rv.load(tmp_path / "one"), tmp_path / "two")
        for path in (tmp_path / "one").iterdir():
            assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


class TestParts:
    def test_sources_and_plasticity(self, tmp_path: Path) -> None:
        net = rv.Network(dt=1 * ms, seed=2)
        net.source("noise", Poisson(np.linspace(50, 300, 10) * Hz, 10))
        net.source("given", SpikeTrains([3.0, 5.0, 9.0] * ms, [0, 1, 0], 10))
        net.source("current", TimedArray(np.ones((20, 10)) * 0.3 * nA, dt=2 * ms))
        net.population("cells", 10, rv.CurrentLIF())
        rule = Plasticity("dx/dt = -x/tau : 1", on_pre="x += 1", on_post="w += A*x", tau=20 * ms, A=0.01 * nA)
        net.connect("noise", "cells", rv.AllToAll(), to="I", weight=1 * nA, plasticity=rule)
        net.connect("given", "cells", rv.OneToOne(), to="I", weight=5 * nA, delay=1 * ms)
        net.connect("current", "cells", rv.OneToOne(), to="I")
        rv.save(net, tmp_path / "model")
        back = rv.load(tmp_path / "model")
        runs = [each.run(100 * ms, stream=0, record={"cells": ["spikes", "v"]}) for each in (net, back)]
        assert len(runs[0]["cells"].spikes.step) > 10
        assert np.array_equal(runs[0]["cells"].spikes.step, runs[1]["cells"].spikes.step)
        assert np.array_equal(runs[0]["cells"].v, runs[1]["cells"].v)
        first, second = (run.state.tensors() for run in runs)
        assert all(torch.equal(first[n], second[n]) for n in first)

    def test_a_module_used_twice_stays_one(self, tmp_path: Path) -> None:
        shared = rv.Linear(4, 4)
        net = rv.Sequential(shared, rv.LIF(4), shared, rv.LIF(4), dt=1 * ms)
        rv.save(net, tmp_path / "model")
        back = rv.load(tmp_path / "model")
        assert len(list(back.parameters())) == len(list(net.parameters())) == 2
        x = torch.rand(5, 2, 4) * 3
        assert torch.equal(net(x)[0], back(x)[0])

    def test_loads_in_a_process_that_never_saw_the_class(self, tmp_path: Path) -> None:
        class Mine(rv.Sequential):
            pass

        net = Mine(rv.Linear(3, 3), rv.LIF(3), dt=1 * ms)
        rv.save(net, tmp_path / "model")
        code = f"import ranvier as rv, torch; n = rv.load({str(tmp_path / 'model')!r}); print(n(torch.ones(9, 1, 3))[0].sum().item())"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert float(done.stdout) == net(torch.ones(9, 1, 3))[0].sum().item()

    def test_loading_draws_no_random_numbers(self, tmp_path: Path) -> None:
        rv.save(_recurrent(), tmp_path / "model")
        before = torch.get_rng_state()
        rv.load(tmp_path / "model")
        assert torch.equal(before, torch.get_rng_state())

    @settings(max_examples=25)
    @given(
        value=st.floats(1e-3, 1e3),
        spread=st.floats(0.1, 1.0),
        kind=st.sampled_from(
            ["number", "Uniform", "Normal", "LogNormal", "ExponentialDistribution", "Clipped", "array"]
        ),
        learn=st.booleans(),
    )
    def test_every_kind_of_value(
        self, tmp_path_factory: pytest.TempPathFactory, value: float, spread: float, kind: str, learn: bool
    ) -> None:
        makers: dict[str, Callable[[], Any]] = {
            "number": lambda: value * ms,
            "Uniform": lambda: rv.Uniform(value * ms, (value + spread) * ms),
            "Normal": lambda: rv.Normal(value * ms, spread * value * ms, low=0.5 * value * ms),
            "LogNormal": lambda: rv.LogNormal(value * ms, spread),
            "ExponentialDistribution": lambda: rv.ExponentialDistribution(value * ms),
            "Clipped": lambda: rv.Clipped(rv.ExponentialDistribution(value * ms), low=0.5 * value * ms),
            "array": lambda: np.linspace(value, value + spread, 4) * ms,
        }
        tau = makers[kind]()
        net = rv.Sequential(rv.Linear(2, 4), rv.LIF(4, tau=rv.Learn(tau) if learn else tau), dt=1 * ms)
        folder = tmp_path_factory.mktemp("value")
        rv.save(net, folder)
        back = rv.load(folder)
        assert torch.equal(net.populations["lif1"].tau, back.populations["lif1"].tau)
        assert repr(net.populations["lif1"].cell) == repr(back.populations["lif1"].cell)


class _Custom(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class TestRefusedToSave:
    def test_a_module_of_another_class_is_named(self, tmp_path: Path) -> None:
        net = rv.Sequential(_Custom(), rv.LIF(4), dt=1 * ms)
        with pytest.raises(
            FileFormatError, match=r"_custom1\.0 is a _Custom.*save the numbers.*or build it from .*Linear"
        ):
            rv.save(net, tmp_path / "model")
        assert not (tmp_path / "model").exists()

    def test_hooks_are_named(self, tmp_path: Path) -> None:
        layer = rv.Linear(4, 4)
        layer.register_forward_hook(lambda *_: None)
        with pytest.raises(FileFormatError, match="hooks"):
            rv.save(rv.Sequential(layer, rv.LIF(4), dt=1 * ms), tmp_path / "model")

    def test_tied_tensors_are_named(self, tmp_path: Path) -> None:
        net = rv.Sequential(rv.Linear(4, 4), rv.LIF(4), rv.Linear(4, 4), rv.LIF(4), dt=1 * ms)
        net.projections["linear2"].chain[0].weight = net.projections["linear1"].chain[0].weight
        with pytest.raises(FileFormatError, match=r"linear2\.chain\.0\.weight and .*linear1\.chain\.0\.weight are one"):
            rv.save(net, tmp_path / "model")

    def test_not_a_network(self, tmp_path: Path) -> None:
        with pytest.raises(FileFormatError, match=r"takes a network, got Linear"):
            rv.save(nn.Linear(2, 2), tmp_path / "model")  # type: ignore[arg-type]

    def test_a_folder_with_other_files_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(FileFormatError, match="holds other files"):
            rv.save(_recurrent(), tmp_path)
        assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]

    def test_a_file_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "model").write_text("mine")
        with pytest.raises(FileFormatError, match="is a file"):
            rv.save(_recurrent(), tmp_path / "model")


class TestReplacing:
    def test_a_saved_network_is_replaced_whole(self, tmp_path: Path) -> None:
        rv.save(_recurrent(), tmp_path)
        rv.save(_convolutional(), tmp_path)
        assert len(list(tmp_path.iterdir())) == 2
        assert rv.load(tmp_path).dtype == torch.float64

    @pytest.mark.parametrize("call", [1, 2])
    def test_a_full_disk_leaves_what_was_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
    ) -> None:
        rv.save(_recurrent(), tmp_path / "old")
        before = {p.name: p.read_bytes() for p in (tmp_path / "old").iterdir()}
        real, calls = os.fsync, iter(range(1, 10))

        def full(handle: int) -> None:
            # a folder that cannot be synchronised holds all of its files, so only files count
            if stat.S_ISREG(os.fstat(handle).st_mode) and next(calls) == call:
                raise OSError(28, "No space left on device")
            real(handle)

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            rv.save(_convolutional(), tmp_path / "old")
        calls = iter(range(1, 10))
        with pytest.raises(OSError, match="No space left"):
            rv.save(_convolutional(), tmp_path / "new")
        assert {p.name: p.read_bytes() for p in (tmp_path / "old").iterdir()} == before
        assert not (tmp_path / "new").exists()


class TestState:
    def test_a_run_goes_on_from_a_saved_state(self, tmp_path: Path) -> None:
        net = _recurrent()
        x = _input(net)
        whole, _ = net(x)
        _, state = net(x[:11])
        rv.save_state(state.detach(), tmp_path / "state.safetensors")
        back = rv.load_state(tmp_path / "state.safetensors")
        assert back.step == 11
        assert back.stream == state.stream
        assert torch.equal(net(x[11:], back)[0], net(x[11:], state)[0])
        assert torch.allclose(net(x[11:], back)[0], whole[11:], atol=1e-6)

    @pytest.mark.parametrize("spoil", ["empty", "cut", "text", "missing", "weights"])
    def test_damaged_files_are_refused(self, tmp_path: Path, spoil: str) -> None:
        net = _recurrent()
        path = tmp_path / "state.safetensors"
        rv.save_state(net.initial_state(2), path)
        if spoil == "missing":
            path.unlink()
        elif spoil == "weights":
            rv.save(net, tmp_path / "model")
            path = next((tmp_path / "model").glob("*.safetensors"))
        else:
            path.write_bytes({"empty": b"", "cut": path.read_bytes()[:-7], "text": b"{" * 99}[spoil])
        with pytest.raises(FileFormatError, match=str(path)):
            rv.load_state(path)


class TestDescription:
    def test_it_reads_well(self, tmp_path: Path) -> None:
        rv.save(_branched(), tmp_path)
        description = json.loads((tmp_path / "network.json").read_text())
        cell = description["populations"]["cells"]["cell"]
        assert cell["equations"][1] == "I : nA (input)"
        assert cell["threshold"] == "v > V_th"
        assert cell["values"]["V_th"] == {"value": -50.0, "unit": "mV"}
        assert cell["values"]["v"] == {
            "distribution": "Normal",
            "unit": "mV",
            "mean": -60.0,
            "std": 2.0,
            "low": -70.0,
            "high": None,
        }
        assert description["dt"] == 0.5
        assert description["versions"]["ranvier"] == rv.__version__
