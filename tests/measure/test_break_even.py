"""The break-even rate of a layer is where both networks cost the same; measured latency stays apart from models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError

break_even, latency = rv.measure.break_even, rv.measure.latency


@pytest.mark.parametrize("steps", [1, 2, 5, 8, 32])
def test_arithmetic_breaks_even_where_additions_equal_the_twins(steps: int) -> None:
    """T r additions against min(mac, b add) for each weight."""
    found = break_even(30, 20, steps=[steps], models=["fp32", "int32"], sparsity=0.25).rates
    bits = rv.measure.bits_of(steps)
    assert found["fp32"][0] == pytest.approx(0.75 * min(4.6 / 0.9, bits) / steps)
    assert found["int32"][0] == pytest.approx(0.75 * bits / steps)


def test_a_hierarchy_by_hand() -> None:
    """512 by 512 weights lie in 1 MB, 512 activations and potentials in 8 kB."""
    n, steps = 512, 5
    found = break_even(n, n, steps=[steps], models=["hierarchy"]).rates["hierarchy"][0]
    twin = n * n * (min(4.6, 3 * 0.9) + 50 + 2) + n * 1
    each = steps * n * n * (0.9 + 50 + 2) + steps * n * 5
    assert found == pytest.approx((twin - 2 * steps * n * 5) / each, rel=1e-3)


def test_more_steps_allow_fewer_spikes() -> None:
    found = break_even(512, 512, steps=[1, 3, 7, 15, 31])
    for rates in (found.rates["lemaire"], found.rates["hierarchy"]):
        assert all(rate is not None for rate in rates)
        assert list(rates) == sorted(rates, reverse=True)
    assert found.rates["loihi"] == (None,) * 5


def test_five_steps_have_the_published_order() -> None:
    """Yan et al. find 5.7 % at T = 5; with memory priced it is between 5 and 25 % for 0 to 70 % zeros in the twin."""
    for sparsity, low, high in ((0.0, 0.15, 0.25), (0.7, 0.04, 0.08)):
        found = break_even(512, 512, steps=[5], models=["lemaire", "hierarchy"], sparsity=sparsity)
        assert all(low < rates[0] < high for rates in found.rates.values())


def test_silence_may_cost_more() -> None:
    found = break_even(1, 64, steps=[32], models=["step"], states=3)
    assert found.rates["step"] == (0.0,)
    assert "never" in str(found)


def test_the_table_prints_its_assumptions() -> None:
    text = str(break_even(8, 8))
    assert len(text.splitlines()) == 1 + 32 + 4
    for words in ("8 inputs", "equally accurate", "5.7 %", "0% of the twin's"):
        assert words in text


def test_latency_is_measured() -> None:
    net = nn.Linear(3, 3).train()
    found = latency(net, torch.ones(1, 3), calls=20)
    assert len(found.times) == 20
    assert 0 < min(found.times) <= found.p50 <= found.p99 == max(found.times)
    assert net.training
    assert (found.joules is None) == bool(found.reason)
    assert str(found).startswith("measured: p50")


def test_quantiles() -> None:
    found = rv.measure.Latency(tuple(map(float, range(1, 201))), None, "none")
    assert (found.p50, found.p99) == (100, 198)


def _package(folder: Path, energy: str) -> Path:
    zone = folder / "intel-rapl:0"
    (folder / "intel-rapl:0:0").mkdir(parents=True)
    zone.mkdir()
    (zone / "energy_uj").write_text(energy)
    (zone / "max_energy_range_uj").write_text("999")
    return zone / "energy_uj"


class Burns(nn.Module):
    """Adds 300 to a counter in each call, which starts again at 1000."""

    def __init__(self, counter: Path) -> None:
        super().__init__()
        self.counter = counter

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.counter.write_text(str((int(self.counter.read_text()) + 300) % 1000))
        return x


def test_energy_is_read_where_there_are_counters(tmp_path: Path) -> None:
    found = latency(Burns(_package(tmp_path, "900")), torch.ones(1), calls=2, warm_up=0, powercap=tmp_path)
    assert found.joules == pytest.approx(300e-6)
    assert "J for a call" in str(found)


def test_energy_that_cannot_be_read_has_a_reason(tmp_path: Path) -> None:
    found = latency(nn.Identity(), torch.ones(1), calls=1, powercap=tmp_path / "none")
    assert "has no counters" in found.reason
    _package(tmp_path, "no number")
    found = latency(nn.Identity(), torch.ones(1), calls=1, powercap=tmp_path)
    assert found.joules is None
    assert "cannot be read (ValueError)" in found.reason


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: break_even(0, 3), "inputs=0"),
        (lambda: break_even(3, 2.5), "outputs=2.5"),
        (lambda: break_even(3, 3, states=True), "states=True"),
        (lambda: break_even(3, 3, steps=[]), r"steps=\[\]"),
        (lambda: break_even(3, 3, steps=5), "steps=5"),
        (lambda: break_even(3, 3, steps=[0]), r"steps=\[0\]"),
        (lambda: break_even(3, 3, sparsity=1.0), "sparsity=1.0"),
        (lambda: break_even(3, 3, sparsity=-0.1), "sparsity=-0.1"),
        (lambda: break_even(3, 3, models=["nothing"]), "'nothing' is unknown"),
        (lambda: latency(len, 1), "takes a module"),
        (lambda: latency(nn.Identity(), torch.ones(1), calls=0), "calls=0"),
        (lambda: latency(nn.Identity(), torch.ones(1), warm_up=-1), "warm_up=-1"),
    ],
)
def test_mistakes_are_named(wrong, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        wrong()
