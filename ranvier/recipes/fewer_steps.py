"""From five steps to one, stage by stage, beside training at one step and an ordinary network of the same shape."""

from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.images import images
from ranvier.units import ms


@dataclass(frozen=True)
class Settings:
    """Of training: passes at each number of steps, five times as many at one step alone."""

    epochs: int = 10


@lru_cache(maxsize=1)
def scores(seed: int, steps: tuple[int, ...], epochs: int, spiking: bool) -> list[float]:
    """Test accuracy after training at each of ``steps`` in turn."""
    torch.manual_seed(seed)
    cell = partial(rv.LIF, tau=2 * ms) if spiking else nn.ReLU
    net = rv.Sequential(
        rv.Conv2d(1, 16, 3, padding=1, bias=False), rv.ThresholdBatchNorm(16), cell(), nn.Flatten(),
        rv.Linear(1024, 64, bias=False), rv.ThresholdBatchNorm(64), cell(), rv.Linear(64, 10), dt=1 * ms, seed=seed,
    )  # fmt: skip
    train, valid, (x, y) = images(seed, steps[0])
    how = {"loss": rv.losses.OverTime(nn.CrossEntropyLoss()), "lr": 3e-3, "schedule": "cosine", "seed": seed}
    stages = rv.shrink_steps(net, (train, valid), steps=steps, epochs=epochs, progress=False, **how)
    outs = [stage.net.eval()(x.transpose(0, 1)[: stage.steps])[0].mean(0) for stage in stages]
    return [float((out.argmax(1) == y).double().mean()) for out in outs]


def measure(case: Case) -> dict[str, float]:
    """Test accuracy of one arm."""
    epochs = case.settings.epochs
    if case.arm in recipe.methods:
        return {"accuracy": scores(case.seed, (5, 4, 3, 2, 1), epochs, True)[0 if case.arm == "five steps" else -1]}
    return {"accuracy": scores(case.seed, (1,), 5 * epochs, case.arm in recipe.controls)[0]}


recipe = Recipe(
    name="fewer_steps", title="From five steps to one", papers=["S020"], citation="Chowdhury, Rathi & Roy 2021 (One timestep is all you need)",
    claim="A spiking network trained at several steps comes down to one step with little loss if each shorter one starts from the longer.",
    data="Real: the 1,797 digits that scikit-learn ships, split 60/20/20 by each seed; no augmentation in any arm.",
    scale="One convolution and one hidden layer on 8 x 8 pixels, five steps; the paper has VGG16 on images of 32 and 224 pixels.",
    chosen="The settings are the first that were tried; the epoch is chosen on validation images.",
    methods={"five steps": "where the stages begin", "one step, in stages": "the same network at one step, after stages of 4, 3 and 2"},
    baselines={"ordinary network": "the same shape with rectified units"}, controls={"one step, at once": "trained at one step only, as many epochs"}, measures={"accuracy": "%"}, seeds=tuple(range(10)), settings=Settings(), quick={"epochs": 1, "seeds": (0,)}, minutes=4, measure=measure,
    expected=[
        Expect("one step loses less than a point", ("one step, in stages", "accuracy"), ">", ("five steps", "accuracy"), plus=-0.01),
        Expect("stages beat training at one step", ("one step, in stages", "accuracy"), ">", ("one step, at once", "accuracy")),
    ],
)  # fmt: skip
run = recipe.run
