"""BrainPy's newer API (`brainpy.state` on `brainstate`): event-driven connections, the whole run under one `jit`.

Conductances are in siemens and the resistance in ohm, so that g (E - V) R is a voltage; the library's connections have
a fixed number of targets per cell instead of a fixed probability.
"""

from __future__ import annotations

import time
from typing import Any, ClassVar

import brainpy
import brainstate
import braintools
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.simulation import _circuit as circuit
from benchmarks.simulation._lit import first_lit, still_lit

PACKAGES = ("brainpy", "brainpy_state", "brainstate", "brainevent", "jax", "jaxlib")


class Net(brainstate.nn.Module):
    """One population of LIF cells with two conductance projections onto itself."""

    def __init__(self, cells: int, seed: int) -> None:
        super().__init__()
        excitatory, inhibitory, probability = circuit.sizes(cells)
        self.excitatory = excitatory
        self.cells = brainpy.state.LIFRef(
            cells,
            R=1.0 * u.ohm,
            tau=circuit.TAU_M * u.ms,
            tau_ref=circuit.REFRACTORY * u.ms,
            V_th=circuit.V_THRESHOLD * u.mV,
            V_reset=circuit.V_RESET * u.mV,
            V_rest=circuit.E_L * u.mV,
            V_initializer=braintools.init.Uniform(circuit.V_RESET * u.mV, circuit.V_THRESHOLD * u.mV),
            spk_reset="hard",
        )
        self.to_e = self._projection(excitatory, probability, circuit.W_E, circuit.TAU_E, circuit.E_E, seed)
        self.to_i = self._projection(inhibitory, probability, circuit.W_I, circuit.TAU_I, circuit.E_I, seed + 1)

    def _projection(
        self, sources: int, probability: float, weight: float, tau: float, reversal: float, seed: int
    ) -> brainpy.state.AlignPostProj:
        size = self.cells.in_size
        silent = braintools.init.Constant(0.0 * u.siemens)
        return brainpy.state.AlignPostProj(
            comm=brainstate.nn.EventFixedProb(sources, size, probability, weight * u.siemens, seed=seed),
            syn=brainpy.state.Expon.desc(size, tau=tau * u.ms, g_initializer=silent),
            out=brainpy.state.COBA.desc(E=reversal * u.mV),
            post=self.cells,
        )

    def kick(self, seed: int) -> None:
        """Draw the initial conductances."""
        generator = np.random.default_rng(seed)
        for projection, moments in ((self.to_e, circuit.G_E_START), (self.to_i, circuit.G_I_START)):
            drawn = np.clip(generator.normal(*moments, self.cells.varshape), 0.0, None)
            projection.syn.g.value = jnp.asarray(drawn, jnp.float32) * u.siemens

    def update(self, index: jax.Array) -> jax.Array:
        """One step; returns the number of spikes."""
        with brainstate.environ.context(i=index, t=index * brainstate.environ.get_dt()):
            spikes = self.cells.get_spike() != 0.0
            self.to_e(spikes[: self.excitatory])
            self.to_i(spikes[self.excitatory :])
            self.cells()
            return jnp.sum(self.cells.get_spike() != 0.0)


class CobaTask:
    """Build and compile once; each repetition continues the run by `biological_s` seconds."""

    formula: ClassVar[dict[str, Any]] = {}
    notes = ("brainpy.state, float32, fixed number of targets per cell; state continues between repetitions.",)

    def __init__(self, cells: int, seed: int, biological_s: float) -> None:
        brainstate.environ.set(dt=circuit.DT * u.ms)
        brainstate.random.seed(seed)
        self._cells, self._duration = cells, biological_s
        self._steps, self._start = round(biological_s * 1e3 / circuit.DT), 0
        net = Net(cells, seed)
        brainstate.nn.init_all_states(net)
        net.kick(seed)
        self._run = brainstate.transform.jit(lambda indices: brainstate.transform.for_loop(net.update, indices).sum())

    def _advance(self) -> int:
        indices = jnp.arange(self._start, self._start + self._steps)
        self._start += self._steps
        return int(self._run(indices))

    def check(self) -> dict[str, np.ndarray]:
        return {"rate": np.array(self._advance() / self._cells / self._duration)}

    def step(self) -> float:
        start = time.perf_counter()
        fired = self._advance()
        still_lit(fired, self._cells, self._duration)
        return (time.perf_counter() - start) / self._duration


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if circuit.kind_of(bench) != circuit.Kind("coba"):
        raise NotOffered(f"not written for {bench}")
    cells, seed = int(inputs["cells"]), int(inputs["seed"])
    return first_lit(lambda s: CobaTask(cells, s, options["biological_s"]), seed)
