"""A soft reset and a rectifier of the membrane, beside the reset to zero."""

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.digit_cells import DigitSettings, firing, fitted, network
from ranvier.recipes.parts.tested import accuracy
from ranvier.units import ms

RECTIFIED, SOFT, HARD = "soft reset and rectifier", "soft reset", "reset to zero"


def measure(case: Case) -> dict[str, float]:
    """Test accuracy, and the mean squared distance of membranes from the spikes they become."""

    def cell(shape: tuple[int, ...]) -> rv.Cell:
        plain = rv.LIF(shape, tau=1 * ms, V_th=0.5, reset="v = 0" if case.arm == HARD else "v -= 1")
        return rv.MembraneRectifier(plain) if case.arm == RECTIFIED else plain

    start = network(case.seed, cell, lambda n: rv.ThresholdBatchNorm(n, V_th=0.5))
    net, (x, y) = fitted(start, case)
    return {"accuracy": accuracy(net, x, y), "lost": firing(net, x)[0]}


recipe = Recipe(
    name="rectified_membrane", title="Less information lost at the spike", papers=["S015"], citation="Guo et al., ECCV 2022 (soft reset and MPR)",
    claim="A soft reset, and a rectifier that moves membranes towards the values of spikes before they fire, lose less information and classify better.",
    data="Real: the 10,000 test images of MNIST alone, split 60/20/20 within each class; each seed draws the images to learn from; no augmentation in any arm.",
    scale="Two convolutions and a hidden layer, 2,000 training images, two steps; the paper has ResNets and VGG on CIFAR and ImageNet.",
    chosen="The settings are the first that were tried; the epoch is chosen on validation images.",
    methods={RECTIFIED: "phi(v), then v -= 1 at a spike", SOFT: "v -= 1 at a spike"}, controls={HARD: "v = 0 at a spike"},
    measures={"accuracy": "%", "lost": ""}, seeds=tuple(range(8)), settings=DigitSettings(), quick={"images": 200, "epochs": 1, "seeds": (0,)}, minutes=3, measure=measure,
    notes=["All cells fire where v > 0.5, and a spike stands for 1. The column \"lost\" is the error of firing, the mean of (v - s)**2 before the reset, over 500 test images and the three layers. A soft reset carries v - s on to the next step, which this measure does not see."],
    expected=[
        Expect("the rectifier cuts the error of firing", (RECTIFIED, "lost"), "<", (SOFT, "lost")),
        Expect("both together beat the reset to zero", (RECTIFIED, "accuracy"), ">", (HARD, "accuracy")),
        Expect("the soft reset alone beats it", (SOFT, "accuracy"), ">", (HARD, "accuracy")),
    ],
)  # fmt: skip
run = recipe.run
