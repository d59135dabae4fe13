"""``ranvier simulate`` names its recipes, and their physics holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ranvier as rv
from ranvier.cli import main
from ranvier.cli.commands import SIMULATIONS
from ranvier.recipes import brunel, celegans, coba_cuba, reservoir, ring_attractor
from ranvier.units import ms


@pytest.fixture
def worm(data_folder) -> Path:
    """The folder of connectomes, named by RANVIER_DATA."""
    return data_folder("connectomes")


def test_names_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate"]) == 2
    assert main(["simulate", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in SIMULATIONS)
    assert main(["simulate", "brunell"]) == 2
    assert "did you mean 'brunel'?" in capsys.readouterr().err


def test_without_the_connectome_the_remedy_is_named(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.delenv("RANVIER_DATA", raising=False)
    assert main(["simulate", "celegans", "--out", str(tmp_path)]) == 1
    assert "RANVIER_DATA" in capsys.readouterr().err
    assert main(["simulate", "celegans", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "wormwiring.org" in capsys.readouterr().err


def test_brunel_has_the_published_drive() -> None:
    """Without recurrence, the input of eta = 1 brings the mean membrane just to the threshold."""
    net = brunel.circuit(5, 1, cells=500)
    mean = 0.0
    for part in ("exc", "inh"):
        x = net.sources[f"outside_{part}"].block(0, 4000, net)[:, 0].numpy()
        jump = float(net.projections[f"outside_{part}_to_{part}_x"].synapses.weight.flatten()[0])
        mean += x.mean() * jump / 0.1 * 20 / 2  # per ms, times tau
    assert mean == pytest.approx(20, rel=0.02)


def test_the_bump_stays_where_the_cue_was() -> None:
    found = []
    for local in (1.0, 0.5):
        spikes = ring_attractor._simulate(ring_attractor.circuit(128, 200.0, local=local), 1.0)
        found.append(ring_attractor._read(spikes))
    assert abs(ring_attractor._apart(found[0][0], 200.0)) < 20
    assert found[0][1] > 0.7
    assert not found[1][1] > 0.5


def test_inhibition_moves_rates_to_the_target() -> None:
    signal = np.random.default_rng(0).uniform(-1, 1, 750)
    rates = []
    for fixed in (None, 0.2):
        net = reservoir.circuit(signal, 400, fixed=fixed)
        warm = net.run(10_000 * ms).state
        rates.append(net.run(5000 * ms, warm, record={"exc": ["spikes"]})["exc"].spikes.rate())
    assert rates[1] > 25
    assert rates[0] < 17


def test_cuba_is_the_published_one() -> None:
    net = coba_cuba.circuit(4000)
    assert net.shape_of("exc") == (3200,)
    assert sum(len(p.synapses) for p in net.projections.values()) == pytest.approx(320_000, rel=0.02)
    run = net.run(300 * ms, record={"exc": [rv.SpikeStatistics(after=100 * ms)]})
    assert 3 < run["exc"].statistics.rate < 9


def test_shuffling_keeps_sources_and_weights(worm: Path) -> None:
    rule = rv.connectome(worm / "herm_chem_edgelist.csv.gz")
    mixed = celegans._shuffled(rule, 1)
    np.testing.assert_array_equal(mixed.pre, rule.pre)
    np.testing.assert_array_equal(np.sort(mixed.post), np.sort(rule.post))
    np.testing.assert_array_equal(mixed.carried["weight"], rule.carried["weight"])
    assert (mixed.post != rule.post).mean() > 0.9
