"""Spyx (JAX): `spyx.nn.Sequential` under `spyx.nn.run` (a `lax.scan`), one jitted step with optax Adam.

Its LIF compares the membrane of the step before with the threshold: the spike leaves one step late, the reset is
undecayed, and gradient flows through the reset. The asked surrogate is given through `spyx.axn.custom`. Its parameters
include each layer's beta, which is therefore trained too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import spyx.axn
import spyx.nn
from flax import nnx

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.training import _cells
from benchmarks.training._formula import BETA, Formula

PACKAGES = ("spyx", "jax", "jaxlib", "flax", "optax")
FORMULA = Formula(late_reset=True, late_spike=True, cut_reset=False)
NOTES = ("spyx.nn.run over lax.scan, jitted; beta of each layer is a trained parameter of the library.",)
LEARNING_RATE = 1e-6


def arctan() -> Any:
    """The asked surrogate."""
    return spyx.axn.custom(lambda distance: 1.0 / (1.0 + (jnp.pi * distance) ** 2))


class ScanTask:
    """Value and input gradient of one layer under `jit`."""

    notes = NOTES

    def __init__(self, cell: nnx.Module, inputs: Arrays, formula: Formula, *, summed: bool) -> None:
        self.formula = formula.as_dict()
        self._x, self._upstream = jnp.asarray(inputs["x"]), jnp.asarray(inputs["upstream"])
        graph, state = nnx.split(cell)

        @jax.jit
        def both(x: jax.Array, upstream: jax.Array) -> tuple[jax.Array, jax.Array]:
            def layer(x: jax.Array) -> jax.Array:
                return spyx.nn.run(nnx.merge(graph, state), x)[0]

            spikes, backward = jax.vjp(layer, x)
            return spikes, backward(jnp.ones_like(spikes) if summed else upstream)[0]

        self._both = both

    def check(self) -> dict[str, np.ndarray]:
        spikes, gradient = self._both(self._x, self._upstream)
        return {"spikes": np.asarray(spikes), "grad_x": np.asarray(gradient)}

    def step(self) -> None:
        jax.block_until_ready(self._both(self._x, self._upstream))


class Net(nnx.Module):
    """Weights and cells of a network bench; `__call__` is one time step (state in, state out)."""

    def __init__(self, bench: str, inputs: Arrays) -> None:
        rngs = nnx.Rngs(0)
        self.bench = bench
        self.w1, self.w2, self.w3 = (nnx.Param(jnp.asarray(inputs[name])) for name in ("w1", "w2", "w3"))
        if bench == "shd_recurrent":
            size = (inputs["w1"].shape[0],)
            self.cell1 = spyx.nn.RLIF(size, BETA, activation=arctan(), rngs=rngs)
            self.cell1.recurrent_w[...] = jnp.asarray(inputs["w2"]).T
        else:
            sizes = self._hidden_sizes(inputs)
            self.cell1 = spyx.nn.LIF(sizes[0], BETA, activation=arctan(), rngs=rngs)
            self.cell2 = spyx.nn.LIF(sizes[1], BETA, activation=arctan(), rngs=rngs)
        self.readout = spyx.nn.LI((inputs["w3"].shape[0],), BETA, rngs=rngs)

    def _hidden_sizes(self, inputs: Arrays) -> tuple[tuple[int, ...], tuple[int, ...]]:
        channels = inputs["w1"].shape[0], inputs["w2"].shape[0]
        if self.bench == "shd_feedforward":
            return (channels[0],), (channels[1],)
        side = inputs["x"].shape[-1]
        return (side, side, channels[0]), (side // 2, side // 2, channels[1])

    def initial_state(self, batch: int) -> tuple[jax.Array, ...]:
        cells = [self.cell1] if self.bench == "shd_recurrent" else [self.cell1, self.cell2]
        return tuple(cell.initial_state(batch) for cell in [*cells, self.readout])

    def __call__(self, x: jax.Array, state: tuple[jax.Array, ...]) -> tuple[Any, tuple[jax.Array, ...]]:
        if self.bench == "shd_recurrent":
            first, v1 = self.cell1(x @ self.w1[...].T, state[0])
            out, v3 = self.readout(first @ self.w3[...].T, state[1])
            return (out, (first,)), (v1, v3)
        if self.bench == "shd_feedforward":
            first, v1 = self.cell1(x @ self.w1[...].T, state[0])
            second, v2 = self.cell2(first @ self.w2[...].T, state[1])
            out, v3 = self.readout(second @ self.w3[...].T, state[2])
            return (out, (first, second)), (v1, v2, v3)
        first, v1 = self.cell1(_conv(x, self.w1[...]), state[0])
        second, v2 = self.cell2(_conv(_pool(first), self.w2[...]), state[1])
        flat = _pool(second).transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        return (flat @ self.w3[...].T, (first, second)), (v1, v2, state[2])


def _conv(images: jax.Array, kernel: jax.Array) -> jax.Array:
    layout = ("NHWC", "OIHW", "NHWC")
    return jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=layout)


def _pool(images: jax.Array) -> jax.Array:
    return nnx.max_pool(images, (2, 2), strides=(2, 2))


class NetworkTask:
    """One jitted training step."""

    formula, notes = FORMULA.as_dict(), NOTES

    def __init__(self, bench: str, inputs: Arrays) -> None:
        x = inputs["x"]
        self._channels_last = x.ndim == 5
        self._x = jnp.asarray(np.moveaxis(x, 2, -1) if self._channels_last else x)
        targets = jnp.asarray(inputs["targets"])
        self._recurrent = bench == "shd_recurrent"
        graph, self._state = nnx.split(Net(bench, inputs))
        optimizer = optax.adam(LEARNING_RATE)
        self._moments = optimizer.init(self._state)

        def loss(state: Any, x: jax.Array) -> tuple[jax.Array, Any]:
            (out, hidden), _ = spyx.nn.run(nnx.merge(graph, state), x)
            logits = out.mean(0)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
            return losses.mean(), (logits, hidden)

        @jax.jit
        def gradients(state: Any, x: jax.Array) -> tuple[Any, Any]:
            (_, found), grads = jax.value_and_grad(loss, has_aux=True)(state, x)
            return grads, found

        @jax.jit
        def step(state: Any, moments: Any, x: jax.Array) -> tuple[Any, Any]:
            grads = jax.grad(lambda s: loss(s, x)[0])(state)
            updates, moments = optimizer.update(grads, moments, state)
            return optax.apply_updates(state, updates), moments

        self._gradients, self._step = gradients, step

    def check(self) -> dict[str, np.ndarray]:
        grads, (logits, hidden) = self._gradients(self._state, self._x)
        found = {"logits": np.asarray(logits)}
        for index, raster in enumerate(hidden, 1):
            spikes = np.asarray(raster)
            found[f"spikes{index}"] = np.moveaxis(spikes, -1, 2) if self._channels_last else spikes
        found |= {f"grad_{name}": np.asarray(grads[name][...]) for name in ("w1", "w2", "w3")}
        if self._recurrent:
            found["grad_w2"] = np.asarray(grads["cell1"]["recurrent_w"][...]).T
        return found

    def step(self) -> None:
        self._state, self._moments = self._step(self._state, self._moments, self._x)
        jax.block_until_ready(self._state)


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if bench in ("lif_scan", "lif_scan_sum"):
        cell = spyx.nn.LIF((inputs["x"].shape[-1],), BETA, activation=arctan(), rngs=nnx.Rngs(0))
        return ScanTask(cell, inputs, FORMULA, summed=bench.endswith("sum"))
    if bench == "cuba_scan":
        size = (inputs["x"].shape[-1],)
        cell = spyx.nn.CuBaLIF(size, _cells.SYNAPSE_DECAY, BETA, activation=arctan(), rngs=nnx.Rngs(0))
        return ScanTask(cell, inputs, replace(FORMULA, late_reset=False), summed=False)
    if bench in ("shd_feedforward", "shd_recurrent", "nmnist_conv"):
        return NetworkTask(bench, inputs)
    raise NotOffered(f"Spyx has no cell for {bench}")
