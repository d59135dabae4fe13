"""Brian2 in `cpp_standalone`: compiled once, its program run for each repetition; Brian2's own run time is reported."""

from __future__ import annotations

import os
import tempfile
from typing import Any, ClassVar

import brian2
import numpy as np
from brian2 import ms, mV, second

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.simulation import _circuit as circuit
from benchmarks.simulation import _song as song
from benchmarks.simulation._lit import first_lit

PACKAGES = ("brian2", "numpy", "cython")
_NARROW = "-mno-avx512f"
EQUATIONS = {
    "coba": """
dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : volt (unless refractory)
dg_e/dt = -g_e / tau_e : 1
dg_i/dt = -g_i / tau_i : 1
""",
    "cuba": """
dv/dt   = (E_L - v + g_e + g_i) / tau_m : volt (unless refractory)
dg_e/dt = -g_e / tau_e : volt
dg_i/dt = -g_i / tau_i : volt
""",
}


class Standalone:
    """One standalone program for `biological_s` seconds."""

    formula: ClassVar[dict[str, Any]] = {}

    def __init__(self, cells: int, seed: int, biological_s: float, precision: str, dt: float) -> None:
        self.notes = (f"cpp_standalone, {precision}, -O3 -ffast-math -march=native ; a process of its own.",)
        self._cells, self._duration = cells, biological_s
        self._folder = tempfile.TemporaryDirectory()
        flags = brian2.prefs.codegen.cpp.extra_compile_args_gcc
        if os.environ.get("RANVIER_VECTOR_BITS") == "256" and _NARROW not in flags:
            brian2.prefs.codegen.cpp.extra_compile_args_gcc = [*flags, _NARROW]
        # its default compiles everything at once: a compiler for each of a thousand files takes all memory
        brian2.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
        brian2.device.reinit()
        brian2.set_device("cpp_standalone", directory=self._folder.name, build_on_run=False)
        brian2.prefs.core.default_float_dtype = np.dtype(precision).type
        brian2.defaultclock.dt = dt * ms
        brian2.seed(seed)
        self._network, self._spikes, self._synapses = self._build()
        self._network.run(biological_s * second, namespace={})
        brian2.device.build(directory=self._folder.name, compile=True, run=False)

    def _build(self) -> tuple[brian2.Network, brian2.SpikeMonitor, list[brian2.Synapses]]:
        raise NotImplementedError

    def step(self) -> float:
        brian2.device.run(self._folder.name, with_output=False, run_args=[])
        return float(brian2.device._last_run_time) / self._duration

    def check(self) -> dict[str, np.ndarray]:
        self.step()
        rate = self._spikes.num_spikes / self._cells / self._duration
        return {"rate": np.array(rate), "synapses": np.array(sum(len(s) for s in self._synapses))}


class CircuitTask(Standalone):
    """The circuit of a kind."""

    def __init__(self, kind: circuit.Kind, cells: int, seed: int, biological_s: float, precision: str) -> None:
        self._kind = kind
        super().__init__(cells, seed, biological_s, precision, circuit.DT)

    def _build(self) -> tuple[brian2.Network, brian2.SpikeMonitor, list[brian2.Synapses]]:
        kind, coba = self._kind, self._kind.model == "coba"
        excitatory, _, probability = circuit.sizes(self._cells)
        names = {"E_L": (circuit.E_L if coba else circuit.CUBA_E_L) * mV}
        if coba:
            names |= {"E_e": circuit.E_E * mV, "E_i": circuit.E_I * mV}
        names |= {"tau_m": circuit.TAU_M * ms, "tau_e": circuit.TAU_E * ms, "tau_i": circuit.TAU_I * ms}
        names |= {"V_t": circuit.V_THRESHOLD * mV, "V_r": circuit.V_RESET * mV}
        group = brian2.NeuronGroup(
            self._cells,
            EQUATIONS[kind.model],
            threshold="v > V_t",
            reset="v = V_r",
            refractory=circuit.REFRACTORY * ms,
            method="exponential_euler" if coba else "exact",
            namespace=names,
        )
        group.v = "-60*mV + 10*mV*rand()"
        if coba:
            (mean_e, spread_e), (mean_i, spread_i) = circuit.G_E_START, circuit.G_I_START
            group.g_e = f"clip({mean_e} + {spread_e}*randn(), 0, inf)"
            group.g_i = f"clip({mean_i} + {spread_i}*randn(), 0, inf)"
        weights = (circuit.W_E, circuit.W_I) if coba else (circuit.CUBA_W_E, circuit.CUBA_W_I)
        unit, kept = ("", "1") if coba else ("*mV", "volt")
        projections = []
        for part, port, weight in ((group[:excitatory], "g_e", weights[0]), (group[excitatory:], "g_i", weights[1])):
            code = f"{port}_post += " + ("w" if kind.weights else f"{weight}{unit}")
            synapses = brian2.Synapses(part, group, f"w : {kept} (constant)" if kind.weights else None, on_pre=code)
            synapses.connect(p=probability)
            if kind.weights:
                synapses.w = f"{weight}{unit}*(1 + {circuit.SPREAD}*randn())"
            if kind.delays:
                synapses.delay = f"{circuit.LONGEST_DELAY}*ms*rand()"
            projections.append(synapses)
        spikes = brian2.SpikeMonitor(group, record=False)
        return brian2.Network(group, *projections, spikes), spikes, projections


def _plastic(kind: song.Kind) -> dict[str, str]:
    """Equations and code of a rule; each event-driven."""

    def trace(name: str, tau: float) -> str:
        return f"d{name}/dt = -{name}/({tau}*ms) : 1 (event-driven)"

    top = kind.w_max
    if kind.rule == "triplet":
        a, tau = {n: v * top for n, v in song.TRIPLET.items()}, song.TRIPLET_TAU
        traces = [
            trace("r1", tau["tau_plus"]),
            trace("r2", tau["tau_x"]),
            trace("o1", tau["tau_minus"]),
            trace("o2", tau["tau_y"]),
        ]
        return {
            "model": "\n".join(["w : 1", *traces]),
            "on_pre": f"g_post += w\nw = clip(w - o1*({a['A2_minus']} + {a['A3_minus']}*r2), 0, {top})\nr1 += 1\nr2 += 1",
            "on_post": f"w = clip(w + r1*({a['A2_plus']} + {a['A3_plus']}*o2), 0, {top})\no1 += 1\no2 += 1",
        }
    model = "\n".join(["w : 1", trace("x", song.TAU_STDP), trace("y", song.TAU_STDP)])
    if kind.rule == "multiplicative":
        up, rate = song.MULTIPLICATIVE["A_plus"] * top, song.MULTIPLICATIVE["rate"]
        on_pre = f"g_post += w\nx += 1\nw = clip(w - {rate}*w*y, 0, inf)"
        return {"model": model, "on_pre": on_pre, "on_post": f"y += 1\nw += {up}*x"}
    return {
        "model": model,
        "on_pre": f"g_post += w\nx += {song.A_PLUS * top}\nw = clip(w + y, 0, {top})",
        "on_post": f"y += {song.A_MINUS * top}\nw = clip(w + x, 0, {top})",
    }


class StdpTask(Standalone):
    """Plastic synapses from Poisson inputs."""

    def __init__(self, kind: song.Kind, *given: Any) -> None:
        self._kind = kind
        super().__init__(*given)

    def _build(self) -> tuple[brian2.Network, brian2.SpikeMonitor, list[brian2.Synapses]]:
        names = {"E_L": song.E_L * mV, "E_e": song.E_E * mV, "V_t": song.V_THRESHOLD * mV, "V_r": song.V_RESET * mV}
        names |= {"tau_m": song.TAU_M * ms, "tau_e": song.TAU_E * ms}
        equations = "dv/dt = (g*(E_e - v) + E_L - v)/tau_m : volt\ndg/dt = -g/tau_e : 1"
        inputs = brian2.PoissonGroup(self._cells, rates=song.INPUT_HZ * brian2.Hz)
        group = brian2.NeuronGroup(
            self._cells, equations, threshold="v > V_t", reset="v = V_r", method="exponential_euler", namespace=names
        )
        group.v = song.V_RESET * mV
        synapses = brian2.Synapses(inputs, group, **_plastic(self._kind))
        synapses.connect(p=self._kind.probability)
        synapses.w = f"rand()*{self._kind.w_max}"
        spikes = brian2.SpikeMonitor(group, record=False)
        return brian2.Network(inputs, group, synapses, spikes), spikes, [synapses]

    def check(self) -> dict[str, np.ndarray]:
        return {**super().check(), "weight": np.array(np.mean(self._synapses[0].w) / self._kind.w_max)}


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    cells, seed, kind = int(inputs["cells"]), int(inputs["seed"]), circuit.kind_of(bench)
    how = options["biological_s"], options["precision"]
    if bench in song.KINDS:
        return StdpTask(song.KINDS[bench], cells, seed, *how, song.DT)
    if kind is None:
        raise NotOffered(f"not written for {bench}")
    return first_lit(lambda s: CircuitTask(kind, cells, s, *how), seed, kind.accepted_hz[0])
