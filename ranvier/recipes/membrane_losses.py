"""Losses on the membrane before the reset: near the spike it becomes (RMP-loss), or centred on the threshold (IM-loss)."""

from dataclasses import dataclass

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.digit_cells import DigitSettings, firing, fitted, network
from ranvier.recipes.parts.tested import accuracy
from ranvier.units import ms

RMP, IM, PLAIN = "RMP-loss", "IM-loss", "neither"


@dataclass(frozen=True)
class Settings(DigitSettings):
    """Of training."""

    weight: float = 0.1
    """Of either loss, beside the cross-entropy."""


def measure(case: Case) -> dict[str, float]:
    """Test accuracy, the mean squared distance of membranes from their spikes, and the rate of spikes."""
    weight = case.settings.weight
    own = {
        RMP: [rv.regularizers.ResidualMembrane(weight, level=1.0)],
        IM: [rv.regularizers.CentredMembrane(weight)],
    }
    start = network(
        case.seed, lambda shape: rv.LIF(shape, tau=1 * ms, V_th=0.5, reset="v = 0"), lambda n: rv.ThresholdBatchNorm(n, V_th=0.5)
    )  # fmt: skip
    net, (x, y) = fitted(start, case, own.get(case.arm, []))
    lost, rate = firing(net, x)
    return {"accuracy": accuracy(net, x, y), "lost": lost, "rate": rate}


recipe = Recipe(
    name="membrane_losses", title="Losses on membranes", papers=["S016"], citation="Guo et al., ICCV 2023 (RMP-Loss); Guo et al., NeurIPS 2022 (IM-Loss)",
    claim="A loss that pushes membranes towards the values of spikes cuts the error of firing and improves accuracy.",
    data="Real: the 10,000 test images of MNIST alone, split 60/20/20 within each class; each seed draws the images to learn from; no augmentation in any arm.",
    scale="Two convolutions and a hidden layer, 2,000 training images, two steps; the paper has ResNets and VGG on CIFAR and ImageNet.",
    chosen="The settings are the first that were tried; the epoch is chosen on validation images.",
    methods={RMP: "mean of (v - s)**2 before the reset", IM: "squared distance of the mean membrane from the threshold"}, controls={PLAIN: "cross-entropy alone"},
    measures={"accuracy": "%", "lost": "", "rate": "spikes per step"}, seeds=tuple(range(8)), settings=Settings(), quick={"images": 200, "epochs": 1, "seeds": (0,)}, minutes=3, measure=measure,
    notes=["All cells fire where v > 0.5, and a spike stands for 1. The column \"lost\" is the error of firing, the mean of (v - s)**2 before the reset, over 500 test images and the three layers."],
    expected=[
        Expect("RMP-loss cuts the error of firing", (RMP, "lost"), "<", (PLAIN, "lost")),
        Expect("RMP-loss improves accuracy", (RMP, "accuracy"), ">", (PLAIN, "accuracy")),
        Expect("IM-loss improves accuracy", (IM, "accuracy"), ">", (PLAIN, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
