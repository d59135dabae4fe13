"""Planted motifs of spikes, detected by logistic regression on delays, beside codes without them."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np

import ranvier as rv
from ranvier.motifs import MotifDetector, Motifs, Raster, match_occurrences
from ranvier.recipes.form import Case, Expect, Recipe

LEARNT, NOISY, PRUNED, KNOWN = "learnt", "learnt, noisy motifs", "learnt, pruned", "known motifs"
COUNTS, CORRELATION, RATES = "counts alone", "correlation", "rate code"
NO_DELAYS, SHIFTED = "no delays", "shifted occurrences"
LEFT = (0.5, 0.1, 0.03, 0.01)
"""Shares of all synapses that pruning leaves."""


@dataclass(frozen=True)
class Settings:
    """Rasters: half to learn from (a fifth of it for the threshold), half to test."""

    motifs: int = 4
    cells: int = 128
    window: int = 31
    spikes: int = 40
    steps: int = 20_000
    epochs: int = 5


def rasters(case: Case) -> tuple[Motifs, list[tuple[Raster, Raster]]]:
    """Motifs, and two rasters with their occurrences: to learn from and to test."""
    s = case.settings
    motifs = rv.motifs.draw_motifs(s.motifs, s.cells, s.window, spikes=s.spikes, seed=case.seed)
    noise = {"jitter": 1.0, "deletion": 0.2} if case.arm == NOISY else {}
    return motifs, [
        rv.motifs.plant_motifs(motifs, s.steps, occurrence=2e-3, seed=1000 * case.seed + k, **noise) for k in (1, 2)
    ]


def rates(spikes: Raster, window: int) -> Raster:
    """Counts of each cell over the last ``window`` steps."""
    total = spikes.dense().cumsum(0)
    total[window:] -= total[:-window].clone()
    return Raster.of(total)


def template(spikes: Raster, truth: Raster, window: int) -> np.ndarray:
    """The mean raster before occurrences of each motif, minus the mean: [M, N, D]."""
    seen = np.zeros((truth.shape[1], spikes.shape[1], window), np.float32)
    for t, m in zip(truth.times, truth.rows, strict=True):
        seen[m] += spikes.dense(t - window + 1, t + 1).flip(0).T.numpy()
    often = np.bincount(truth.rows, minlength=truth.shape[1])[:, None, None]
    return seen / often - len(spikes) / np.prod(spikes.shape)


def recovered(detector: MotifDetector, motifs: Motifs) -> float:
    """The share of planted spikes that are among the largest weights of their motif, as many as it has spikes."""
    weights, planted = (k.reshape(len(detector.kernel_), -1) for k in (detector.kernel_, motifs.kernel()))
    most = [np.argsort(-w)[: int(p.sum())] for w, p in zip(weights, planted, strict=True)]
    return float(np.mean([p[k].mean() for p, k in zip(planted, most, strict=True)]))


def measure(case: Case) -> dict[str, float]:
    """F1 on the test raster, to the step (half a window for rates), and the share of planted delays that were recovered."""
    s, arm = case.settings, case.arm
    motifs, ((spikes, truth), (other, there)) = rasters(case)
    every = MotifDetector(
        s.window,
        epochs=0 if arm == COUNTS else s.epochs,
        tolerance=2 if arm == NOISY else 0,
        significance=0 if arm == PRUNED else 3,
    )
    if arm == RATES:
        every.set_params(window=1, tolerance=s.window // 2)
        spikes, other = rates(spikes, s.window), rates(other, s.window)
    if arm == NO_DELAYS:
        every.set_params(window=1)
    if arm == SHIFTED:
        truth = Raster((truth.times + s.steps // 2) % s.steps, truth.rows, truth.shape)
    if arm in (KNOWN, CORRELATION):
        kernel = motifs.kernel() if arm == KNOWN else template(spikes, truth, s.window)
        every.set_kernel(kernel).calibrate(spikes, truth)
    else:
        every.fit(spikes, truth)
    found = every.predict(other)
    values = {
        "F1": every.score(other, there),
        "F1 of half a window": match_occurrences(found, there, tolerance=s.window // 2).f1,
    }
    if every.kernel_.shape == motifs.shape:
        values["delays recovered"] = recovered(every, motifs)
    if arm == PRUNED:
        for left in LEFT:
            pruned = deepcopy(every).prune(1 - left).calibrate(spikes, truth)
            values[f"F1, {left:.0%} left"] = pruned.score(other, there)
    return values


recipe = Recipe(
    name="motifs", title="Spiking motifs by their delays", papers=["S051", "S242"], citation="Perrinet, ICANN 2023; Grimaldi, Gruel, Besnainou, Jérémie, Martinet & Perrinet, Brain Sciences 2023",
    claim="Logistic regression on spikes at all delays detects planted motifs to the step and recovers their delays; a rate code does not.",
    data="Generated: motifs of 40 spikes (1 % of cells and delays) are planted at random times, once in 500 steps each, in background spikes of probability 0.01. Motifs overlap.",
    scale="Four motifs of 128 cells and 31 delays, 20,000 steps to learn from; the paper has 144 motifs of as many cells and delays, and ten million steps. It plants by logits, without jitter.",
    chosen="Sizes, learning rate, penalty and significance were chosen on test rasters of other seeds. The epoch and the threshold come from the last fifth of the learning raster; thresholds of pruned detectors and of those that learn no weights from all of it. A first run had four seeds and asked for 50 points more than without delays, a margin that the papers do not have.",
    methods={LEARNT: "gradient descent from log-odds of counts", NOISY: "each spike is shifted by normal jitter of one step and left out with probability 0.2; F1 within two steps", PRUNED: "synapses at all cells and delays, of which the smallest are removed", KNOWN: "the planted motifs as weights"},
    baselines={COUNTS: "log-odds of counts, without gradient descent", CORRELATION: "the mean raster before occurrences as weights", RATES: "logistic regression on counts over the last 31 steps; F1 within half a window"},
    controls={NO_DELAYS: "a window of one step", SHIFTED: "learns from occurrences that are shifted by half of the raster"},
    measures={"F1": "%", "F1 of half a window": "%", "delays recovered": "%", **{f"F1, {left:.0%} left": "%" for left in LEFT}},
    seeds=tuple(range(1, 9)), settings=Settings(), quick={"steps": 6000, "motifs": 2, "cells": 40, "spikes": 20, "epochs": 1, "seeds": (1,)}, minutes=0.8, measure=measure,
    expected=[
        Expect("F1 of motifs is above 95 %", (LEARNT, "F1"), ">", 0.95),
        Expect("F1 of noisy motifs is above 95 %", (NOISY, "F1"), ">", 0.95),
        Expect("better than by a rate code", (LEARNT, "F1"), ">", (RATES, "F1")),
        Expect("better than without delays", (LEARNT, "F1"), ">", (NO_DELAYS, "F1")),
        Expect("more than 95 % of the delays are recovered", (LEARNT, "delays recovered"), ">", 0.95),
        Expect("3 % of the synapses lose less than two points", (PRUNED, "F1, 3% left"), ">", (PRUNED, "F1"), plus=-0.02),
        Expect("better than by correlation", (LEARNT, "F1"), ">", (CORRELATION, "F1"), decides=False),
        Expect("better than by counts alone", (LEARNT, "F1"), ">", (COUNTS, "F1"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
