"""A Spikformer that first fills in hidden patches of digits, then learns from few labels."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts import ordinary
from ranvier.recipes.parts.images import repeated
from ranvier.recipes.parts.tested import accuracy, learnt
from ranvier.units import ms

PRETRAINED, SCRATCH, PATCHES = "pretrained", "from scratch", "from scratch, without the stem"
PLAIN, ORDINARY = "plain spiking network", "ordinary network"
CHANNELS, STEPS = 24, 2


@dataclass(frozen=True)
class Settings:
    """Of training."""

    hidden: int = 2_000
    """Images without labels."""
    pretraining: int = 4
    """Passes over them."""
    labels: int = 200
    """Images with labels."""
    epochs: int = 16


def cell() -> rv.Cell:
    """A fast leaky cell."""
    return rv.LIF(tau=2 * ms)


def encoder(arm: str) -> list[Any]:
    """What makes 7 x 7 tokens of an image [1, 14, 14], with about as many parameters in every arm."""
    if arm == PLAIN:
        return [*rv.blocks.vgg(1, [16, "M", 26, 26], cell=cell, pool=nn.MaxPool2d)]
    stem = rv.blocks.spiking_stem(1, CHANNELS, halvings=1, cell=cell)
    if arm == PATCHES:
        patches = rv.Conv2d(1, CHANNELS, 2, stride=2, bias=False), rv.ThresholdBatchNorm(CHANNELS)
        stem = (*patches, rv.PositionCode(CHANNELS, 7, 7), cell())
    blocks = [rv.blocks.spikformer(CHANNELS, 4, hidden=2 * CHANNELS, cell=cell) for _ in range(2)]
    return [*stem, *blocks[0], *blocks[1]]


def rectified() -> nn.Module:
    """The plain network with rectified units."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 26, 3, padding=1, bias=False), nn.BatchNorm2d(26), nn.ReLU(),
        nn.Conv2d(26, 26, 3, padding=1, bias=False), nn.BatchNorm2d(26), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(26, 10),
    )  # fmt: skip


def measure(case: Case) -> dict[str, float]:
    """Test accuracy after learning from few labels, and the number of learnt parameters."""
    s, seed = case.settings, case.seed
    (x, y), _, (tested, target) = (
        (nn.functional.avg_pool2d(x, 2) / 2 + 0.5, y) for x, y in ordinary.handwritten(seed, 6_000)
    )
    few = x[: s.labels], y[: s.labels]
    torch.manual_seed(seed)
    if case.arm == ORDINARY:
        net = ordinary.fitted(rectified(), few, 4 * s.epochs, 2e-3)
        return {"accuracy": ordinary.accuracy(net, tested, target), "parameters": learnt(net)}
    parts, how = encoder(case.arm), {"lr": 2e-3, "schedule": "cosine", "seed": seed, "progress": False}
    if case.arm == PRETRAINED:
        filling = rv.Sequential(*parts, rv.Conv2d(CHANNELS, 4, 1), dt=1 * ms, seed=seed)
        images = rv.data.MaskedPatches(x[: s.hidden], size=2, steps=STEPS)
        rv.train(filling, images, epochs=s.pretraining, batch_size=64, loss=rv.losses.MaskedRegression(), **how)
    width = 26 if case.arm == PLAIN else CHANNELS
    net = rv.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), rv.Linear(width, 10), dt=1 * ms, seed=seed)
    rv.train(
        net, repeated(few, STEPS), epochs=s.epochs, batch_size=25, loss=rv.losses.OverTime(nn.CrossEntropyLoss()), **how
    )
    found = accuracy(net, tested.expand(STEPS, *tested.shape), target)
    return {"accuracy": found, "parameters": learnt(net)}


recipe = Recipe(
    name="masked_pretraining", title="Hidden patches before few labels", papers=["S041"], citation="Zhou et al. 2024 (Spikformer V2); He et al., CVPR 2022 (masked autoencoders)",
    claim="A Spikformer that first learns without labels to fill in hidden patches learns more from few labels than one that starts from random weights.",
    data="Real: the 10,000 test images of MNIST alone, at 14 x 14 pixels, split 60/20/20 within each class; each seed draws the images without labels and those with labels; no augmentation in any arm.",
    scale="Two blocks of 24 channels behind one convolution, 49 tokens, two steps, 2,000 images without labels, 200 with; the paper has eight blocks of 512 channels and more, and ImageNet.",
    chosen="The settings are the first that were tried, and the last epoch counts, so that nothing was chosen on data. The ordinary network learns for four times as many epochs.",
    methods={PRETRAINED: "60 % of all patches of 2 x 2 pixels are hidden; a linear map of the tokens fills them in"},
    baselines={PLAIN: "three convolutions with norms and cells, as many parameters", ORDINARY: "the same with rectified units"},
    controls={SCRATCH: "the labels alone, for as many epochs", PATCHES: "tokens by one linear map of 2 x 2 pixels, and a learnt code of places"},
    measures={"accuracy": "%", "parameters": ""}, seeds=(0, 1, 2, 3, 4), settings=Settings(), quick={"hidden": 64, "pretraining": 1, "labels": 50, "epochs": 1, "seeds": (0,)}, minutes=5, measure=measure,
    expected=[
        Expect("pretraining helps", (PRETRAINED, "accuracy"), ">", (SCRATCH, "accuracy")),
        Expect("it beats the plain spiking network", (PRETRAINED, "accuracy"), ">", (PLAIN, "accuracy"), decides=False),
        Expect("the convolutional stem helps", (SCRATCH, "accuracy"), ">", (PATCHES, "accuracy"), decides=False),
        Expect("attention beats plain convolutions from scratch", (SCRATCH, "accuracy"), ">", (PLAIN, "accuracy"), decides=False),
        Expect("it loses less than two points to the ordinary network", (PRETRAINED, "accuracy"), ">", (ORDINARY, "accuracy"), plus=-0.02, decides=False),
    ],
)  # fmt: skip
run = recipe.run
