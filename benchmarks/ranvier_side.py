"""Ranvier's side of every bench, in the words of `docs/design.md` section 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

import ranvier as rv
from benchmarks import ranvier_circuits
from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.simulation._circuit import kind_of
from benchmarks.training import _cells
from benchmarks.training import _torch_tasks as tasks
from benchmarks.training._formula import BETA, Formula
from benchmarks.training._small import SMALL
from ranvier.units import ms

PACKAGES = ("ranvier", "torch", "numpy")
DT = 1 * ms
TAU = -DT / math.log(BETA)
"""Time constant whose decay over one step is the bench's 0.9."""


def sequential(*parts: Any, dt: Any = DT) -> rv.Sequential:
    """A network with the bench's surrogate."""
    return rv.Sequential(*parts, dt=dt, surrogate=rv.surrogates.ArcTan(alpha=2.0))


def lif(size: Any = None) -> rv.Cell:
    """The bench's neuron, v' = 0.9 v + x."""
    return rv.LIF(size, tau=TAU)


def cuba(cells: int) -> rv.Cell:
    """Two states: x arrives on i before v' = 0.9 v + i."""
    equations = f"""
    v' = {BETA}*v + {_cells.SYNAPSE_DECAY}*i + x : 1
    i' = {_cells.SYNAPSE_DECAY}*i + x : 1
    x : 1 (input)
    """
    return rv.Cell(equations, threshold="v >= 1", reset="v -= 1", size=cells)


def adex(cells: int) -> rv.Cell:
    """Three states, forward Euler, see `training._cells`; x arrives on i before the step."""
    equations = """
    dv/dt = (slope*exp((v - 1)/slope) - v + i + x - w)/tau_m : 1
    dw/dt = (coupling*v - w)/tau_w : 1
    i' = decay*(i + x) : 1
    x : 1 (input)
    """
    numbers = {"slope": _cells.ADEX_SLOPE, "coupling": _cells.ADEX_COUPLING, "jump": _cells.ADEX_JUMP}
    numbers |= {"tau_m": 10 * ms, "tau_w": 100 * ms, "decay": 1 - _cells.ADEX_SYNAPSE}
    return rv.Cell(equations, threshold="v >= 1", reset="v = 0; w += jump", method="euler", size=cells, **numbers)


def hodgkin_huxley(cells: int) -> rv.Cell:
    """Four states, exponential Euler, emission v; see `training._cells`."""
    equations = """
    dv/dt = (g_Na*m**3*h*(E_Na - v) + g_K*n**4*(E_K - v) + g_L*(E_L - v) + x)/unit : 1
    dm/dt = ((1 - m)/exprel(-(v + 40)/10) - 4*m*exp(-(v + 65)/18))/unit : 1
    dh/dt = (0.07*(1 - h)*exp(-(v + 65)/20) - h/(1 + exp(-(v + 35)/10)))/unit : 1
    dn/dt = (0.1*(1 - n)/exprel(-(v + 55)/10) - 0.125*n*exp(-(v + 65)/80))/unit : 1
    x : 1 (input)
    """
    numbers = {"g_Na": _cells.G_NA, "g_K": _cells.G_K, "g_L": _cells.G_L, "unit": 1 * ms}
    numbers |= {"E_Na": _cells.E_NA, "E_K": _cells.E_K, "E_L": _cells.E_L}
    start = dict(zip("vmhn", _cells.HH_REST, strict=True))
    return rv.Cell(equations, emit="v", method="exponential_euler", size=cells, **numbers, **start)


LAYERS: dict[str, Callable[[int], rv.Cell]] = {
    "lif_scan": lif,
    "lif_scan_sum": lif,
    "cuba_scan": cuba,
    "adex_scan": adex,
    "hodgkin_huxley_scan": hodgkin_huxley,
}


class Network(nn.Module):
    """A network bench: the layers, which of them are weights `w1`, `w2`, `w3`, and which are hidden neurons."""

    def __init__(self, net: rv.Sequential, weights: list[nn.Module], hidden: list[str], output: str) -> None:
        super().__init__()
        self.net, self.hidden, self.output = net, hidden, output
        self._weights = {f"w{i}": layer.weight for i, layer in enumerate(weights, 1)}

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x, reset="detached")[0].mean(0)

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits and hidden spikes; the output's membrane is what it emits."""
        record = {**{name: ["spikes"] for name in self.hidden}, **({self.output: ["v"]} if self.output else {})}
        seen = self.net.observe(x, record=record, reset="detached")
        logits = seen[self.output]["v"].mean(0) if self.output else self(x)
        return logits, [seen[name]["spikes"] for name in self.hidden]

    def weights(self) -> dict[str, nn.Parameter]:
        return self._weights


def linear(weight: np.ndarray) -> nn.Module:
    return tasks.load(rv.Linear(weight.shape[1], weight.shape[0], bias=False), weight)


def conv(weight: np.ndarray) -> nn.Module:
    return tasks.load(nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, bias=False), weight)


def readout(classes: int) -> rv.Cell:
    """v' = 0.9 v + x, without the factor 1 - beta of `LeakyReadout`."""
    return rv.Cell(f"v' = {BETA}*v + x : 1\nx : 1 (input)", emit="v", name="readout", size=classes)


def feedforward(inputs: Arrays) -> Network:
    w1, w2, w3 = (linear(inputs[name]) for name in ("w1", "w2", "w3"))
    hidden, classes = inputs["w1"].shape[0], inputs["w3"].shape[0]
    net = sequential(w1, lif(hidden), w2, lif(hidden), w3, readout(classes))
    return Network(net, [w1, w2, w3], ["lif1", "lif2"], "readout1")


def recurrent(inputs: Arrays) -> Network:
    w1, w2, w3 = (linear(inputs[name]) for name in ("w1", "w2", "w3"))
    hidden, classes = inputs["w1"].shape[0], inputs["w3"].shape[0]
    net = sequential(w1, rv.Recurrent(lif(hidden), w2), w3, readout(classes))
    return Network(net, [w1, w2, w3], ["lif1"], "readout1")


def convolutional(inputs: Arrays) -> Network:
    w1, w2, w3 = conv(inputs["w1"]), conv(inputs["w2"]), linear(inputs["w3"])
    first, second = (w1, lif(), nn.MaxPool2d(2)), (w2, lif(), nn.MaxPool2d(2))
    return Network(sequential(*first, *second, nn.Flatten(), w3), [w1, w2, w3], ["lif1", "lif2"], "")


def shallow(inputs: Arrays) -> Network:
    w1, w2 = (linear(inputs[name]) for name in ("w1", "w2"))
    hidden, classes = inputs["w1"].shape[0], inputs["w2"].shape[0]
    return Network(sequential(w1, lif(hidden), w2, readout(classes)), [w1, w2], ["lif1"], "readout1")


def shallow_convolutional(inputs: Arrays) -> Network:
    w1, w2 = conv(inputs["w1"]), linear(inputs["w2"])
    return Network(sequential(w1, lif(), nn.MaxPool2d(2), nn.Flatten(), w2), [w1, w2], ["lif1"], "")


NETWORKS = {"shd_feedforward": feedforward, "shd_recurrent": recurrent, "nmnist_conv": convolutional}
NETWORKS |= {name: shallow_convolutional if small.side else shallow for name, small in SMALL.items()}


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if bench in LAYERS:
        dt = _cells.HH_DT * ms if bench == "hodgkin_huxley_scan" else DT
        net = sequential(LAYERS[bench](inputs["x"].shape[-1]), dt=dt)
        output = "v" if bench == "hodgkin_huxley_scan" else "spikes"
        summed = bench.endswith("sum")
        return tasks.ScanTask(
            lambda x: net(x, reset="detached")[0], inputs, Formula().as_dict(), summed=summed, output=output
        )
    if bench in NETWORKS:
        return tasks.NetworkTask(NETWORKS[bench](inputs), inputs, Formula())
    if kind_of(bench) or bench.startswith("stdp"):
        return ranvier_circuits.build(bench, inputs, options)
    raise NotOffered(f"not written for {bench}")
