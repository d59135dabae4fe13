"""The cortical microcircuit, small: its numbers, and that it is active as published."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.cli import main
from ranvier.limits import within_memory
from ranvier.recipes import microcircuit as command
from ranvier.recipes.parts import cortex
from ranvier.recipes.parts import microcircuit as recipe


def test_numbers_at_full_scale() -> None:
    """77,169 cells; the published number of synapses is about 0.3 billion."""
    assert sum(cortex.sizes()) == 77169
    assert sum(path.synapses for path in cortex.pathways()) == 298_880_970  # NEST builds as many
    assert cortex.lost_current(0) == 0


def test_the_mean_input_stays() -> None:
    """In-degree and weight of a smaller circuit with the constant current: the mean of the full one."""
    post, name = 5, "L5I"
    means = []
    for scale in (1.0, 0.2):
        mean = cortex.background_rate(post, scale) * cortex.WEIGHT / np.sqrt(scale)
        for path in cortex.pathways(scale):
            if path.post == name:
                rate = cortex.RATES[cortex.NAMES.index(path.pre)]
                mean += path.synapses / cortex.sizes(scale)[post] * path.weight * rate
        means.append(mean * cortex.TAU_S / 1000 + cortex.lost_current(post, scale))
    assert means[1] == pytest.approx(means[0], rel=1e-3)


def test_a_tenth_is_active_as_published() -> None:
    found = recipe.simulate(0.5, scale=0.1, seed=3)
    assert found.cells == pytest.approx(7717, abs=4)
    assert found.synapses == pytest.approx(298_880_970 / 100, rel=1e-3)
    for name, published in zip(cortex.NAMES, cortex.RATES, strict=True):
        assert 0.4 * published < found.rates[name] < 1.6 * published, name
    assert "one compiled circuit" in str(found.run.plan)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="scale=2"):
        recipe.microcircuit(2)


def test_the_forecast_counts_what_is_built() -> None:
    net, expected = recipe.microcircuit(0.06), command.forecast(0.06, 1.0)
    assert expected.synapses == sum(len(p.synapses) for p in net.projections.values() if p.pre in net.populations)
    assert expected.cells == sum(p.shape[0] for p in net.populations.values() if p.shape)
    kept = sum(t.numel() * t.element_size() for t in net.state_dict().values())
    assert kept < expected.memory - command.forecast(1e-6, 1.0).memory < 1.5 * kept


def test_the_forecast_of_the_full_circuit_is_what_was_measured() -> None:
    """3.7 GB and 15 s to build; 6.3 s per biological second (docs/benchmarks)."""
    full = command.forecast(1.0, 10.0)
    assert full.memory == pytest.approx(3.7e9, rel=0.1)
    assert full.building == pytest.approx(15, rel=0.2)
    assert full.running == pytest.approx(10.5 * 6.3, rel=0.1)


def test_what_does_not_fit_is_refused_before_it_is_built(tmp_path, capsys) -> None:
    with within_memory(10**9):
        assert main(["simulate", "microcircuit", "--scale", "1", "--out", str(tmp_path)]) == 1
        assert "smaller --scale" in capsys.readouterr().err
        assert main(["simulate", "microcircuit", "--scale", "3", "--out", str(tmp_path)]) == 1
    assert not list(tmp_path.iterdir())
