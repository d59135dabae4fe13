"""Brian2's side of the workloads, in `cpp_standalone` as in `brian2_side`; many populations run in its runtime mode."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import brian2
import numpy as np
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    PoissonInput,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    ms,
    mV,
    second,
)

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.peers_simulation.brian2_side import Standalone
from benchmarks.simulation import _workloads as constants
from benchmarks.simulation._workloads import BIAS, DELAY, DRIVE, DT, REFRACTORY, TAU, TAU_S, V_T, W_MAX, WORKLOADS, W

PACKAGES = ("brian2", "numpy", "cython")
_CELL = "dv/dt = (I + g - v)/tau : volt (unless refractory)\ndg/dt = -g/tau_s : volt\nI : volt (constant)"
_NAMES = {"tau": TAU * ms, "tau_s": TAU_S * ms}
_EVENT = f"v > {V_T}*mV", "v = 0*mV"
Parts = Sequence[Any]
"""All objects of a model, the last one the group, or the part of it, whose figure is compared."""


def cells(size: int, equations: str = _CELL, method: str = "exact", **names: Any) -> NeuronGroup:
    """Leaky integrators."""
    return NeuronGroup(
        size, equations, threshold=_EVENT[0], reset=_EVENT[1], refractory=REFRACTORY * ms, method=method,
        namespace={**_NAMES, **names},
    )  # fmt: skip


def driven(size: int, equations: str = _CELL, **names: Any) -> NeuronGroup:
    """With a constant current each, and membranes at any phase."""
    group = cells(size, equations, **names)
    group.I = np.linspace(*DRIVE, size) * mV
    group.v = f"{V_T}*mV*rand()"
    return group


def joined(pre: Any, post: Any, p: float, weight: float, delay: float | str = DELAY) -> Synapses:
    """Synapses of one weight."""
    synapses = Synapses(pre, post, on_pre=f"g_post += {weight}*mV")
    synapses.connect(p=p)
    if delay:
        synapses.delay = delay if isinstance(delay, str) else delay * ms
    return synapses


def alone() -> Parts:
    return [driven(10_000)]


def acyclic() -> Parts:
    first, second = driven(5000), cells(5000)
    second.I = BIAS * mV
    return [first, joined(first, second, 0.02, 1.0), second]


def chain() -> Parts:
    parts: list[Any] = [driven(1000)]
    for _ in range(9):
        before, after = parts[-1], cells(1000)
        after.I = BIAS * mV
        parts += [joined(before, after, 0.1, 1.2), after]
    return parts


def poisson(rates: Any = 1000 * Hz) -> Parts:
    source, group = PoissonGroup(10_000, rates=rates), cells(10_000)
    synapses = Synapses(source, group, on_pre=f"g_post += {W}*mV")
    synapses.connect(j="i")
    return [source, synapses, group]


def poisson_sparse() -> Parts:
    source, group = PoissonGroup(1000, rates=10 * Hz), cells(10_000)
    return [source, joined(source, group, 0.1, W, 0), group]


def poisson_trains() -> Parts:
    group = cells(10_000)
    return [PoissonInput(group, "g", 100, 10 * Hz, weight=W * mV), group]


def noise() -> Parts:
    group = cells(
        10_000, "dv/dt = (15*mV - v)/tau + sigma*sqrt(2/tau)*xi : volt (unless refractory)", "euler", sigma=5 * mV
    )
    return [group]


def noise_coloured() -> Parts:
    equations = """
    dv/dt = (15*mV + n - v)/tau : volt (unless refractory)
    dn/dt = -n/tau_n + sigma*sqrt(2/tau_n)*xi : volt
    """
    return [cells(10_000, equations, "euler", sigma=8 * mV, tau_n=10 * ms)]


def recurrent(longest: float) -> Parts:
    group = NeuronGroup(
        4000, _CELL, threshold=_EVENT[0], reset=_EVENT[1], refractory=REFRACTORY * ms, method="exact", namespace=_NAMES
    )
    group.I = np.concatenate([np.linspace(*DRIVE, 3200), np.linspace(*DRIVE, 800)]) * mV
    group.v = f"{V_T}*mV*rand()"
    delay = f"{longest}*ms*rand()" if longest else 0.0
    exc, inh = group[:3200], group[3200:]
    return [group, joined(exc, group, 0.02, 0.1, delay), joined(inh, group, 0.02, -0.4, delay), exc]


def many(populations: int, size: int, targets: int) -> Parts:
    groups = [driven(size) for _ in range(populations)]
    pairs = ((groups[k], groups[(k + j) % populations]) for k in range(populations) for j in range(targets))
    return [*groups[1:], *(joined(pre, post, 0.1, 0.1) for pre, post in pairs), groups[0]]


def many_as_one(populations: int, size: int, targets: int) -> Parts:
    group = driven(populations * size)
    group.I = np.tile(np.linspace(*DRIVE, size), populations) * mV
    pre, post = constants.edges(populations, size, targets)
    synapses = Synapses(group, group, on_pre="g_post += 0.1*mV", delay=DELAY * ms)
    synapses.connect(i=pre, j=post)
    return [synapses, group]


def adex() -> Parts:
    equations = """
    dv/dt = (-(v + 70*mV) + 2*mV*exp((v + 50*mV)/(2*mV)) + g + I - w)/tau : volt
    dw/dt = -w/(100*ms) : volt
    dg/dt = -g/tau_s : volt
    I : volt (constant)
    """
    group = NeuronGroup(
        4000, equations, threshold="v > -30*mV", reset="v = -60*mV; w += 2*mV", method="euler", namespace=_NAMES
    )
    group.I, group.v = np.linspace(*DRIVE, 4000) * mV, -70 * mV
    return [joined(group, group, 0.02, 0.1), group]


_HH = """
dv/dt = (120*m**3*h*(50 - v) + 36*n**4*(-77 - v) + 0.3*(-54.4 - v) + 10)/ms : 1
dm/dt = (1/exprel(-(v + 40)/10)*(1 - m) - 4*exp(-(v + 65)/18)*m)/ms : 1
dh/dt = (0.07*exp(-(v + 65)/20)*(1 - h) - h/(1 + exp(-(v + 35)/10)))/ms : 1
dn/dt = (0.1/exprel(-(v + 55)/10)*(1 - n) - 0.125*exp(-(v + 65)/80)*n)/ms : 1
"""


def hodgkin_huxley() -> Parts:
    group = NeuronGroup(1000, _HH, threshold="v > -20", refractory=3 * ms, method="exponential_euler")
    group.v, group.m, group.h, group.n = -65, 0.05, 0.6, 0.32
    return [group]


def izhikevich() -> Parts:
    equations = """
    dv/dt = (0.04*v**2 + 5*v + 140 - u + I)/ms + 5/sqrt(ms)*xi : 1
    du/dt = 0.02*(0.2*v - u)/ms : 1
    dI/dt = -I/(5*ms) : 1
    """
    group = NeuronGroup(1000, equations, threshold="v > 30", reset="v = -65; u += 8", method="euler")
    group.v, group.u = -65, -13
    synapses = Synapses(group, group, on_pre="I_post += 0.1", delay=DELAY * ms)
    synapses.connect(p=0.1)
    return [synapses, group]


def by_synapses(code: str, model: str = "") -> Parts:
    source, group = PoissonGroup(1000, rates=10 * Hz), cells(1000)
    synapses = Synapses(source, group, model or None, on_pre=code)
    synapses.connect(p=0.1)
    if model:
        synapses.x = 1
    return [source, synapses, group]


def plastic() -> Parts:
    source, group, limit = PoissonGroup(1000, rates=10 * Hz), cells(1000), f"{W_MAX}*mV"
    model = "w : volt\n" + "\n".join(
        f"d{n}/dt = -{n}/({constants.TAU_STDP}*ms) : volt (event-driven)" for n in ("x", "y")
    )
    on_pre = f"g_post += w\nx += {constants.STEP_UP}*{limit}\nw = clip(w + y, 0*mV, {limit})"
    on_post = f"y += {constants.STEP_DOWN}*{limit}\nw = clip(w + x, 0*mV, {limit})"
    synapses = Synapses(source, group, model, on_pre=on_pre, on_post=on_post)
    synapses.connect(p=0.1)
    synapses.w = f"rand()*{limit}"
    return [source, synapses, group]


def conductances() -> Parts:
    names = {n: v * mV for n, v in constants.REVERSAL.items()} | {n: t * ms for n, t in constants.CONSTANTS.items()}
    group = NeuronGroup(
        4000, constants.CONDUCTANCES.format(voltage="volt"), threshold="v > -50*mV", reset="v = -60*mV",
        refractory=5 * ms, method="exponential_euler", namespace=names,
    )  # fmt: skip
    group.v, group.g_e, group.g_i = "(-65 + 15*rand())*mV", "2*rand()", "20*rand()"
    parts: list[Any] = [group]
    for some, to, weight in ((group[:3200], "g_e", 0.6), (group[3200:], "g_i", 6.7)):
        synapses = Synapses(some, group, on_pre=f"{to}_post += {weight}")
        synapses.connect(p=0.02)
        parts.append(synapses)
    return [*parts, group[:3200]]


def gap_junctions() -> Parts:
    equations = "dv/dt = (I + coupled - v)/tau : volt (unless refractory)\ncoupled : volt\nI : volt (constant)"
    group = driven(1000, equations, method="euler")
    synapses = Synapses(group, group, "coupled_post = 0.05*(v_pre - v_post) : volt (summed)")
    synapses.connect(p=0.02)
    return [synapses, group]


def nmda() -> Parts:
    source = PoissonGroup(100, rates=10 * Hz)
    group = NeuronGroup(100, "dv/dt = (I - v)/tau : volt\nI : volt", method="euler", namespace=_NAMES)
    model = """
    dx/dt = -x/(2*ms) : 1 (clock-driven)
    ds/dt = -s/(100*ms) + 0.5*x*(1 - s)/ms : 1 (clock-driven)
    I_post = 0.5*mV*s : volt (summed)
    """
    synapses = Synapses(source, group, model, on_pre="x += 1", method="euler")
    synapses.connect()
    return [source, synapses, group]


def rates() -> Parts:
    group = NeuronGroup(1000, "dr/dt = (-r + tanh(x))/tau : 1\nx : 1", method="exponential_euler", namespace=_NAMES)
    group.r = "2*rand() - 1"
    synapses = Synapses(group, group, "w : 1 (constant)\nx_post = w*r_pre : 1 (summed)")
    synapses.connect(p=0.1)
    synapses.w = "0.2*randn()"
    return [synapses, group]


def traces() -> Parts:
    group = driven(1000)
    return [StateMonitor(group, "v", record=True), group]


BUILD: dict[str, Callable[[], Parts]] = {
    "alone": alone,
    "acyclic": acyclic,
    "chain": chain,
    "poisson": poisson,
    "poisson_sparse": poisson_sparse,
    "poisson_trains": poisson_trains,
    "poisson_rates": lambda: poisson(np.linspace(500, 1500, 10_000) * Hz),
    "poisson_in_time": lambda: poisson("1000*Hz*(1 + 0.5*sin(2*pi*5*Hz*t))"),
    "noise": noise,
    "noise_coloured": noise_coloured,
    **{name: partial(recurrent, longest) for name, longest in constants.LONGEST.items()},
    **{name: partial(many, *sizes) for name, sizes in constants.MANY.items()},
    **{name: partial(many_as_one, *sizes) for name, sizes in constants.JOINED.items()},
    "adex": adex,
    "hodgkin_huxley": hodgkin_huxley,
    "izhikevich": izhikevich,
    "depression": lambda: by_synapses(
        f"g_post += {3 * W}*mV*0.5*x\nx -= 0.5*x", "dx/dt = (1 - x)/(100*ms) : 1 (event-driven)"
    ),
    "stochastic_release": lambda: by_synapses(f"g_post += {2 * W}*mV*int(rand() < 0.5)"),
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


def _network(name: str) -> tuple[Network, SpikeMonitor | None, Any]:
    """All objects of a workload, its count of spikes, and the cells whose figure is compared."""
    *parts, last = BUILD[name]()
    parts = [p for p in dict.fromkeys([*parts, last]) if not isinstance(p, brian2.Subgroup)]
    monitor = SpikeMonitor(last, record=False) if WORKLOADS[name].unit == "Hz" else None
    return Network(*parts, *([] if monitor is None else [monitor])), monitor, last


class WorkloadTask(Standalone):
    """A workload; each repetition starts afresh."""

    def __init__(self, name: str, seed: int) -> None:
        self._name, self._last = name, None
        workload = WORKLOADS[name]
        super().__init__(1, seed, workload.seconds, workload.precision, DT)

    def _build(self) -> tuple[Network, SpikeMonitor | None, list[Synapses]]:
        network, monitor, self._last = _network(self._name)
        return network, monitor, []

    def check(self) -> dict[str, np.ndarray]:
        self.step()
        if self._spikes is not None:
            return {"figure": np.array(self._spikes.num_spikes / len(self._last) / self._duration)}
        name, unit = ("v", mV) if self._name == "nmda" else ("r", 1)
        return {"figure": np.array(np.abs(np.asarray(getattr(self._last, name)[:] / unit)).mean())}


class RuntimeTask:
    """A workload of more objects than can be compiled, standalone or with Cython: NumPy runs each of them in every step.

    State continues. The figure is that of a tenth of the other sides' time, a repetition takes a fiftieth.
    """

    formula: ClassVar[dict[str, Any]] = {}
    notes = ("Runtime mode with NumPy, state continues between repetitions, each of a fiftieth of the others' time.",)

    def __init__(self, name: str, seed: int) -> None:
        brian2.set_device("runtime")
        brian2.prefs.codegen.target = "numpy"
        brian2.prefs.core.default_float_dtype = np.dtype(WORKLOADS[name].precision).type
        brian2.defaultclock.dt = DT * ms
        brian2.seed(seed)
        self._seconds = WORKLOADS[name].seconds
        self._network, self._spikes, self._last = _network(name)

    def _advance(self, duration: float) -> float:
        start = time.perf_counter()
        self._network.run(duration * second, namespace={})
        return (time.perf_counter() - start) / duration

    def step(self) -> float:
        return self._advance(self._seconds / 50)

    def check(self) -> dict[str, np.ndarray]:
        """The first run; later ones would add to its count of spikes."""
        duration = self._seconds / 10
        self._advance(duration)
        return {"figure": np.array(self._spikes.num_spikes / len(self._last) / duration)}


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if bench not in BUILD:
        raise NotOffered(f"not written for {bench}")
    task = RuntimeTask if bench in constants.MANY else WorkloadTask
    return task(bench, int(inputs["seed"]))
