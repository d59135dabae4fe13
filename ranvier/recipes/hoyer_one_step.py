"""One step with thresholds at the Hoyer extremum and their regulariser, beside fixed thresholds and an ordinary network."""

from dataclasses import dataclass

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.images import images
from ranvier.recipes.parts.tested import accuracy, fired
from ranvier.units import ms

HOYER, EXTREMUM, PENALTY = "Hoyer threshold and regulariser", "Hoyer threshold alone", "regulariser alone"
FIXED, STAGES, ORDINARY = "fixed threshold", "stages from five steps", "ordinary network"


@dataclass(frozen=True)
class Settings:
    """Of training."""

    epochs: int = 10
    weight: float = 1e-5
    """Of the regulariser."""


def network(seed: int, arm: str) -> rv.Sequential:
    """One convolution and one hidden layer on 8 x 8 pixels; spiking cells learn a threshold for each layer."""
    torch.manual_seed(seed)

    def cell(shape: tuple[int, ...]) -> rv.Cell | nn.Module:
        if arm == ORDINARY:
            return nn.ReLU()
        box = rv.surrogates.Surrogate("where(abs(u) < 1.0, 0.5, 0.0)")
        plain = rv.LIF(shape, tau=2 * ms, V_th=rv.Learn(1.0, min=0.05), surrogate=box)
        return rv.HoyerThreshold(plain) if arm in (HOYER, EXTREMUM) else plain

    return rv.Sequential(
        rv.Conv2d(1, 16, 3, padding=1, bias=False), rv.ThresholdBatchNorm(16), cell((16, 8, 8)), nn.Flatten(),
        rv.Linear(1024, 64, bias=False), rv.ThresholdBatchNorm(64), cell((64,)), rv.Linear(64, 10), dt=1 * ms, seed=seed,
    )  # fmt: skip


def measure(case: Case) -> dict[str, float]:
    """Test accuracy of one arm after one step, and the part of its cells that fire."""
    s, steps = case.settings, (5, 4, 3, 2, 1) if case.arm == STAGES else (1,)
    train, valid, (x, y) = images(case.seed, steps[0])
    how = {"loss": rv.losses.OverTime(nn.CrossEntropyLoss()), "lr": 3e-3, "schedule": "cosine", "seed": case.seed}
    net = network(case.seed, case.arm)
    if case.arm == STAGES:
        each = max(1, s.epochs // len(steps))
        net = rv.shrink_steps(net, (train, valid), steps=steps, epochs=each, progress=False, **how)[-1].net
    else:
        penalty = [rv.regularizers.HoyerSparsity(s.weight)] if case.arm in (HOYER, PENALTY) else []
        rv.train(net, train, valid, epochs=s.epochs, regularizers=penalty, progress=False, **how)
    x = x.transpose(0, 1)[:1]
    found = {"accuracy": accuracy(net, x, y)}
    if case.arm != ORDINARY:
        spikes = torch.cat([one.flatten() for one in fired(net, x).values()])
        found["active"] = float(spikes.double().mean())
    return found


recipe = Recipe(
    name="hoyer_one_step", title="One step with Hoyer thresholds", papers=["S021"], citation="Datta, Liu & Beerel 2022 (Hoyer regularizer is all you need)",
    claim="In networks of one step, thresholds at the Hoyer extremum with the Hoyer regulariser beat fixed thresholds.",
    data="Real: the 1,797 digits that scikit-learn ships, split 60/20/20 by each seed; no augmentation in any arm.",
    scale="One convolution and one hidden layer on 8 x 8 pixels; the paper has VGG16 and ResNets on CIFAR and ImageNet.",
    chosen="The settings are the first that were tried, on one other seed with half the epochs; the epoch is chosen on validation images.",
    methods={HOYER: "as in the paper"}, baselines={FIXED: "the same network with a learnt threshold for each layer", STAGES: "trained at 5, 4, 3, 2 and 1 steps, as many epochs in all", ORDINARY: "the same shape with rectified units"},
    controls={EXTREMUM: "without the regulariser", PENALTY: "with a fixed threshold"},
    measures={"accuracy": "%", "active": "%"}, seeds=(10, 11, 12, 13, 14), settings=Settings(), quick={"epochs": 1, "seeds": (0,)}, minutes=2, measure=measure, threads=1,
    expected=[
        Expect("Hoyer threshold and regulariser beat a fixed threshold", (HOYER, "accuracy"), ">", (FIXED, "accuracy")),
        Expect("they beat stages from five steps", (HOYER, "accuracy"), ">", (STAGES, "accuracy"), decides=False),
        Expect("they come within a point of an ordinary network", (HOYER, "accuracy"), ">", (ORDINARY, "accuracy"), plus=-0.01, decides=False),
        Expect("the regulariser adds to the threshold", (HOYER, "accuracy"), ">", (EXTREMUM, "accuracy"), decides=False),
        Expect("fewer cells fire than with a fixed threshold", (HOYER, "active"), "<", (FIXED, "active"), decides=False),
    ],
    notes=["Active: the part of spiking cells that fire at a test image. Gradients of a Hoyer threshold pass for v/V_th from 0 to twice the extremum, those of the paper from 0 to 2. Extremum and regulariser take whole layers."],
)  # fmt: skip
run = recipe.run
