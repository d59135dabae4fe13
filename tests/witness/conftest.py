"""What the witness tests share: stored runs of peers, and a circuit of uncoupled cells under a recorded input."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import ms

DATA = Path(__file__).parent / "data"


@cache
def _load(name: str) -> Mapping[str, np.ndarray]:
    with np.load(DATA / f"{name}.npz") as file:
        return {key: file[key][()] for key in file.files}


@pytest.fixture(scope="session")
def witness() -> Callable[[str], Mapping[str, np.ndarray]]:
    """``witness("coba_brian2")``: the arrays of a stored run."""
    return _load


@pytest.fixture(scope="session")
def estimators() -> ModuleType:
    """The estimators the stored statistics were made with."""
    path = Path(__file__).parent / "generate" / "_estimators.py"
    specification = importlib.util.spec_from_file_location("_estimators", path)
    if specification is None or specification.loader is None:
        raise ImportError(f"{path} is missing")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def drive() -> Callable[..., rv.Network]:
    """A network of uncoupled cells; row n of ``signal`` is the input ``I`` during step n."""

    def build(cell: rv.Cell, signal: object, dt: float, provider: str) -> rv.Network:
        net = rv.Network(dt=dt * ms, dtype=torch.float64, provider=provider)
        source = rv.TimedArray(signal)
        net.source("signal", source)
        net.population("cells", source.shape[0], cell)
        net.connect("signal", "cells", rv.OneToOne(), to="I")
        return net

    return build


@pytest.fixture
def same_spikes() -> Callable[..., None]:
    """Compare two lists of spikes (step, cell) up to a step; the first difference is shown."""

    def compare(
        step: np.ndarray, cell: np.ndarray, data: Mapping[str, np.ndarray], steps: int, prefix: str = ""
    ) -> None:
        order = np.lexsort((cell, step))
        ours = np.stack([step[order], cell[order]], 1)
        until = data[f"{prefix}spike_step"] < steps
        theirs = np.stack([data[f"{prefix}spike_step"][until], data[f"{prefix}spike_neuron"][until]], 1)
        np.testing.assert_array_equal(ours, theirs)
        assert len(ours), "the stretch holds no spike and proves nothing"

    return compare
