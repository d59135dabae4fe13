"""Rasters, planted motifs, and the count of what was found."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError
from ranvier.motifs import Match, Motifs, Raster, draw_motifs, match_occurrences, plant_motifs
from ranvier.units import ms


class TestRaster:
    def test_counts_survive_a_round_trip(self) -> None:
        counts = torch.poisson(torch.full((50, 7), 0.3), generator=torch.Generator().manual_seed(1))
        raster = Raster.of(counts)
        assert len(raster) == counts.sum()
        assert torch.equal(raster.dense(), counts)
        assert torch.equal(raster.dense(10, 20), counts[10:20])
        assert torch.equal(raster.between(10, 20).dense(), counts[10:20])

    def test_steps_outside_are_empty(self) -> None:
        raster = Raster([0, 9], [1, 0], (10, 2))
        shown = raster.dense(-3, 12)
        assert shown.shape == (15, 2)
        assert shown.nonzero().tolist() == [[3, 1], [12, 0]]

    def test_events_are_put_in_order(self) -> None:
        raster = Raster(np.array([5, 1, 3]), np.array([0, 1, 2]), (6, 3))
        assert raster.times.tolist() == [1, 3, 5]
        assert raster.rows.tolist() == [1, 2, 0]

    def test_a_recording_becomes_a_raster(self) -> None:
        events = rv.data.Events(np.array([0, 900, 2100]), np.array([1, 1, 0]), (2,))
        raster = Raster.from_events(events, 1 * ms)
        assert torch.equal(raster.dense(), rv.data.Bins(3, 1 * ms)(events))
        assert Raster.from_events(events, 1 * ms, steps=2).shape == (2, 2)

    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (lambda: Raster([0, 1], [0], (5, 2)), "give \\[E\\] both"),
            (lambda: Raster([0.5], [0], (5, 2)), "whole numbers, such as times in steps"),
            (lambda: Raster([5], [0], (5, 2)), "allows 0 to 4"),
            (lambda: Raster([0], [-1], (5, 2)), "allows 0 to 1"),
            (lambda: Raster([0], [0], (5,)), "give \\(steps, rows\\)"),
            (lambda: Raster.of(np.zeros(5)), "give \\[T, N\\]"),
            (lambda: Raster.of(np.full((5, 2), 0.5)), "no counts"),
            (lambda: Raster.of(-np.ones((5, 2))), "no counts"),
            (lambda: Raster.of((np.zeros(3), np.zeros(3))), "so that the size is known"),
            (lambda: Raster([0], [0], (5, 2)).between(3, 9), "stop <= 5"),
        ],
    )
    def test_mistakes_are_named(self, make, text: str) -> None:
        with pytest.raises(ShapeError, match=text):
            make()


class TestPlanting:
    motifs = draw_motifs(3, 20, 9, spikes=12, seed=4)

    def test_without_noise_every_spike_is_where_it_was_planted(self) -> None:
        raster, truth = plant_motifs(self.motifs, 2000, rate=0, occurrence=2e-3, seed=1)
        wanted = torch.zeros(2000, 20)
        for t, m in zip(truth.times, truth.rows, strict=True):
            own = self.motifs.motif == m
            wanted[t - self.motifs.delay[own], self.motifs.cell[own]] = 1
        assert len(truth) > 5
        assert torch.equal(raster.dense(), wanted)

    def test_rates_are_those_asked_for(self) -> None:
        raster, truth = plant_motifs(self.motifs, 50_000, rate=0.02, occurrence=1e-3, deletion=0.5, seed=2)
        planted = 0.5 * 12 * len(truth)
        assert len(truth) == pytest.approx(150, abs=5 * 150**0.5)
        assert len(raster) == pytest.approx(0.02 * 50_000 * 20 + planted, rel=0.02)

    def test_jitter_has_the_spread_asked_for(self) -> None:
        alone = Motifs(np.array([0]), np.array([0]), np.array([50]), (1, 1, 101))
        raster, truth = plant_motifs(alone, 400_000, rate=0, occurrence=1e-3, jitter=3, seed=3)
        assert len(raster) > 300
        apart = np.abs(raster.times[:, None] - (truth.times - 50)).min(1)
        assert np.sqrt((apart**2.0).mean()) == pytest.approx(3, rel=0.15)

    def test_the_seed_decides_all(self) -> None:
        first, second, other = (plant_motifs(self.motifs, 1000, seed=s)[0].dense() for s in (5, 5, 6))
        assert torch.equal(first, second)
        assert not torch.equal(first, other)

    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (lambda m: draw_motifs(0, 5, 5, spikes=2), "count=0"),
            (lambda m: draw_motifs(2, 5, 5, spikes=26), "at most 25"),
            (lambda m: Motifs(np.array([0]), np.array([0, 1]), np.array([0]), (1, 2, 2)), "one length"),
            (lambda m: Motifs(np.array([0]), np.array([0]), np.array([2]), (1, 2, 2)), "from 0 to 1"),
            (lambda m: Motifs(np.array([0]), np.array([0]), np.array([0]), (1, 2, 0)), "motifs, cells, delays"),
            (lambda m: plant_motifs(m, 100, rate=1.5), "rate=1.5 is no probability"),
            (lambda m: plant_motifs(m, 100, deletion=-0.1), "deletion=-0.1"),
            (lambda m: plant_motifs(m, 100, jitter=-1), "jitter=-1"),
            (lambda m: plant_motifs(m, 8), "at least the 9 delays"),
        ],
    )
    def test_mistakes_are_named(self, make, text: str) -> None:
        with pytest.raises(RanvierError, match=text):
            make(self.motifs)


def best(found: list[int], true: list[int], tolerance: int) -> int:
    """The largest assignment, by trying all."""
    few, many = sorted((found, true), key=len)
    return max(sum(abs(a - b) <= tolerance for a, b in zip(few, p, strict=True)) for p in permutations(many, len(few)))


class TestMatching:
    def test_the_assignment_is_the_largest(self) -> None:
        rng = np.random.default_rng(0)
        for _ in range(60):
            found, true = (rng.integers(0, 20, rng.integers(1, 6)) for _ in range(2))
            tolerance = int(rng.integers(0, 5))
            seen = match_occurrences(
                Raster(found, np.zeros_like(found), (20, 1)),
                Raster(true, np.zeros_like(true), (20, 1)),
                tolerance=tolerance,
            )
            assert seen.hits == best(found.tolist(), true.tolist(), tolerance)

    def test_motifs_are_not_taken_for_each_other(self) -> None:
        assert match_occurrences(Raster([3], [0], (9, 2)), Raster([3], [1], (9, 2))).hits == 0

    def test_numbers(self) -> None:
        match = Match(hits=6, found=8, true=12)
        assert (match.precision, match.recall, match.f1) == (0.75, 0.5, 0.6)
        assert Match(0, 0, 3).precision == Match(0, 3, 0).recall == Match(0, 0, 0).f1 == 1

    def test_mistakes_are_named(self) -> None:
        with pytest.raises(ShapeError, match="differ in shape"):
            match_occurrences(Raster([3], [0], (9, 2)), Raster([3], [0], (8, 2)))
        with pytest.raises(RanvierError, match=r"tolerance=0\.5"):
            match_occurrences(Raster([3], [0], (9, 2)), Raster([3], [0], (9, 2)), tolerance=0.5)  # pyright: ignore
