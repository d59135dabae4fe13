"""Axes to draw in, off screen."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ranvier.network import SpikeTrain

matplotlib.use("Agg")


@pytest.fixture
def ax() -> Axes:
    return Figure().add_subplot()


@pytest.fixture
def train() -> SpikeTrain:
    """Five spikes of four cells in 100 steps of 0.5 ms."""
    return SpikeTrain(np.array([1, 9, 9, 49, 99]), np.array([0, 1, 3, 0, 0]), 0.5, 4, 0, 100)
