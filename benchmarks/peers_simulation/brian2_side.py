"""Brian2 in `cpp_standalone`: compiled once, its program run for each repetition; Brian2's own run time is reported."""

from __future__ import annotations

import tempfile
from typing import Any, ClassVar

import brian2
import numpy as np
from brian2 import ms, mV, second

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.simulation import _circuit as circuit
from benchmarks.simulation._lit import first_lit

PACKAGES = ("brian2", "numpy", "cython")
EQUATIONS = """
dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : volt (unless refractory)
dg_e/dt = -g_e / tau_e : 1
dg_i/dt = -g_i / tau_i : 1
"""


class CobaTask:
    """One standalone program for `biological_s` seconds."""

    formula: ClassVar[dict[str, Any]] = {}

    def __init__(self, cells: int, seed: int, biological_s: float, precision: str) -> None:
        self.notes = (f"cpp_standalone, {precision}, -O3 -ffast-math -march=native ; a process of its own.",)
        self._cells, self._duration = cells, biological_s
        self._folder = tempfile.TemporaryDirectory()
        brian2.device.reinit()
        brian2.set_device("cpp_standalone", directory=self._folder.name, build_on_run=False)
        brian2.prefs.core.default_float_dtype = np.dtype(precision).type
        brian2.defaultclock.dt = circuit.DT * ms
        brian2.seed(seed)
        self._network, self._spikes, self._synapses = self._build()
        self._network.run(biological_s * second, namespace={})
        brian2.device.build(directory=self._folder.name, compile=True, run=False)

    def _build(self) -> tuple[brian2.Network, brian2.SpikeMonitor, list[brian2.Synapses]]:
        excitatory, _, probability = circuit.sizes(self._cells)
        names = {"E_L": circuit.E_L * mV, "E_e": circuit.E_E * mV, "E_i": circuit.E_I * mV}
        names |= {"tau_m": circuit.TAU_M * ms, "tau_e": circuit.TAU_E * ms, "tau_i": circuit.TAU_I * ms}
        names |= {"V_t": circuit.V_THRESHOLD * mV, "V_r": circuit.V_RESET * mV}
        group = brian2.NeuronGroup(
            self._cells,
            EQUATIONS,
            threshold="v > V_t",
            reset="v = V_r",
            refractory=circuit.REFRACTORY * ms,
            method="exponential_euler",
            namespace=names,
        )
        group.v = "-60*mV + 10*mV*rand()"
        (mean_e, spread_e), (mean_i, spread_i) = circuit.G_E_START, circuit.G_I_START
        group.g_e = f"clip({mean_e} + {spread_e}*randn(), 0, inf)"
        group.g_i = f"clip({mean_i} + {spread_i}*randn(), 0, inf)"
        to_e = brian2.Synapses(group[:excitatory], group, on_pre=f"g_e_post += {circuit.W_E}")
        to_i = brian2.Synapses(group[excitatory:], group, on_pre=f"g_i_post += {circuit.W_I}")
        for synapses in (to_e, to_i):
            synapses.connect(p=probability)
        spikes = brian2.SpikeMonitor(group, record=False)
        return brian2.Network(group, to_e, to_i, spikes), spikes, [to_e, to_i]

    def step(self) -> float:
        brian2.device.run(self._folder.name, with_output=False, run_args=[])
        return float(brian2.device._last_run_time) / self._duration

    def check(self) -> dict[str, np.ndarray]:
        self.step()
        rate = self._spikes.num_spikes / self._cells / self._duration
        return {"rate": np.array(rate), "synapses": np.array(sum(len(s) for s in self._synapses))}


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if not bench.startswith("coba_"):
        raise NotOffered(f"not written for {bench}")
    cells, seed = int(inputs["cells"]), int(inputs["seed"])
    return first_lit(lambda s: CobaTask(cells, s, options["biological_s"], options["precision"]), seed)
