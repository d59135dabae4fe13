"""The inner ear: against its own formulas, its statistics, and the package behind the Heidelberg digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from ranvier.encoding import BasilarMembrane, BushyCells, Cochlea, HairCells
from ranvier.encoding.bushy_cells import Nerve, _binomial
from ranvier.errors import MemoryLimitError, RanvierError, ShapeError
from ranvier.units import ms

RATE = 16000.0


def ear(**changes) -> Cochlea:
    return Cochlea(**{"channels": 24, "lowest": 120.0, "highest": 6000.0, "rate": RATE, "dt": 1 * ms, **changes})


def tone(frequency: float, seconds: float = 0.1, rate: int = 16000) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def test_phase_integral_is_the_integral_of_the_wave_number() -> None:
    m, omega, x = BasilarMembrane(), 2 * np.pi * 1000.0, 1.2
    g = lambda s: omega * np.sqrt(m.density / (m.height * complex(m._xi(np.array(omega), np.array(s)))))  # noqa: E731
    total = m.offset + m.mass * omega**2
    root = np.sqrt(4 * total * m.stiffness - (omega * m._resistance) ** 2)
    z = lambda u: (2 * total * u + 1j * omega * m._resistance) / root  # noqa: E731
    closed = (
        2 * omega / m.alpha / np.sqrt(m.height * total) * (np.arcsin(z(np.exp(m.alpha * x / 2))) - np.arcsin(z(1.0)))
    )
    exact = quad(lambda s: g(s).real, 0, x, limit=200)[0] + 1j * quad(lambda s: g(s).imag, 0, x, limit=200)[0]
    assert closed == pytest.approx(exact, rel=1e-7)


def test_place_and_characteristic_frequency_undo_each_other() -> None:
    m = BasilarMembrane()
    assert m.characteristic(np.array([m.place(1000.0)]))[0] == pytest.approx(1000.0)


@pytest.mark.parametrize("frequency", [300.0, 1000.0, 3000.0])
def test_a_tone_moves_its_own_place_most(frequency: float) -> None:
    cochlea = ear(channels=200, level=None)
    velocity = cochlea.velocity([tone(frequency)], RATE, 1600)[:, 0]
    peak = cochlea.membrane.characteristic(cochlea.places)[np.argmax((velocity**2).sum(0))]
    assert 0.8 * frequency < peak < 1.6 * frequency


def test_places_answer_after_a_click_and_before_it_only_with_the_other_sign() -> None:
    click = np.zeros(1600)
    click[800] = 1.0
    for causal, share in ((True, 0.0), (False, 1.0)):
        energy = ear(level=1.0, causal=causal).velocity([click], RATE, 1600)[:, 0] ** 2
        assert energy[:799].sum() / energy.sum() == pytest.approx(share, abs=0.05)


def test_hair_cells_rest_in_silence_and_follow_their_equations() -> None:
    hair, v = HairCells(), torch.tensor([[0.0], [200.0], [-300.0], [50.0]], dtype=torch.float64)
    pools = hair.rest(v[0])
    still = hair.step(hair.opening(torch.zeros(1, dtype=torch.float64), RATE), pools, RATE)
    q, c, w = (float(p) for p in (pools.q, pools.c, pools.w))
    rest = hair.rest(v[0])
    assert (q, c, w) == pytest.approx((float(rest.q), float(rest.c), float(rest.w)), rel=1e-12)
    assert float(still) == pytest.approx(c * hair.gain / RATE)
    for row in v:
        s = float(row) + hair.a
        k = hair.release * s / (s + hair.b) / RATE if s > 0 else 0.0
        new_q = max(q + max(hair.pool - q, 0) * hair.replenish / RATE - k * q + hair.restore / RATE * w, 0)
        new_c = max(c + k * q - (hair.loss + hair.reuptake) / RATE * c, 0)
        new_w = max(w + hair.reuptake / RATE * c - hair.restore / RATE * w, 0)
        chance = hair.step(hair.opening(row, RATE), pools, RATE)
        q, c, w = new_q, new_c, new_w
        assert (float(pools.q), float(pools.c), float(pools.w)) == pytest.approx((q, c, w), rel=1e-12)
        assert float(chance) == pytest.approx(c * hair.gain / RATE)


@pytest.mark.parametrize("chance", [0.0, 0.002, 0.1, 0.5, 0.8, 1.0, 1.5])
def test_fibre_counts_follow_the_binomial_law(chance: float) -> None:
    n, draws, p = 40, 50_000, min(chance, 1.0)
    count = _binomial(torch.full((draws,), float(n)), torch.full((draws,), chance), torch.Generator().manual_seed(0))
    assert count.min() >= 0
    assert count.max() <= n
    assert float(count.mean()) == pytest.approx(n * p, abs=5 * np.sqrt(n * p * (1 - p) / draws) + 1e-12)
    assert float(count.var()) == pytest.approx(n * p * (1 - p), rel=0.05, abs=1e-9)


def test_no_fibre_fires_twice_within_its_refractory_period() -> None:
    nerve = Nerve(BushyCells(fibres=5), RATE, torch.zeros(50), torch.Generator().manual_seed(1))
    counts = torch.stack([nerve.fire_fibres(torch.full((50,), 0.4)) for _ in range(200)])
    assert nerve.dead == 16
    assert counts.unfold(0, nerve.dead, 1).sum(-1).max() <= 5


def test_bushy_cells_integrate_and_wait() -> None:
    nerve = Nerve(BushyCells(), RATE, torch.zeros(1, dtype=torch.float64), None)
    fired = [bool(nerve.integrate(torch.full((1,), 12.0, dtype=torch.float64))) for _ in range(100)]
    first, second = np.flatnonzero(fired)[:2]
    v = i = 0.0
    for step in range(first + 1):
        i = i * nerve.fade + 12
        v = v * nerve.leak + i * nerve.kick
        assert (v >= 1) == (step == first)
    assert second == first + nerve.dead + 1


def test_spikes_are_seeded_binned_and_lie_in_the_sound() -> None:
    sound = [tone(500.0, 0.06), tone(2000.0, 0.1)]
    one, two = (ear()(sound, 16000, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert one.shape == (100, 2, 24)
    assert torch.equal(one, two)
    assert one.sum() > 20
    coarse = ear(dt=10 * ms)(sound, 16000, generator=torch.Generator().manual_seed(3))
    assert torch.equal(one.unflatten(0, (10, 10)).sum(1), coarse)
    assert one[:, 1].sum(0).argmax() < one[:, 0].sum(0).argmax()  # the higher tone nearer the base


def test_other_sound_rates_give_the_same_velocity() -> None:
    at8, at16 = (ear().velocity([tone(700.0, 0.1, rate)], rate, 1600) for rate in (8000, 16000))
    assert np.abs(at8 - at16).max() < 0.02 * np.abs(at16).max()


def test_clips_in_company_are_those_alone() -> None:
    cochlea, clips = ear(), [tone(500.0, 0.05), tone(900.0, 0.08)]
    together, alone = cochlea.velocity(clips, RATE, 1000)[:, 0], cochlea.velocity(clips[:1], RATE, 1000)[:, 0]
    assert np.abs(together - alone).max() < 0.01 * np.abs(alone).max()


@pytest.mark.parametrize(
    "changes", [{"channels": 1}, {"lowest": 10.0}, {"highest": 1e6}, {"rate": 8000.0}, {"dt": 0.01 * ms}]
)
def test_constants_that_cannot_be(changes: dict) -> None:
    with pytest.raises(RanvierError, match="give"):
        ear(**changes)


def test_sounds_that_cannot_be() -> None:
    with pytest.raises(ShapeError, match="clip 0"):
        ear()([np.zeros((3, 3))], 8000)
    with pytest.raises(RanvierError, match="not finite"):
        ear()([np.array([0.0, np.nan])], 8000)
    with pytest.raises(ShapeError, match="no clip"):
        ear()([], 8000)
    with pytest.raises(RanvierError, match="steps=0"):
        ear()([np.zeros(5)], 8000, steps=0)
    with pytest.raises(RanvierError, match="sound_rate"):
        ear()([np.zeros(5)], 0)


@pytest.mark.peers("lauscher")
def test_membrane_hair_and_bushy_cells_are_those_of_lauscher() -> None:
    from lauscher.transformations.basilar_membrane import BasilarMembrane as Theirs
    from lauscher.transformations.bushy_cell import BushyCell
    from lauscher.transformations.hair_cell import HairCell

    theirs, places = Theirs(channels=20), np.linspace(0, 3.5, 20)
    frequency = np.linspace(1, 11000, 300)
    expected = np.array([theirs._v(2 * np.pi * frequency, x) for x in places])
    assert np.abs(BasilarMembrane().response(frequency, places) - expected).max() < 1e-12 * np.abs(expected).max()

    velocity = 200 * np.random.default_rng(0).standard_normal(500)
    hair = HairCells()
    pools = hair.rest(torch.zeros(1, dtype=torch.float64))
    ours = [float(hair.step(hair.opening(torch.tensor([v]), 24000.0), pools, 24000.0)) for v in velocity]
    np.testing.assert_allclose(ours, HairCell()._meddis(velocity, 24000), rtol=1e-10)

    fibres = (np.random.default_rng(1).random((600, 40)) < 0.02).astype(float)
    nerve = Nerve(BushyCells(), 24000.0, torch.zeros(1, dtype=torch.float64), None)
    ours = [bool(nerve.integrate(torch.tensor([n]))) for n in fibres.sum(1)]
    np.testing.assert_array_equal(ours, BushyCell()._lif(fibres, 24000).astype(bool))
    assert sum(ours) > 3


def test_memory_is_forecast() -> None:
    for sound, how in (
        (torch.zeros(1, 100), {"steps": 10**8}),
        (torch.zeros(1, 100).expand(10**5, 100), {"steps": 10**5}),
    ):
        with pytest.raises(MemoryLimitError, match=r"in 700 channels needs .* of memory.*fewer clips at a time"):
            Cochlea()(sound, 8000, **how)
