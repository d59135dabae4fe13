"""Ranvier's side of every bench, in the words of `docs/design.md` section 1."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

import ranvier as rv
from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.simulation import _circuit as circuit
from benchmarks.simulation._lit import first_lit, still_lit
from benchmarks.training import _cells
from benchmarks.training import _torch_tasks as tasks
from benchmarks.training._formula import BETA, Formula
from ranvier.units import ms, mV, second

PACKAGES = ("ranvier", "torch", "numpy")
DT = 1 * ms
TAU = -DT / math.log(BETA)
"""Time constant whose decay over one step is the bench's 0.9."""


def sequential(*layers: nn.Module, dt: rv.Quantity = DT) -> nn.Module:
    """A network with the bench's surrogate and a reset without gradient."""
    return rv.Sequential(*layers, dt=dt, surrogate=rv.surrogates.ArcTan(alpha=2.0), cuts=rv.Cuts(reset=True))


def lif(*size: int, **options: object) -> nn.Module:
    """The bench's neuron, v' = 0.9 v + x."""
    return rv.LIF(*size, tau=TAU, **options)


def cuba(cells: int) -> nn.Module:
    """Two states: x arrives on i, then an Euler step gives v' = 0.9 v + i and i' = 0.8 i."""
    equations = """
    dv/dt = (10 * i - v) / tau_m : 1
    di/dt = -i / tau_s : 1
    """
    time_constants = {"tau_m": 10 * DT, "tau_s": DT / (1 - _cells.SYNAPSE_DECAY)}
    cell = rv.Cell(equations, threshold="v >= 1", reset="v -= 1", integrator="euler", **time_constants)
    return rv.Population(cells, cell, port="i")


def adex(cells: int) -> nn.Module:
    """Three states, forward Euler, see `training._cells`."""
    equations = """
    dv/dt = (slope * exp((v - 1) / slope) - v + i - w) / tau_m : 1
    di/dt = -i / tau_s : 1
    dw/dt = (coupling * v - w) / tau_w : 1
    """
    numbers = {"slope": _cells.ADEX_SLOPE, "coupling": _cells.ADEX_COUPLING, "jump": _cells.ADEX_JUMP}
    time_constants = {"tau_m": 10 * ms, "tau_s": 5 * ms, "tau_w": 100 * ms}
    reset = "v = 0; w += jump"
    cell = rv.Cell(equations, threshold="v >= 1", reset=reset, integrator="euler", **numbers, **time_constants)
    return rv.Population(cells, cell, port="i")


def hodgkin_huxley(cells: int) -> nn.Module:
    """Four states, exponential Euler, emission v; see `training._cells`."""
    equations = """
    dv/dt = (g_Na*m**3*h*(E_Na - v) + g_K*n**4*(E_K - v) + g_L*(E_L - v) + x) / unit : 1
    dm/dt = ((1 - m) / exprel(-(v + 40) / 10) - 4 * m * exp(-(v + 65) / 18)) / unit : 1
    dh/dt = (0.07 * (1 - h) * exp(-(v + 65) / 20) - h / (1 + exp(-(v + 35) / 10))) / unit : 1
    dn/dt = (0.1 * (1 - n) / exprel(-(v + 55) / 10) - 0.125 * n * exp(-(v + 65) / 80)) / unit : 1
    """
    numbers = {"g_Na": _cells.G_NA, "g_K": _cells.G_K, "g_L": _cells.G_L, "unit": 1 * ms}
    reversals = {"E_Na": _cells.E_NA, "E_K": _cells.E_K, "E_L": _cells.E_L}
    cell = rv.Cell(equations, emit="v", integrator="exponential_euler", **numbers, **reversals)
    return rv.Population(cells, cell, port="x", start=dict(zip("vmhn", _cells.HH_REST, strict=True)))


LAYERS: dict[str, Callable[[int], nn.Module]] = {
    "lif_scan": lif,
    "lif_scan_sum": lif,
    "cuba_scan": cuba,
    "adex_scan": adex,
    "hodgkin_huxley_scan": hodgkin_huxley,
}


class Network(nn.Module):
    """A network bench: the layers, which of them are weights `w1`, `w2`, `w3`, and which are hidden neurons."""

    def __init__(self, net: nn.Module, weights: list[nn.Module], hidden: list[str]) -> None:
        super().__init__()
        self.net, self.hidden = net, hidden
        self._weights = {f"w{i}": layer.weight for i, layer in enumerate(weights, 1)}

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)[0].mean(0)

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        record = {name: ["spikes"] for name in self.hidden}
        seen = self.net.observe(x, record=record)
        return seen.out.mean(0), [seen[name].spikes for name in self.hidden]

    def weights(self) -> dict[str, nn.Parameter]:
        return self._weights


def linear(weight: np.ndarray) -> nn.Module:
    return tasks.load(rv.Linear(weight.shape[1], weight.shape[0], bias=False), weight)


def conv(weight: np.ndarray) -> nn.Module:
    return tasks.load(rv.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, bias=False), weight)


def feedforward(inputs: Arrays) -> Network:
    w1, w2, w3 = (linear(inputs[name]) for name in ("w1", "w2", "w3"))
    hidden, classes = inputs["w1"].shape[0], inputs["w3"].shape[0]
    net = sequential(w1, lif(hidden), w2, lif(hidden), w3, rv.LeakyReadout(classes, tau=TAU))
    return Network(net, [w1, w2, w3], ["lif1", "lif2"])


def recurrent(inputs: Arrays) -> Network:
    w1, w2, w3 = (linear(inputs[name]) for name in ("w1", "w2", "w3"))
    hidden, classes = inputs["w1"].shape[0], inputs["w3"].shape[0]
    net = sequential(w1, lif(hidden, recurrent=w2), w3, rv.LeakyReadout(classes, tau=TAU))
    return Network(net, [w1, w2, w3], ["lif1"])


def convolutional(inputs: Arrays) -> Network:
    w1, w2, w3 = conv(inputs["w1"]), conv(inputs["w2"]), linear(inputs["w3"])
    side, channels = inputs["x"].shape[-1], (inputs["w1"].shape[0], inputs["w2"].shape[0])
    first = (w1, lif(channels[0], side, side), rv.MaxPool2d(2))
    second = (w2, lif(channels[1], side // 2, side // 2), rv.MaxPool2d(2))
    return Network(sequential(*first, *second, rv.Flatten(), w3), [w1, w2, w3], ["lif1", "lif2"])


NETWORKS = {"shd_feedforward": feedforward, "shd_recurrent": recurrent, "nmnist_conv": convolutional}


class CobaTask:
    """The conductance-based circuit; state continues between repetitions."""

    formula: ClassVar[dict[str, Any]] = {}
    notes = ("float32, state continues between repetitions.",)

    def __init__(self, cells: int, seed: int, biological_s: float) -> None:
        self._cells, self._duration, self._state = cells, biological_s, None
        excitatory, inhibitory, probability = circuit.sizes(cells)
        cell = rv.Cell(
            """
            dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
            dg_e/dt = -g_e / tau_e : 1
            dg_i/dt = -g_i / tau_i : 1
            """,
            threshold="v > V_t",
            reset="v = V_r",
            refractory=circuit.REFRACTORY * ms,
            **{"E_L": circuit.E_L * mV, "E_e": circuit.E_E * mV, "E_i": circuit.E_I * mV},
            **{"V_t": circuit.V_THRESHOLD * mV, "V_r": circuit.V_RESET * mV},
            **{"tau_m": circuit.TAU_M * ms, "tau_e": circuit.TAU_E * ms, "tau_i": circuit.TAU_I * ms},
        )
        self._net = rv.Network(dt=circuit.DT * ms, seed=seed)
        start = {
            "v": rv.Uniform(circuit.V_RESET * mV, circuit.V_THRESHOLD * mV),
            "g_e": rv.Normal(*circuit.G_E_START, low=0),
            "g_i": rv.Normal(*circuit.G_I_START, low=0),
        }
        exc = self._net.population("exc", excitatory, cell, **start)
        inh = self._net.population("inh", inhibitory, cell, **start)
        self._net.connect(exc, [exc, inh], rv.FixedProbability(probability), to="g_e", weight=circuit.W_E)
        self._net.connect(inh, [exc, inh], rv.FixedProbability(probability), to="g_i", weight=circuit.W_I)

    def _advance(self) -> int:
        record = {"exc": ["spike_count"], "inh": ["spike_count"]}
        run = self._net.run(self._duration * second, state=self._state, record=record)
        self._state = run.state
        return int(run["exc"].spike_count) + int(run["inh"].spike_count)

    def check(self) -> dict[str, np.ndarray]:
        return {"rate": np.array(self._advance() / self._cells / self._duration)}

    def step(self) -> float:
        start = time.perf_counter()
        fired = self._advance()
        seconds = time.perf_counter() - start
        still_lit(fired, self._cells, self._duration)
        return seconds / self._duration


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if bench in LAYERS:
        dt = _cells.HH_DT * ms if bench == "hodgkin_huxley_scan" else DT
        net = sequential(LAYERS[bench](inputs["x"].shape[-1]), dt=dt)
        output = "v" if bench == "hodgkin_huxley_scan" else "spikes"
        summed = bench.endswith("sum")
        return tasks.ScanTask(lambda x: net(x)[0], inputs, Formula().as_dict(), summed=summed, output=output)
    if bench in NETWORKS:
        return tasks.NetworkTask(NETWORKS[bench](inputs), inputs, Formula())
    if bench.startswith("coba_"):
        cells, seed = int(inputs["cells"]), int(inputs["seed"])
        return first_lit(lambda s: CobaTask(cells, s, options["biological_s"]), seed)
    raise NotOffered(f"not written for {bench}")
