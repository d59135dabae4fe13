"""Ranvier's side of the workloads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch

import ranvier as rv
from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.simulation import _workloads as constants
from benchmarks.simulation._workloads import BIAS, DELAY, DRIVE, DT, REFRACTORY, TAU, TAU_S, V_T, W_MAX, WORKLOADS, W
from ranvier.units import Hz, ms, mV, second

PACKAGES = ("ranvier", "torch", "numpy")
_CELL = "dv/dt = (I + g - v)/tau : mV  (unless refractory)\ndg/dt = -g/tau_s : mV"


@dataclass(frozen=True)
class Model:
    """A network, what is recorded of it, and the part whose figure is compared: its rate, or the mean of a variable."""

    net: rv.Network
    last: str
    record: dict[str, list[str]] = field(default_factory=dict)
    variable: str = ""


def cell(equations: str = _CELL, **values: Any) -> rv.Cell:
    """A leaky integrator."""
    values = {"tau": TAU * ms, "I": 0 * mV, **values}
    if "tau_s" in equations:
        values["tau_s"] = TAU_S * ms
    return rv.Cell(equations, threshold=f"v > {V_T}*mV", reset="v = 0*mV", refractory=REFRACTORY * ms, **values)


def driven(size: int, **values: Any) -> dict[str, Any]:
    """A constant current for each of ``size`` cells, and membranes at any phase."""
    return {"I": np.linspace(*DRIVE, size) * mV, "v": rv.Uniform(0 * mV, V_T * mV), **values}


def _network(seed: int, precision: str) -> rv.Network:
    return rv.Network(dt=DT * ms, seed=seed, dtype=getattr(torch, precision))


def alone(net: rv.Network) -> Model:
    net.population("cells", 10_000, cell(), **driven(10_000))
    return Model(net, "cells")


def acyclic(net: rv.Network) -> Model:
    net.population("first", 5000, cell(), **driven(5000))
    net.population("second", 5000, cell(I=BIAS * mV))
    net.connect("first", "second", rv.FixedProbability(0.02), to="g", weight=1 * mV, delay=DELAY * ms)
    return Model(net, "second")


def chain(net: rv.Network) -> Model:
    net.population("p0", 1000, cell(), **driven(1000))
    for k in range(1, 10):
        net.population(f"p{k}", 1000, cell(I=BIAS * mV))
        net.connect(f"p{k - 1}", f"p{k}", rv.FixedProbability(0.1), to="g", weight=1.2 * mV, delay=DELAY * ms)
    return Model(net, "p9")


def _fed(source: Any, how: Any = None) -> Callable[[rv.Network], Model]:
    def build(net: rv.Network) -> Model:
        net.population("cells", 10_000, cell())
        net.source("input", source())
        net.connect("input", "cells", how or rv.OneToOne(), to="g", weight=W * mV)
        return Model(net, "cells")

    return build


def noise(net: rv.Network) -> Model:
    equations = "dv/dt = (I - v)/tau + sigma*sqrt(2/tau)*xi : mV  (unless refractory)"
    net.population("cells", 10_000, cell(equations, I=15 * mV, sigma=5 * mV))
    return Model(net, "cells")


def noise_coloured(net: rv.Network) -> Model:
    equations = """
    dv/dt = (I + n - v)/tau : mV  (unless refractory)
    dn/dt = -n/tau_n + sigma*sqrt(2/tau_n)*xi : mV
    """
    net.population("cells", 10_000, cell(equations, I=15 * mV, sigma=8 * mV, tau_n=10 * ms))
    return Model(net, "cells")


def _recurrent(longest: float) -> Callable[[rv.Network], Model]:
    def build(net: rv.Network) -> Model:
        net.population("exc", 3200, cell(), **driven(3200))
        net.population("inh", 800, cell(), **driven(800))
        delay = rv.Uniform(0 * ms, longest * ms) if longest else None
        for pre, weight in (("exc", 0.1), ("inh", -0.4)):
            net.connect(pre, ["exc", "inh"], rv.FixedProbability(0.02), to="g", weight=weight * mV, delay=delay)
        return Model(net, "exc")

    return build


def _many(populations: int, cells: int, targets: int) -> Callable[[rv.Network], Model]:
    def build(net: rv.Network) -> Model:
        for k in range(populations):
            net.population(f"p{k}", cells, cell(), **driven(cells))
        for k in range(populations):
            for j in range(targets):
                post = f"p{(k + j) % populations}"
                net.connect(f"p{k}", post, rv.FixedProbability(0.1), to="g", weight=0.1 * mV, delay=DELAY * ms)
        return Model(net, "p0")

    return build


def _many_as_one(populations: int, cells: int, targets: int) -> Callable[[rv.Network], Model]:
    def build(net: rv.Network) -> Model:
        size = populations * cells
        net.population("cells", size, cell(), **driven(size, I=np.tile(np.linspace(*DRIVE, cells), populations) * mV))
        wiring = rv.FromEdges(np.stack(constants.edges(populations, cells, targets), 1), nodes=size)
        net.connect("cells", "cells", wiring, to="g", weight=0.1 * mV, delay=DELAY * ms)
        return Model(net, "cells")

    return build


def adex(net: rv.Network) -> Model:
    equations = """
    dv/dt = (-(v + 70*mV) + 2*mV*exp((v + 50*mV)/(2*mV)) + g + I - w)/tau : mV
    dw/dt = -w/(100*ms) : mV
    dg/dt = -g/tau_s : mV
    """
    one = rv.Cell(
        equations, threshold="v > -30*mV", reset="v = -60*mV; w += 2*mV",
        tau=TAU * ms, tau_s=TAU_S * ms, v=-70 * mV, I=0 * mV,
    )  # fmt: skip
    net.population("cells", 4000, one, I=np.linspace(*DRIVE, 4000) * mV)
    net.connect("cells", "cells", rv.FixedProbability(0.02), to="g", weight=0.1 * mV, delay=DELAY * ms)
    return Model(net, "cells")


_HH = """
dv/dt = (120*m**3*h*(50 - v) + 36*n**4*(-77 - v) + 0.3*(-54.4 - v) + I)/ms : 1
dm/dt = (1/exprel(-(v + 40)/10)*(1 - m) - 4*exp(-(v + 65)/18)*m)/ms : 1
dh/dt = (0.07*exp(-(v + 65)/20)*(1 - h) - h/(1 + exp(-(v + 35)/10)))/ms : 1
dn/dt = (0.1/exprel(-(v + 55)/10)*(1 - n) - 0.125*exp(-(v + 65)/80)*n)/ms : 1
"""


def hodgkin_huxley(net: rv.Network) -> Model:
    one = rv.Cell(
        _HH, threshold="v > -20", refractory=3 * ms, method="exponential_euler", v=-65, m=0.05, h=0.6, n=0.32, I=10
    )
    net.population("cells", 1000, one)
    return Model(net, "cells")


def izhikevich(net: rv.Network) -> Model:
    equations = """
    dv/dt = (0.04*v**2 + 5*v + 140 - u + I)/ms + 5/sqrt(ms)*xi : 1
    du/dt = 0.02*(0.2*v - u)/ms : 1
    dI/dt = -I/(5*ms) : 1
    """
    one = rv.Cell(equations, threshold="v > 30", reset="v = -65; u += 8", v=-65, u=-13)
    net.population("cells", 1000, one)
    net.connect("cells", "cells", rv.FixedProbability(0.1), to="I", weight=0.1, delay=DELAY * ms)
    return Model(net, "cells")


def _by_synapses(rule: Callable[[], rv.Plasticity], weight: float) -> Callable[[rv.Network], Model]:
    def build(net: rv.Network) -> Model:
        net.source("input", rv.Poisson(10 * Hz, 1000))
        net.population("cells", 1000, cell())
        net.connect("input", "cells", rv.FixedProbability(0.1), to="g", weight=weight * mV, plasticity=rule())
        return Model(net, "cells")

    return build


def plastic(net: rv.Network) -> Model:
    sizes = {"A_plus": constants.STEP_UP * W_MAX * mV, "A_minus": constants.STEP_DOWN * W_MAX * mV, "w_max": W_MAX * mV}
    times = dict.fromkeys(("tau_plus", "tau_minus"), constants.TAU_STDP * ms)
    net.source("input", rv.Poisson(10 * Hz, 1000))
    net.population("cells", 1000, cell())
    rule, weight = rv.plasticity.STDP(**sizes, **times), rv.Uniform(0 * mV, W_MAX * mV)
    net.connect("input", "cells", rv.FixedProbability(0.1), to="g", weight=weight, plasticity=rule)
    return Model(net, "cells")


def conductances(net: rv.Network) -> Model:
    values = {n: v * mV for n, v in constants.REVERSAL.items()} | {n: t * ms for n, t in constants.CONSTANTS.items()}
    equations = constants.CONDUCTANCES.format(voltage="mV")
    one = rv.Cell(equations, threshold="v > -50*mV", reset="v = -60*mV", refractory=5 * ms, **values)
    start = {"v": rv.Uniform(-65 * mV, -50 * mV), "g_e": rv.Uniform(0, 2), "g_i": rv.Uniform(0, 20)}
    for name, size in (("exc", 3200), ("inh", 800)):
        net.population(name, size, one, **start)
    for name, to, weight in (("exc", "g_e", 0.6), ("inh", "g_i", 6.7)):
        net.connect(name, ["exc", "inh"], rv.FixedProbability(0.02), to=to, weight=weight)
    return Model(net, "exc")


def gap_junctions(net: rv.Network) -> Model:
    equations = "dv/dt = (I + coupled - v)/tau : mV  (unless refractory)\ncoupled : mV (input)"
    net.population("cells", 1000, cell(equations), **driven(1000))
    net.connect(
        "cells", "cells", rv.FixedProbability(0.02), to="coupled", weight=0.05, plasticity=rv.GapJunction(unit="1")
    )
    return Model(net, "cells")


def nmda(net: rv.Network) -> Model:
    rule = rv.Plasticity(
        "dx/dt = -x/(2*ms) : 1\nds/dt = -s/(100*ms) + 0.5*x*(1 - s)/ms : 1",
        on_pre="x += 1", every_step="sent = w*s", unit="mV",
    )  # fmt: skip
    net.source("input", rv.Poisson(10 * Hz, 100))
    net.population("cells", 100, rv.Cell("dv/dt = (I - v)/tau : mV\nI : mV (input)", tau=TAU * ms))
    net.connect("input", "cells", rv.AllToAll(), to="I", weight=0.5 * mV, plasticity=rule)
    return Model(net, "cells", variable="v")


def rates(net: rv.Network) -> Model:
    one = rv.Cell("dr/dt = (-r + tanh(x))/tau : 1\nx : 1 (input)", emit="r", tau=TAU * ms, r=rv.Uniform(-1, 1))
    net.population("units", 1000, one)
    weight = rv.Normal(0, 0.2)
    net.connect("units", "units", rv.FixedProbability(0.1), to="x", weight=weight)
    return Model(net, "units", variable="r")


def traces(net: rv.Network) -> Model:
    net.population("cells", 1000, cell(), **driven(1000))
    return Model(net, "cells", {"cells": ["v"]})


def _in_time() -> rv.Poisson:
    return rv.Poisson(rv.Stimulus("r = 1000*Hz*(1 + 0.5*sin(2*pi*5*Hz*t))", 1), 10_000)


BUILD: dict[str, Callable[[rv.Network], Model]] = {
    "alone": alone,
    "acyclic": acyclic,
    "chain": chain,
    "poisson": _fed(lambda: rv.Poisson(1000 * Hz, 10_000)),
    "poisson_sparse": _fed(lambda: rv.Poisson(10 * Hz, 1000), rv.FixedProbability(0.1)),
    "poisson_trains": _fed(lambda: rv.Poisson(10 * Hz, 10_000, trains=100)),
    "poisson_rates": _fed(lambda: rv.Poisson(np.linspace(500, 1500, 10_000) * Hz, 10_000)),
    "poisson_in_time": _fed(_in_time),
    "noise": noise,
    "noise_coloured": noise_coloured,
    **{name: _recurrent(longest) for name, longest in constants.LONGEST.items()},
    **{name: _many(*sizes) for name, sizes in constants.MANY.items()},
    **{name: _many_as_one(*sizes) for name, sizes in constants.JOINED.items()},
    "adex": adex,
    "hodgkin_huxley": hodgkin_huxley,
    "izhikevich": izhikevich,
    "depression": _by_synapses(lambda: rv.TsodyksMarkram(U=0.5, tau_rec=100 * ms), 3 * W),
    "stochastic_release": _by_synapses(lambda: rv.StochasticRelease(p=0.5), 2 * W),
    "plastic": plastic,
    "conductances": conductances,
    "gap_junctions": gap_junctions,
    "nmda": nmda,
    "rates": rates,
    "traces": traces,
    "conductances_float64": conductances,
    "adex_float64": adex,
    "plastic_float64": plastic,
    "gap_junctions_float64": gap_junctions,
}


class WorkloadTask:
    """A workload; state continues between repetitions."""

    formula: ClassVar[dict[str, Any]] = {}

    def __init__(self, name: str, seed: int) -> None:
        workload = WORKLOADS[name]
        self._seconds, self._state = workload.seconds, None
        self._model = BUILD[name](_network(seed, workload.precision))
        wanted = dict(self._model.record)
        if not self._model.variable:
            wanted[self._model.last] = [*wanted.get(self._model.last, ()), "spikes"]
        self._wanted = wanted
        self.notes = (f"{workload.precision}, state continues between repetitions.",)

    def _advance(self) -> rv.Run:
        run = self._model.net.run(self._seconds * second, self._state, stream=0, record=self._wanted)
        self._state = run.state
        return run

    def check(self) -> dict[str, np.ndarray]:
        run, model = self._advance(), self._model
        if not model.variable:
            return {"figure": np.array(np.mean(run[model.last].spikes.rate()))}
        return {"figure": np.array(float(run.state.variables[model.last][model.variable].abs().mean()))}

    def step(self) -> float:
        start = time.perf_counter()
        self._advance()
        return (time.perf_counter() - start) / self._seconds


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if bench not in BUILD:
        raise NotOffered(f"not written for {bench}")
    return WorkloadTask(bench, int(inputs["seed"]))
