"""Ranvier's side of the circuit benches."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np

import ranvier as rv
from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.simulation import _circuit as circuit
from benchmarks.simulation import _song as song
from benchmarks.simulation._lit import first_lit, still_lit
from ranvier.units import Hz, ms, mV, second

_COBA = """
dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
dg_e/dt = -g_e / tau_e : 1
dg_i/dt = -g_i / tau_i : 1
"""
_CUBA = """
dv/dt   = (E_L - v + g_e + g_i) / tau_m : mV  (unless refractory)
dg_e/dt = -g_e / tau_e : mV
dg_i/dt = -g_i / tau_i : mV
"""


class CircuitTask:
    """The circuit of a kind; state continues between repetitions."""

    formula: ClassVar[dict[str, Any]] = {}
    notes = ("float32, state continues between repetitions.",)

    def __init__(self, kind: circuit.Kind, cells: int, seed: int, biological_s: float) -> None:
        self._cells, self._duration, self._state = cells, biological_s, None
        self._least = kind.accepted_hz[0]
        excitatory, inhibitory, probability = circuit.sizes(cells)
        values = {"V_t": circuit.V_THRESHOLD * mV, "V_r": circuit.V_RESET * mV}
        values |= {"tau_m": circuit.TAU_M * ms, "tau_e": circuit.TAU_E * ms, "tau_i": circuit.TAU_I * ms}
        if kind.model == "coba":
            values |= {"E_L": circuit.E_L * mV, "E_e": circuit.E_E * mV, "E_i": circuit.E_I * mV}
            start = {
                "v": rv.Uniform(-65 * mV, circuit.V_THRESHOLD * mV),
                "g_e": rv.Uniform(0, 2),
                "g_i": rv.Uniform(0, 20),
            }
            unit, means = 1.0, (circuit.W_E, circuit.W_I)
        else:
            values |= {"E_L": circuit.CUBA_E_L * mV}
            start = {"v": rv.Uniform(circuit.V_RESET * mV, circuit.V_THRESHOLD * mV)}
            unit, means = mV, (circuit.CUBA_W_E, circuit.CUBA_W_I)
        cell = rv.Cell(
            _COBA if kind.model == "coba" else _CUBA, threshold="v > V_t", reset="v = V_r",
            refractory=circuit.REFRACTORY * ms, **values,
        )  # fmt: skip
        self._net = rv.Network(dt=circuit.DT * ms, seed=seed)
        self._net.population("exc", excitatory, cell, **start)
        self._net.population("inh", inhibitory, cell, **start)
        delay = rv.Uniform(0 * ms, circuit.LONGEST_DELAY * ms) if kind.delays else None
        for pre, port, mean in (("exc", "g_e", means[0]), ("inh", "g_i", means[1])):
            weight = rv.Normal(mean * unit, circuit.SPREAD * abs(mean) * unit) if kind.weights else mean * unit
            self._net.connect(
                pre, ["exc", "inh"], rv.FixedProbability(probability), to=port, weight=weight, delay=delay
            )

    def _advance(self) -> int:
        record = {"exc": ["spikes"], "inh": ["spikes"]}
        run = self._net.run(self._duration * second, self._state, stream=0, record=record)
        self._state = run.state
        return len(run["exc"].spikes) + len(run["inh"].spikes)

    def check(self) -> dict[str, np.ndarray]:
        return {"rate": np.array(self._advance() / self._cells / self._duration)}

    def step(self) -> float:
        start = time.perf_counter()
        fired = self._advance()
        seconds = time.perf_counter() - start
        still_lit(fired, self._cells, self._duration, self._least)
        return seconds / self._duration


def _rule(kind: song.Kind) -> rv.Plasticity:
    """The rule of a bench."""
    w_max = kind.w_max
    if kind.rule == "triplet":
        sizes = {n: a * w_max for n, a in song.TRIPLET.items()}
        return rv.plasticity.TripletSTDP(**sizes, **{n: t * ms for n, t in song.TRIPLET_TAU.items()}, w_max=w_max)
    taus = {"tau_plus": song.TAU_STDP * ms, "tau_minus": song.TAU_STDP * ms}
    if kind.rule == "multiplicative":
        sizes = song.MULTIPLICATIVE
        return rv.plasticity.MultiplicativeSTDP(A_plus=sizes["A_plus"] * w_max, rate=sizes["rate"], **taus)
    return rv.plasticity.STDP(A_plus=song.A_PLUS * w_max, A_minus=song.A_MINUS * w_max, w_max=w_max, **taus)


class StdpTask:
    """Plastic synapses from Poisson inputs; state continues between repetitions."""

    formula: ClassVar[dict[str, Any]] = {}
    notes = ("float32, rows read at input spikes, state continues between repetitions.",)

    def __init__(self, kind: song.Kind, size: int, seed: int, biological_s: float) -> None:
        self._kind, self._size, self._duration, self._state = kind, size, biological_s, None
        cell = rv.Cell(
            "dv/dt = (g*(E_e - v) + E_L - v)/tau_m : mV\ndg/dt = -g/tau_e : 1",
            threshold="v > V_t", reset="v = V_r", v=song.V_RESET * mV,
            E_e=song.E_E * mV, E_L=song.E_L * mV, V_t=song.V_THRESHOLD * mV, V_r=song.V_RESET * mV,
            tau_m=song.TAU_M * ms, tau_e=song.TAU_E * ms,
        )  # fmt: skip
        self._net = rv.Network(dt=song.DT * ms, seed=seed)
        self._net.source("input", rv.Poisson(song.INPUT_HZ * Hz, size))
        self._net.population("cells", size, cell)
        wiring = rv.AllToAll() if kind.probability == 1 else rv.FixedProbability(kind.probability)
        weight = rv.Uniform(0, kind.w_max)
        self._name = self._net.connect("input", "cells", wiring, to="g", weight=weight, plasticity=_rule(kind))[0]

    def _advance(self) -> int:
        run = self._net.run(self._duration * second, self._state, stream=0, record={"cells": ["spikes"]})
        self._state = run.state
        return len(run["cells"].spikes)

    def check(self) -> dict[str, np.ndarray]:
        rate = self._advance() / self._size / self._duration
        weight = float(self._state.synapses[self._name]["w"].mean()) / self._kind.w_max
        return {"rate": np.array(rate), "weight": np.array(weight)}

    def step(self) -> float:
        start = time.perf_counter()
        self._advance()
        return (time.perf_counter() - start) / self._duration


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    cells, seed, kind = int(inputs["cells"]), int(inputs["seed"]), circuit.kind_of(bench)
    if bench in song.KINDS:
        return StdpTask(song.KINDS[bench], cells, seed, options["biological_s"])
    if kind is None:
        raise NotOffered(f"not written for {bench}")
    return first_lit(lambda s: CircuitTask(kind, cells, s, options["biological_s"]), seed, kind.accepted_hz[0])
