"""Ranvier's step rule in plain numpy, as small as it can be written: what a witness must equal before it is stored.

Step n: arrive -> advance -> fire -> reset, then record.  A state is an array ``[V, N]`` (variables, cells).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Slope = Callable[[Array, Array], Array]
Linear = Callable[[Array, Array], tuple[Array, Array]]
Advance = Callable[[Array, Array], Array]


def euler(slope: Slope, dt: float) -> Advance:
    """``x + dt f(x)``."""
    return lambda x, u: x + dt * slope(x, u)


def rk2(slope: Slope, dt: float) -> Advance:
    """Midpoint rule; the input is held during the step."""
    return lambda x, u: x + dt * slope(x + dt / 2 * slope(x, u), u)


def rk4(slope: Slope, dt: float) -> Advance:
    """Classical Runge-Kutta; the input is held during the step."""

    def advance(x: Array, u: Array) -> Array:
        k1 = slope(x, u)
        k2 = slope(x + dt / 2 * k1, u)
        k3 = slope(x + dt / 2 * k2, u)
        k4 = slope(x + dt * k3, u)
        return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return advance


def exponential_euler(linear: Linear, dt: float) -> Advance:
    """``x' = a x + b`` with a, b frozen at the old state: ``(x + b/a) exp(a dt) - b/a``, all variables at once."""

    def advance(x: Array, u: Array) -> Array:
        a, b = linear(x, u)
        return (x + b / a) * np.exp(a * dt) - b / a

    return advance


def run_cells(
    advance: Advance,
    start: Array,
    inputs: Array,
    *,
    fires: Callable[[Array], NDArray[np.bool_]] | None = None,
    reset: Callable[[Array, NDArray[np.intp]], None] | None = None,
    refractory_steps: int = 0,
    frozen: tuple[int, ...] = (),
) -> tuple[Array, list[tuple[int, int]]]:
    """Run uncoupled cells; returns the state after each step, ``[T, V, N]``, and the spikes as (step, neuron)."""
    x = start.copy()
    left = np.zeros(x.shape[1], dtype=int)
    rows = np.empty((len(inputs), *x.shape))
    spikes: list[tuple[int, int]] = []
    for n, u in enumerate(inputs):
        new = advance(x, u)
        for row in frozen:
            new[row] = np.where(left > 0, x[row], new[row])
        x = new
        if fires is not None and reset is not None:
            who = np.flatnonzero(fires(x) & (left == 0))
            left = np.maximum(left - 1, 0)
            reset(x, who)
            left[who] = refractory_steps
            spikes += [(n, int(i)) for i in who]
        rows[n] = x
    return rows, spikes


class DelayLine:
    """Arrivals on one port: a ring of accumulators; ``k`` steps after the spike the weight arrives."""

    def __init__(self, neurons: int, pre: NDArray, post: NDArray, weight: Array, k: NDArray) -> None:
        self.post, self.weight, self.k = post, weight, k
        self.ring = np.zeros((int(k.max(initial=0)) + 1, neurons))
        self.out = [np.flatnonzero(pre == i) for i in range(neurons)]

    def arrivals(self, n: int) -> Array:
        """Take what arrives in step n."""
        row = n % len(self.ring)
        total = self.ring[row].copy()
        self.ring[row] = 0.0
        return total

    def send(self, n: int, who: NDArray[np.intp]) -> None:
        """Send the spikes fired in step n."""
        for i in who:
            e = self.out[i]
            np.add.at(self.ring, ((n + self.k[e]) % len(self.ring), self.post[e]), self.weight[e])
