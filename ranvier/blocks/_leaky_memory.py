"""The expressive leaky memory neuron: slow memory units behind a nonlinear integration of synapses."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from ranvier.blocks._parts import check_sizes
from ranvier.connectivity import Linear
from ranvier.errors import ShapeError
from ranvier.network import Network, Relay
from ranvier.neurons import Cell
from ranvier.units import ms
from ranvier.values import Learn, Uniform

__all__ = ["leaky_memory"]


def leaky_memory(
    inputs: int, outputs: int, *, dt: Any, memory: int = 10, branches: int | None = None, hidden: int | None = None, tau_s: Any = 5 * ms,
    tau: Any = None, gain: float = 5.0, **network: Any,
) -> Network:  # fmt: skip
    """An expressive leaky memory neuron (ELM): synapses, branches, an integration of two layers, slow memory units, a read-out.

    s' = exp(-dt/tau_s)*s + x for each input; b = means of w*s over the synapses of each branch, w >= 0
    c = W_2 relu(W_1 b + W_m m + b_1) + b_2
    m' = k*m + gain*(1 - k)*1.7159*tanh(2/3*c), k = exp(-dt/tau); y = W_y m' + b_y

    x [T, B, inputs] spikes, y [T, B, outputs]. W_m reads the memory of the step before.

    Parameters
    ----------
    inputs, outputs
        Numbers of synapses and of read-outs.
    dt
        Step of the network.
    memory
        Number of memory units.
    branches
        Number of branches, each with the same number of neighbouring inputs. None: each synapse is a branch of its own.
    hidden
        Units of the first layer; None: twice as many as memory units.
    tau_s
        Time constant of the synapses [ms].
    tau
        Time constants of the memory units [ms]; None: learnt, from 1 to 150 ms in equal ratios at the start.
    gain
        How strongly an update moves the memory [1].
    network
        Further arguments of :class:`ranvier.Network`, such as ``seed``.

    Raises
    ------
    ShapeError
        Where a size is not a positive whole number, or the inputs cannot be divided into branches of equal size.

    Source: Spieler et al., ICLR 2024 (ELM and Branch-ELM).

    >>> elm = rv.blocks.leaky_memory(40, 2, dt=1*ms, branches=8)
    >>> y, state = elm((torch.rand(100, 4, 40) < 0.02).float())
    """
    hidden = 2 * memory if hidden is None else hidden
    branches = inputs if branches is None else branches
    check_sizes("leaky_memory", inputs=inputs, outputs=outputs, memory=memory, branches=branches, hidden=hidden)
    if inputs % branches:
        raise ShapeError(
            f"leaky_memory: {inputs} inputs cannot be divided into {branches} equal branches: give a divisor."
        )
    net = Network(dt=dt, **network)
    x, synapses = net.input("input", inputs), net.population("synapses", inputs, _synapse(tau_s))
    units = net.population("hidden", hidden, Cell("c = maximum(x, 0) : 1\nx : 1 (input)", emit="c", name="rectifier"))
    kept = net.population("memory", memory, _unit(memory, tau, gain))
    read = net.population("read", outputs, Relay(), output=True)
    gathered = (
        [nn.Unflatten(1, (1, inputs)), nn.AvgPool1d(inputs // branches), nn.Flatten()] if branches < inputs else []
    )
    net.connect(x, synapses, [], same_step=True)
    net.connect(synapses, units, [*gathered, Linear(branches, hidden)], same_step=True)
    net.connect(kept, units, Linear(memory, hidden, bias=False))
    net.connect(units, kept, Linear(hidden, memory), same_step=True)
    net.connect(kept, read, Linear(memory, outputs), same_step=True)
    return net


def _synapse(tau_s: Any) -> Cell:
    """A weighted trace of spikes."""
    return Cell(
        "s' = exp(-dt/tau_s)*s + x : 1\nweighted = w*s : 1\nx : 1 (input)", emit="weighted", name="trace", tau_s=tau_s,
        w=Learn(Uniform(0.2, 0.8), min=0.0),
    )  # fmt: skip


def _unit(memory: int, tau: Any, gain: float) -> Cell:
    """A leaky unit that moves towards a bounded target."""
    times = Learn(np.geomspace(1.0, 150.0, memory) * ms, min=0.5 * ms) if tau is None else tau
    return Cell(
        "m' = k*m + gain*(1 - k)*1.7159*tanh(2*c/3) : 1\nk = exp(-dt/tau) : 1\nc : 1 (input)", emit="m", name="leaky",
        tau=times, gain=gain,
    )  # fmt: skip
