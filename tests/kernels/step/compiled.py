"""Printed C99 as a step that Python can call; tests that need a compiler skip where there is none."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ranvier.kernels.step import StepGraph, c99

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler on this machine")


class CompiledStep:
    """The same calls as ``NumpyStep``."""

    def __init__(self, graph: StepGraph, folder: Path) -> None:
        self.graph, self._real = graph, np.dtype(graph.dtype).type
        source, library = folder / "step.c", folder / "step.so"
        source.write_text(c99(graph))
        flags = ["-std=c99", "-ffp-contract=off", "-O1", "-Wall", "-Werror", "-pedantic", "-shared", "-fPIC"]
        subprocess.run([str(COMPILER), *flags, str(source), "-o", str(library), "-lm"], check=True)
        self._code = ctypes.CDLL(str(library))
        self._code.ranvier_size.restype = ctypes.c_size_t
        self._state = ctypes.create_string_buffer(self._code.ranvier_size())
        self._code.ranvier_reset(self._state)

    def step(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        given = [np.ascontiguousarray(inputs[b.name], self._real) for b in self.graph.of("input")]
        made = {b.name: np.zeros(b.shape, self._real) for b in self.graph.of("output")}
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (*given, *made.values())]
        self._code.ranvier_step(self._state, *pointers)
        return made

    @property
    def values(self) -> dict[str, np.ndarray]:
        """The state buffers."""
        out, place = {}, 8
        for b in self.graph.of("state"):
            kind = np.dtype(np.float64 if b.exact else self._real)
            place = -(-place // kind.itemsize) * kind.itemsize
            out[b.name] = np.frombuffer(self._state, kind, b.size, place)
            place += max(1, b.size) * kind.itemsize
        return out
