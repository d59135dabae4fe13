"""The parts of a torch contender that are the same for every library: leaf, loss, backward, optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks._protocol import Arrays
from benchmarks.training._formula import Formula

LEARNING_RATE = 1e-6
"""Small, so that the firing rates the bench states hold from the first round to the last."""


class ScanTask:
    """Forward and backward through one layer of neurons, without weights.

    Args:
        scan: input [T, B, N] to output [T, B, N], the library's own multi-step call.
        inputs: `x` and `upstream`, both [T, B, N].
        formula: what the library computes.
        notes: settings a reader must know.
        scale: the library needs its input multiplied by this (a gain in its formula); undone in the gradient.
        summed: use `output.sum().backward()` instead of the dense upstream gradient.
        output: name of the layer's output, `spikes` or a voltage.
    """

    def __init__(
        self,
        scan: Callable[[Tensor], Tensor],
        inputs: Arrays,
        formula: dict[str, Any],
        notes: tuple[str, ...] = (),
        *,
        scale: float = 1.0,
        summed: bool = False,
        output: str = "spikes",
    ) -> None:
        self.formula, self.notes = formula, notes
        self._scan, self._scale, self._summed, self._output = scan, scale, summed, output
        self._x = (torch.from_numpy(inputs["x"]) * scale).requires_grad_()
        self._upstream = torch.from_numpy(inputs["upstream"])

    def _run(self) -> Tensor:
        self._x.grad = None
        output = self._scan(self._x)
        if self._summed:
            output.sum().backward()
        else:
            output.backward(self._upstream)
        return output

    def check(self) -> dict[str, np.ndarray]:
        output = self._run()
        return {self._output: output.detach().numpy(), "grad_x": (self._x.grad * self._scale).numpy()}

    def step(self) -> None:
        self._run()


class Network(Protocol):
    """A library's network as the training task sees it."""

    def __call__(self, x: Tensor) -> Tensor:
        """Input [T, B, …] to time-averaged logits [B, classes]."""
        ...

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The same, and the spikes [T, B, …] of each hidden layer."""
        ...

    def parameters(self) -> Any: ...

    def weights(self) -> dict[str, nn.Parameter]:
        """The weights the bench names, `w1`, `w2`, …, in the bench's layout."""
        ...


class NetworkTask:
    """One training step: forward, cross entropy, backward, Adam.

    Args:
        network: built by the side file with the bench's weights.
        inputs: `x` [T, B, …] and `targets` [B].
        formula: what the library computes.
        notes: settings a reader must know.
        scales: factors from the bench's weights to the library's (1 where absent); undone in the gradients.
    """

    def __init__(
        self,
        network: Network,
        inputs: Arrays,
        formula: Formula,
        notes: tuple[str, ...] = (),
        *,
        scales: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self.formula, self.notes = formula.as_dict(), notes
        self._network, self._scales = network, scales
        self._x = torch.from_numpy(inputs["x"])
        self._targets = torch.from_numpy(inputs["targets"])
        self._loss = nn.CrossEntropyLoss()
        self._optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def check(self) -> dict[str, np.ndarray]:
        self._optimizer.zero_grad()
        logits, hidden = self._network.observe(self._x)
        self._loss(logits, self._targets).backward()
        found = {"logits": logits.detach().numpy()}
        found |= {f"spikes{i}": spikes.detach().numpy() for i, spikes in enumerate(hidden, 1)}
        for name, weight in self._network.weights().items():
            found[f"grad_{name}"] = (weight.grad * self._scales.get(name, 1.0)).numpy()
        return found

    def step(self) -> None:
        self._optimizer.zero_grad()
        self._loss(self._network(self._x), self._targets).backward()
        self._optimizer.step()


def load(layer: nn.Module, weight: np.ndarray, scale: float = 1.0) -> nn.Module:
    """Give a `Linear` or `Conv2d` (without bias) the bench's weight times `scale`; return it."""
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight) * scale)
    return layer


def linear(weight: np.ndarray, scale: float = 1.0) -> nn.Linear:
    """A `torch.nn.Linear` without bias holding `weight` [out, in]."""
    return load(nn.Linear(weight.shape[1], weight.shape[0], bias=False), weight, scale)


def conv(weight: np.ndarray, scale: float = 1.0) -> nn.Conv2d:
    """A `torch.nn.Conv2d` 3x3 with padding 1 and without bias holding `weight` [out, in, 3, 3]."""
    return load(nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, bias=False), weight, scale)
