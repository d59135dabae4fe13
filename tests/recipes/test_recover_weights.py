"""Weights from spikes: what is planted is found, on a circuit small enough for a test."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.recipes.recover_weights import Recording, correlation, descend, likelihood_model, planted, record
from ranvier.units import ms


def ridge(w: torch.Tensor) -> torch.Tensor:
    return w.square().sum() / 18


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return record(planted(50, seed=2), 5.0)


def test_a_planted_circuit_is_what_it_says(recorded: Recording) -> None:
    assert recorded.weights.shape == (50, 50)
    assert (recorded.weights[:40] >= 0).all()
    assert (recorded.weights[40:] <= 0).all()
    assert 5 < recorded.dense.mean() * 1000 < 120  # Hz
    assert recorded.dense.sum() == len(recorded.step)


def test_the_model_follows_the_membranes_of_the_circuit(recorded: Recording) -> None:
    """With the planted weights its potentials say how often cells fire, at every level."""
    pre, post = np.nonzero(recorded.weights)
    net = likelihood_model(recorded, pre, post, recorded.weights[pre, post])
    with torch.no_grad():
        net.populations["cells"].E_L.fill_(-52.0)
    v = net.run(recorded.steps * ms, grad=True, record={"cells": ["v"]})["cells"].v.detach()
    z, fired = (v + 50) / 2.5, recorded.dense
    for low, high in ((-2, -1), (-1, 0), (0, 1)):
        here = (z > low) & (z < high)
        expected, error = torch.special.ndtr(z[here]).mean(), 0.5 / float(here.sum()) ** 0.5
        assert abs(float(fired[here].mean() - expected)) < 4 * error


def test_planted_weights_are_found(recorded: Recording) -> None:
    exists = recorded.weights != 0
    pre, post = np.nonzero(exists)
    found = np.zeros_like(recorded.weights)
    net = likelihood_model(recorded, pre, post, np.zeros(pre.size))
    found[pre, post], last = descend(net, recorded, 15, 0.2, ridge)
    assert correlation(found, recorded.weights, exists) > 0.93
    again = likelihood_model(recorded, pre, post, np.zeros(pre.size))
    _, first = descend(again, recorded, 1, 1e-9, ridge)
    assert last < 0.9 * first
