"""Hand-written `jax.lax.scan` with exactly the asked formulas, jitted: the best a JAX user can do without a library."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.training import _cells
from benchmarks.training._formula import BETA, Formula

PACKAGES = ("jax", "jaxlib")
Scan = Callable[[jax.Array], jax.Array]


@jax.custom_jvp
def spike(v: jax.Array) -> jax.Array:
    """Heaviside step of v - 1 with the arctan derivative."""
    return (v >= 1.0).astype(v.dtype)


@spike.defjvp
def _spike_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (v,), (dv,) = primals, tangents
    return spike(v), dv / (1.0 + (jnp.pi * (v - 1.0)) ** 2)


def lif(x: jax.Array) -> jax.Array:
    def step(v: jax.Array, x_t: jax.Array) -> tuple[jax.Array, jax.Array]:
        v = BETA * v + x_t
        s = spike(v)
        return v - jax.lax.stop_gradient(s), s

    return jax.lax.scan(step, jnp.zeros_like(x[0]), x)[1]


def cuba(x: jax.Array) -> jax.Array:
    def step(state: tuple[jax.Array, jax.Array], x_t: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        v, i = state
        i = _cells.SYNAPSE_DECAY * i + x_t
        v = BETA * v + i
        s = spike(v)
        return (v - jax.lax.stop_gradient(s), i), s

    zero = jnp.zeros_like(x[0])
    return jax.lax.scan(step, (zero, zero), x)[1]


def adex(x: jax.Array) -> jax.Array:
    def step(state: tuple[jax.Array, ...], x_t: jax.Array) -> tuple[tuple[jax.Array, ...], jax.Array]:
        v, i, w = _cells.adex_advance(jnp, *state, x_t)
        s = spike(v)
        kick = jax.lax.stop_gradient(s)
        return (v * (1.0 - kick), i, w + _cells.ADEX_JUMP * kick), s

    zero = jnp.zeros_like(x[0])
    return jax.lax.scan(step, (zero, zero, zero), x)[1]


def hodgkin_huxley(x: jax.Array) -> jax.Array:
    def step(state: tuple[jax.Array, ...], x_t: jax.Array) -> tuple[tuple[jax.Array, ...], jax.Array]:
        state = _cells.hodgkin_huxley_step(jnp, state, x_t)
        return state, state[0]

    start = tuple(jnp.full_like(x[0], value) for value in _cells.HH_REST)
    return jax.lax.scan(step, start, x)[1]


SCANS: dict[str, Scan] = {
    "lif_scan": lif,
    "lif_scan_sum": lif,
    "cuba_scan": cuba,
    "adex_scan": adex,
    "hodgkin_huxley_scan": hodgkin_huxley,
}


class ScanTask:
    """Output and input gradient under one `jit`."""

    formula = Formula().as_dict()
    notes = ("jax.lax.scan and jax.vjp under one jit.",)

    def __init__(self, scan: Scan, inputs: Arrays, *, summed: bool, output: str) -> None:
        self._x, self._upstream, self._output = jnp.asarray(inputs["x"]), jnp.asarray(inputs["upstream"]), output

        @jax.jit
        def both(x: jax.Array, upstream: jax.Array) -> tuple[jax.Array, jax.Array]:
            found, backward = jax.vjp(scan, x)
            return found, backward(jnp.ones_like(found) if summed else upstream)[0]

        self._both = both

    def check(self) -> dict[str, np.ndarray]:
        found, gradient = self._both(self._x, self._upstream)
        return {self._output: np.asarray(found), "grad_x": np.asarray(gradient)}

    def step(self) -> None:
        jax.block_until_ready(self._both(self._x, self._upstream))


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if bench not in SCANS:
        raise NotOffered(f"no hand-written scan for {bench}; see spyx")
    output = "v" if bench == "hodgkin_huxley_scan" else "spikes"
    return ScanTask(SCANS[bench], inputs, summed=bench.endswith("sum"), output=output)
