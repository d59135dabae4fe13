"""Collects buffers, constants and nodes under unused names, in the order in which they run."""

from __future__ import annotations

import re

import numpy as np

from ranvier.kernels.step._graph import Buffer, Node, StepGraph

__all__ = ["Builder"]


class Builder:
    """A step graph while it is being written."""

    def __init__(self, dtype: str, dt: tuple[float, float], first: int) -> None:
        self.dtype, self.dt, self.first = dtype, dt, first
        self.nodes: list[Node] = []
        self._buffers: dict[str, Buffer] = {}
        self._constants: dict[str, np.ndarray] = {}
        self._start: dict[str, np.ndarray] = {}

    def _named(self, name: str, shape: tuple[int, ...], role: str, exact: bool = False) -> str:
        base = f"{role}_{re.sub(r'[^A-Za-z0-9_]', '_', name)}"
        free, k = base, 1
        while free in self._buffers:
            k += 1
            free = f"{base}_{k}"
        self._buffers[free] = Buffer(free, tuple(shape), role, exact)
        return free

    def shape(self, buffer: str) -> tuple[int, ...]:
        """The shape of a buffer made here."""
        return self._buffers[buffer].shape

    def given(self, name: str, shape: tuple[int, ...], role: str) -> str:
        """An ``input`` or ``output`` buffer."""
        return self._named(name, shape, role)

    def scratch(self, name: str, shape: tuple[int, ...], exact: bool = False) -> str:
        """A buffer for one step; zero before anything is written."""
        return self._named(name, shape, "scratch", exact)

    def constant(self, name: str, values: np.ndarray, dtype: str | None = None) -> str:
        """Numbers that never change: floats in the dtype of the graph, integers as int32, unless another is named."""
        kind = dtype or (self.dtype if values.dtype.kind == "f" else "int32")
        buffer = self._named(name, values.shape, "constant")
        self._constants[buffer] = np.ascontiguousarray(values, kind)
        return buffer

    def state(self, name: str, values: np.ndarray, exact: bool = False) -> str:
        """A buffer that keeps its numbers from step to step, and holds ``values`` before the first."""
        buffer = self._named(name, values.shape, "state", exact)
        self._start[buffer] = np.ascontiguousarray(values, "float64" if exact else self.dtype)
        return buffer

    def add(self, node: Node) -> None:
        """The next node."""
        self.nodes.append(node)

    def graph(self) -> StepGraph:
        """The finished graph."""
        return StepGraph(
            self.dtype, self.dt, self.first, self._buffers, tuple(self.nodes), self._constants, self._start
        )
