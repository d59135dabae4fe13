"""Patterns that differ only in when their channels fire: learnt delays beside fixed random ones and none."""

from dataclasses import dataclass

import numpy as np
import torch

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.delay_networks import Shape, network, optimizer
from ranvier.recipes.parts.linear_model import linear_model
from ranvier.recipes.parts.split import Split

SHAPE = Shape(inputs=10, classes=8, hidden=8, dt=1.0, tau=2.0, tau_out=40.0, longest=40.0, gain=4.0)


@dataclass(frozen=True)
class Settings:
    """Of training: passes over the 240 samples to learn from."""

    epochs: int = 60


def patterns(seed: int, samples: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples [S, 60, 10] and classes: each channel fires once, at its class's planted time, moved by normal 1.5 ms."""
    rng, y = np.random.default_rng(seed), np.tile(np.arange(SHAPE.classes), samples)
    planted, onset = rng.uniform(0, 40, (SHAPE.classes, SHAPE.inputs)), rng.uniform(0, 15, (len(y), 1))
    when = (planted[y] + onset + rng.normal(0, 1.5, (len(y), SHAPE.inputs))).round().clip(0, 59).astype(int)
    x = np.zeros((len(y), 60, SHAPE.inputs), np.float32)
    x[np.arange(len(y))[:, None], when, np.arange(SHAPE.inputs)] = 1
    return torch.from_numpy(x), torch.from_numpy(y)


def measure(case: Case) -> dict[str, float]:
    """Test accuracy of one arm: half of the samples to learn from, a sixth to choose by, a third to test."""
    x, y = patterns(case.seed)
    parts = Split(*np.split(np.arange(len(y)), [len(y) // 2, len(y) * 2 // 3]))
    train, valid, test = ((x[p], y[p]) for p in (parts.train, parts.valid, parts.test))
    if case.arm in recipe.baselines:
        counts = [(a.unflatten(1, (12, 5)).sum(2).flatten(1).numpy(), b.numpy()) for a, b in (train, valid, test)]
        return {"accuracy": linear_model(*counts).test}
    net, loss = network(case.arm, SHAPE, case.seed), rv.losses.MeanMembrane(scale=10)
    how = {"optimizer": optimizer(net, 1e-2, 1e-4, 0.5), "schedule": "cosine", "batch_size": 50, "progress": False}
    rv.train(net, train, valid, epochs=case.settings.epochs, loss=loss, seed=case.seed, **how)
    return {"accuracy": float((loss.predict(net(test[0].transpose(0, 1))[0]) == test[1]).double().mean())}


recipe = Recipe(
    name="delay_patterns", title="Learnt delays tell patterns apart", papers=["S048", "S049"], citation="Hammouamri, Khalfaoui-Hassani & Masquelier, ICLR 2024",
    claim="A spiking network whose delays are learnt tells temporal patterns apart better than one with fixed random delays or with none.",
    data="Generated: eight classes; each of ten channels fires once in a sample, at a time planted for its class, so that counts say nothing.",
    scale="Eight hidden cells and delays up to 40 ms; the paper has recordings of speech and networks of some hundred thousand weights.",
    chosen="Sizes and rates were chosen on seed 100, which is not scored; epoch and strength of the baseline on validation samples.",
    methods={"learned delays": "drawn from 0 to 40 ms and trained with the weights"}, baselines={"linear model": "logistic regression on counts per channel and 5 ms"},
    controls={"fixed random delays": "drawn from the same range", "no delays": "all are zero"}, measures={"accuracy": "%"}, seeds=tuple(range(10)), settings=Settings(), quick={"epochs": 2, "seeds": (0,)}, minutes=2, measure=measure,
    expected=[Expect(f"learnt delays beat {b}", ("learned delays", "accuracy"), ">", (b, "accuracy")) for b in ("fixed random delays", "no delays")],
)  # fmt: skip
run = recipe.run
