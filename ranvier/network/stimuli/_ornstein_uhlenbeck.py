"""Coloured noise by counting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError
from ranvier.kernels.drawing import step_normals
from ranvier.network.stimuli._signal import Signal, name_in, one_or_each
from ranvier.network.stimuli.counts import count_of
from ranvier.units import UNITS, as_quantity
from ranvier.values import flag, key_of

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["OrnsteinUhlenbeck"]

_TIME = UNITS["ms"].dimension
#: after so many time constants what was before counts less than float64 can hold (exp(-38) < 2**-54)
_FORGOTTEN = 38


class OrnsteinUhlenbeck(Signal):
    """Coloured Gaussian noise around ``mean``, stationary from the first step.

    ``dx = (mean - x)/tau*dt + sigma*sqrt(2/tau)*dW``, exact at the steps: x(t + dt) - mean = a*(x(t) - mean) +
    sigma*sqrt(1 - a²)*normal with a = exp(-dt/tau). A stretch begins so many time constants early that its start is
    forgotten to the last bit, so the value depends on the network's seed, the name of the source, the call's ``stream``,
    the sample, the cell and the step alone, not on threads or cuts. Every sample and every call has noise of its own.

    Parameters
    ----------
    mean, sigma
        Mean and standard deviation, of one dimension; each one value, or one per cell.
    tau
        Correlation time; one value for all cells.
    size
        Number of cells, each with noise of its own.
    frozen
        Give all samples and all calls the same noise.

    Source: Uhlenbeck & Ornstein, Physical Review 1930; exact updating: Gillespie, Physical Review E 1996.

    >>> noise = net.source("noise", rv.OrnsteinUhlenbeck(0.2*nA, 0.05*nA, 5*ms, 100))
    """

    def __init__(self, mean: Any, sigma: Any, tau: Any, size: int = 1, *, frozen: bool = False) -> None:
        self.shape = (count_of(size, "OrnsteinUhlenbeck: size"),)
        self.mean, self.dimension = one_or_each(mean, size, "OrnsteinUhlenbeck: mean")
        self.sigma, _ = one_or_each(sigma, size, "OrnsteinUhlenbeck: sigma", self.dimension)
        if (self.sigma < 0).any():
            raise DimensionError(f"OrnsteinUhlenbeck: sigma={sigma!r} is negative; a standard deviation is 0 or more.")
        duration = as_quantity(tau)
        if duration.dimension != _TIME or duration.shape != () or not 0 < float(duration.value) < math.inf:
            raise DimensionError(f"OrnsteinUhlenbeck: tau={tau!r} must be one positive finite time, for example 5*ms.")
        self.tau, self.frozen = float(duration.value), flag(frozen, "OrnsteinUhlenbeck: frozen")

    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        return self.draw(first, count, graph, 0, 1)

    def draw(self, first: int, count: int, graph: Graph, stream: int, batch: int) -> torch.Tensor:
        from scipy.signal import lfilter  # slow to import

        size, keep = self.shape[0], math.exp(-graph.dt / self.tau)
        lead = math.ceil(_FORGOTTEN * self.tau / graph.dt)
        stretch = max(lead, 1024)  # steps that begin together
        key, gain = key_of(graph.seed, f"{name_in(graph, self)}.ornstein_uhlenbeck"), math.sqrt(1 - keep**2)
        pieces = [np.empty((0, batch, size))]
        for low in range(first // stretch * stretch, first + count, stretch):
            steps = min(low + stretch, first + count) - low + lead
            numbers = step_normals((*key, stream), low, steps, size, batch).astype(np.float64)
            x = lfilter([gain], [1.0, -keep], numbers, axis=0)[lead:]
            pieces.append(x[max(first - low, 0) :])
        out = self.mean + self.sigma * np.concatenate(pieces)
        return torch.from_numpy(out).to(graph.device, graph.dtype)

    def __repr__(self) -> str:
        frozen = ", frozen=True" if self.frozen else ""
        return f"OrnsteinUhlenbeck(tau={self.tau:g} ms, size={self.shape[0]}{frozen})"
