"""A printed step: C99 and NumPy give the same bits, and the cpu provider the same spikes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ProviderError
from ranvier.kernels.step import NumpyStep, c99
from ranvier.kernels.step._text import Page, Target, TextLanes
from ranvier.units import Hz, ms, mV, second
from tests.kernels.step.compiled import CompiledStep, needs_compiler

DTYPES = (torch.float32, torch.float64)
CELLS: dict[str, Callable[[], rv.Cell]] = {
    "LIF": lambda: rv.LIF(6, tau=rv.Uniform(5 * ms, 20 * ms)),
    "ALIF": lambda: rv.ALIF(6),
    "CurrentLIF": lambda: rv.CurrentLIF(6),
    "AdEx": lambda: rv.AdEx(6),
    "Izhikevich": lambda: rv.Izhikevich(6),
    "HodgkinHuxley": lambda: rv.HodgkinHuxley(6),
    "TraubMiles": lambda: rv.TraubMiles(6),
    "LeakyReadout": lambda: rv.LeakyReadout(6),
    "ResonateAndFire": lambda: rv.ResonateAndFire(6, f=rv.Uniform(50 * Hz, 500 * Hz), tau=5 * ms, V_th=0.3),
    "StateSpace": lambda: rv.StateSpace(6, modes=2, tau=2 * ms, V_th=0.05),
    "SlidingPSN": lambda: rv.SlidingPSN(6, order=3, V_th=0.5),
    "remembering": lambda: rv.Cell(
        "dv/dt = (x + 1.2 - exp(-(t - last)/tau) - v)/tau : 1\nx : 1 (input)\nlast' = last : ms",
        threshold="v > 1 and t - last >= 2*ms",
        reset="v = 0\nlast = t",
        last=rv.Uniform(-9 * ms, -2 * ms),
        tau=5 * ms,
        size=6,
    ),
    "timed": lambda: rv.Cell(
        "dv/dt = (x + 1 + sin(2*pi*f*t + phase) + int(t >= 7.3*ms)*cos(w*t) - v)/tau : 1\nx : 1 (input)",
        threshold="v > 1",
        reset="v = 0",
        refractory=2 * ms,
        f=80 * Hz,
        phase=rv.Uniform(0, 6),
        w=rv.Uniform(1 / ms, 2 / ms),
        tau=5 * ms,
        size=6,
    ),
}
#: input that makes each cell fire now and then
DRIVE = {"AdEx": 0.8, "CurrentLIF": 3.0, "Izhikevich": 15.0, "HodgkinHuxley": 10.0, "TraubMiles": 0.5}


def cell_network(name: str, dtype: torch.dtype) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype)
    x = net.input("x", 6)
    cell = CELLS[name]()
    net.population("cells", 6, cell, output=True)
    net.connect(x, "cells", rv.Linear(6, 6, bias=False), to="I" if "I" in cell.ports else "x", delay=0 * ms)
    with torch.no_grad():
        next(iter(net.projections.values())).chain[0].weight.copy_(torch.eye(6) * torch.linspace(0.5, 1.5, 6))
    return net


def dense(dtype: torch.dtype) -> rv.Network:
    return rv.Sequential(
        rv.Linear(12, 9), rv.LIF(9, tau=5 * ms), rv.Linear(9, 4, sign=1), rv.LeakyReadout(4), dt=1 * ms, dtype=dtype
    )


def delayed(dtype: torch.dtype) -> rv.Network:
    return rv.Sequential(
        rv.Linear(12, 9, delay=rv.Uniform(0 * ms, 7 * ms)),
        rv.Recurrent(rv.LIF(9, tau=5 * ms), rv.Linear(9, 9, delay=rv.Learn(rv.Uniform(0 * ms, 3 * ms), max=3 * ms))),
        rv.Linear(9, 4, delay=2 * ms),
        rv.LIF(4, tau=5 * ms),
        dt=1 * ms,
        dtype=dtype,
    )


def convolutional(dtype: torch.dtype) -> rv.Network:
    return rv.Sequential(
        rv.Conv2d(2, 4, 3, padding=1, stride=2), rv.LIF(), nn.AvgPool2d(2), nn.Conv2d(4, 6, 3, padding=1, groups=2),
        rv.LIF(), nn.MaxPool2d(2), nn.Flatten(), rv.Linear(6, 3), rv.LIF(3), dt=1 * ms, dtype=dtype,
    )  # fmt: skip


def normed(dtype: torch.dtype) -> rv.Network:
    net = rv.Sequential(
        rv.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), rv.LIF(), nn.MaxPool2d(2), nn.Flatten(),
        rv.Linear(36, 5), rv.ThresholdBatchNorm(5), rv.LIF(5), dt=1 * ms, dtype=dtype,
    )  # fmt: skip
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d | rv.ThresholdBatchNorm):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.1, 0.4)
    return net


def circuit(dtype: torch.dtype) -> rv.Network:
    cell = rv.Cell(
        "dv/dt = (E - v + g)/tau : mV (unless refractory)\ndg/dt = -g/tau_s : mV", threshold="v > -50*mV", reset="v = -60*mV",
        refractory=2 * ms, E=-49 * mV, tau=20 * ms, tau_s=5 * ms,
    )  # fmt: skip
    net = rv.Network(dt=0.1 * ms, seed=2, dtype=dtype)
    x = net.input("x", 20)
    start = {"v": rv.Uniform(-60 * mV, -50 * mV)}
    exc, inh = net.population("exc", 30, cell, output=True, **start), net.population("inh", 10, cell, **start)
    net.connect(x, exc, rv.FixedProbability(0.3), to="g", weight=2 * mV, delay=0.5 * ms)
    delay = rv.Uniform(0.1 * ms, 4 * ms)
    net.connect(exc, [exc, inh], rv.FixedProbability(0.3), to="g", weight=rv.Uniform(0 * mV, 2 * mV), delay=delay)
    net.connect(inh, [exc, inh], rv.FixedProbability(0.3), to="g", weight=-4 * mV, delay=delay)
    return net


NETWORKS: dict[str, tuple[Callable[[torch.dtype], rv.Network], tuple[int, ...], float]] = {
    **{n: (lambda dtype, n=n: cell_network(n, dtype), (6,), DRIVE.get(n, 0.4)) for n in CELLS},
    "dense": (dense, (12,), 0.0),
    "delayed": (delayed, (12,), 0.0),
    "convolutional": (convolutional, (2, 12, 12), 0.0),
    "normed": (normed, (2, 8, 8), 0.0),
    "circuit": (circuit, (20,), 0.0),
}


def input_for(name: str, dtype: torch.dtype) -> tuple[rv.Network, torch.Tensor]:
    torch.manual_seed(3)
    make, shape, drive = NETWORKS[name]
    net = make(dtype).eval()
    if drive:
        x = drive * (1 + 0.3 * torch.randn(400, 1, *shape, dtype=dtype))
    else:
        x = (torch.rand(150, 1, *shape) < 0.3).to(dtype)
    return net, x


@pytest.mark.parametrize("name", NETWORKS)
class TestStep:
    @needs_compiler
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_c_and_numpy_give_the_same_bits(self, name: str, dtype: torch.dtype, tmp_path: Path) -> None:
        net, x = input_for(name, dtype)
        shapes = {n: tuple(x.shape[2:]) for n in net.inputs}
        graph = rv.step_graph(net, net.initial_state(1, stream=5, shapes=rv_shapes(net, x)), shapes=shapes)
        plain, compiled = NumpyStep(graph), CompiledStep(graph, tmp_path)
        (source,) = (b.name for b in graph.of("input"))
        for row in x[:, 0].numpy():
            one, other = plain.step({source: row}), compiled.step({source: row})
            for n in one:
                np.testing.assert_array_equal(one[n].view(np.uint8), other[n].view(np.uint8))
        for n, value in compiled.values.items():
            np.testing.assert_array_equal(plain.values[n], value)

    def test_numpy_equals_the_network(self, name: str) -> None:
        net, x = input_for(name, torch.float64)
        state = net.initial_state(1, stream=5, shapes=rv_shapes(net, x))
        graph = rv.step_graph(net, state, shapes={n: tuple(x.shape[2:]) for n in net.inputs})
        plain = NumpyStep(graph)
        (source,), (output,) = ((b.name for b in graph.of(role)) for role in ("input", "output"))
        with torch.no_grad():
            wanted, after = net(x, state)
        found = np.stack([plain.step({source: row})[output] for row in x[:, 0].numpy()])
        assert np.abs(found).sum() > 0
        np.testing.assert_allclose(found, wanted[:, 0].numpy(), rtol=1e-12, atol=1e-12)
        for population, values in after.variables.items():
            for n, value in values.items():
                np.testing.assert_allclose(
                    plain.values[f"state_{population}_{n}"], value[0].reshape(-1).numpy(), rtol=1e-9, atol=1e-12
                )


def rv_shapes(net: rv.Network, x: torch.Tensor) -> dict[str, tuple[int, ...]]:
    from ranvier.network.shapes import shapes_from

    return shapes_from(net.graph, {n: x for n in net.inputs})


class TestContinuing:
    def test_a_step_graph_goes_on_from_a_state(self) -> None:
        net, x = input_for("circuit", torch.float64)
        with torch.no_grad():
            whole, _ = net(x, stream=5)
            _, middle = net(x[:70], stream=5)
        plain = NumpyStep(rv.step_graph(net, middle))
        found = np.stack([plain.step({"input_x": row})["output_exc"] for row in x[70:, 0].numpy()])
        np.testing.assert_array_equal(found, whole[70:, 0].numpy())

    def test_reset_begins_anew(self) -> None:
        net, x = input_for("delayed", torch.float32)
        plain = NumpyStep(rv.step_graph(net))
        (source,) = (b.name for b in plain.graph.of("input"))
        first = [plain.step({source: row}) for row in x[:20, 0].numpy()]
        plain.reset()
        again = [plain.step({source: row}) for row in x[:20, 0].numpy()]
        for a, b in zip(first, again, strict=True):
            assert all(np.array_equal(a[n], b[n]) for n in a)


class TestRefusals:
    def test_a_source(self) -> None:
        net = rv.Network(dt=1 * ms)
        net.source("noise", rv.Poisson(10 / second, 3))
        with pytest.raises(ProviderError, match=r"'noise'.*make it an input"):
            rv.step_graph(net)

    def test_a_norm_of_the_present_batch(self) -> None:
        norm = nn.BatchNorm1d(4, track_running_stats=False)
        net = rv.Sequential(rv.Linear(3, 4), norm, rv.LIF(4), dt=1 * ms).eval()
        with pytest.raises(ProviderError, match=r"BatchNorm1d"):
            rv.step_graph(net, shapes={n: (3,) for n in net.inputs})

    def test_an_unknown_module(self) -> None:
        net = rv.Sequential(nn.GELU(), rv.LIF(3), dt=1 * ms)
        with pytest.raises(ProviderError, match="GELU"):
            rv.step_graph(net, shapes={n: (3,) for n in net.inputs})

    def test_noise(self) -> None:
        net = rv.Network(dt=1 * ms)
        net.population("a", 3, rv.Cell("dv/dt = -v/tau + xi/sqrt(tau) : 1", emit="v", tau=5 * ms))
        with pytest.raises(ProviderError, match=r"'a'.*xi"):
            rv.step_graph(net)

    def test_a_constant_beyond_the_dtype(self) -> None:
        lanes = TextLanes("float32", Target(lambda *_: "", lambda *_: "", {}), Page())
        with pytest.raises(ProviderError, match="does not fit in float32"):
            lanes.constant(1e300)


WORDS = """
sine' = sin(x) : 1
cosine' = cos(x) : 1
power' = abs(x)**0.3 + abs(x)**y : 1
whole' = floor(x) + (x/1e3)**7 + sign(x) : 1
rest' = log1p(abs(x)) + log(abs(x)) + tanh(x) + sigmoid(x) + expm1(clip(x, -50, 50)) + exprel(clip(x, -3, 3)) : 1
turn' = arctan(x) + arcsin(clip(x, -1, 1)) + arccos(clip(x, -1, 1)) + erf(x) + x % 3 + x // 3 + round(x) : 1
x : 1 (input)
y : 1
"""


class TestWords:
    @needs_compiler
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_elementary_functions_over_the_whole_range(self, dtype: torch.dtype, tmp_path: Path) -> None:
        net = rv.Network(dt=1 * ms, dtype=dtype)
        net.input("x", 64)
        net.population("cells", 64, rv.Cell(WORDS, emit="sine", y=1.7), output=True)
        net.connect("x", "cells", rv.OneToOne(), to="x", delay=0 * ms)
        graph = rv.step_graph(net)
        plain, compiled = NumpyStep(graph), CompiledStep(graph, tmp_path)
        top = 38 if dtype == torch.float32 else 300
        rng = np.random.default_rng(1)
        for k in range(-top, top, 4):
            x = (rng.uniform(-9, 9, 64) * 10.0**k).astype(graph.dtype)
            for step in (plain, compiled):
                step.step({"input_x": x})
                step.step({"input_x": x})  # what is connected arrives one step later
            for b in graph.of("state"):
                np.testing.assert_array_equal(plain.values[b.name], compiled.values[b.name], err_msg=f"{b.name} 1e{k}")
            tolerance = 3e-7 if dtype == torch.float32 else 5e-16
            wide = x.astype(np.float64)
            np.testing.assert_allclose(plain.values["state_cells_sine"], np.sin(wide), atol=tolerance)
            np.testing.assert_allclose(plain.values["state_cells_cosine"], np.cos(wide), atol=tolerance)

    def test_an_angle_is_reduced_once(self) -> None:
        net = rv.Network(dt=1 * ms)
        net.population("cells", 2, rv.Cell("v' = 1e6*v + sin(v) : 1", emit="v"), output=True)
        text = c99(rv.step_graph(net))
        assert text.split("void ranvier_step(")[1].count("far_angle(") == 1
