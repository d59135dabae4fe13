"""Uncoupled cells in Brian2 under a stored input that is held during each step."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
from numpy.typing import NDArray

b2.prefs.codegen.target = "numpy"


def spikes_of(monitor: b2.SpikeMonitor, dt: float) -> list[tuple[int, int]]:
    """Return the monitor's spikes as sorted (step, neuron): Brian2's time t belongs to the step that starts at t."""
    return sorted(
        zip(np.round(monitor.t / b2.ms / dt).astype(int).tolist(), np.asarray(monitor.i).tolist(), strict=True)
    )


def run_cells(
    text: str,
    *,
    method: str,
    dt: float,
    start: dict[str, NDArray[np.float64]],
    per_cell: dict[str, NDArray[np.float64]],
    inputs: tuple[str, NDArray[np.float64]],
    units: dict[str, Any],
    constants: dict[str, Any],
    spiking: dict[str, Any] | None = None,
) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
    """Run ``text``; returns the variables of ``start`` after each step, ``[T, V, N]`` in base units, and the spikes.

    ``inputs`` is (name, ``[T, N]``): a parameter that is set from a TimedArray at the very start of each step, so that
    every stage of a Runge-Kutta method sees the same value.  ``units`` maps each name to its unit (1 where none).
    """
    b2.start_scope()
    name, table = inputs
    clock = dt * b2.ms
    b2.defaultclock.dt = clock
    stimulus = b2.TimedArray(table * units[name], dt=clock)
    group = b2.NeuronGroup(
        table.shape[1], text, method=method, namespace={**constants, "stimulus": stimulus}, **(spiking or {})
    )
    group.run_regularly(f"{name} = stimulus(t, i)", when="start")
    for key, value in {**start, **per_cell}.items():
        setattr(group, key, value * units[key])
    traces = b2.StateMonitor(group, list(start), record=True, when="end")
    net = b2.Network(group, traces)
    monitor = b2.SpikeMonitor(group) if spiking else None
    if monitor is not None:
        net.add(monitor)
    net.run(len(table) * clock)
    rows = np.stack([np.asarray(getattr(traces, key) / units[key]).T for key in start], axis=1)
    return rows, spikes_of(monitor, dt) if monitor is not None else []
