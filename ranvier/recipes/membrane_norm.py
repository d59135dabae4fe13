"""A norm on membranes, trained and then folded into thresholds, beside the same network without it."""

import torch

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.digit_cells import DigitSettings, fitted, network
from ranvier.recipes.parts.tested import accuracy
from ranvier.units import ms

NORMED, INPUTS, NONE = "norms on membranes", "norms on inputs alone", "no norm"


def measure(case: Case) -> dict[str, float]:
    """Test accuracy of one arm; of the method also the part of spikes that differ once the norm is a threshold."""

    def cell(shape: tuple[int, ...]) -> rv.Cell:
        plain = rv.LIF(shape, tau=1 * ms, V_th=0.5, reset="v = 0")
        return rv.MembraneNorm(plain) if case.arm == NORMED else plain

    start = network(case.seed, cell, None if case.arm == NONE else lambda n: rv.ThresholdBatchNorm(n, V_th=0.5))
    net, (x, y) = fitted(start, case)
    found = {"accuracy": accuracy(net, x, y)}
    if case.arm == NORMED:
        record = {name: ["spikes"] for name in net.populations}
        with torch.no_grad():
            seen, folded = (
                torch.cat([part["spikes"].flatten() for part in one.observe(x, record=record).values()])
                for one in (net, rv.fold_norms(net))
            )
        found["differ"] = float((seen != folded).double().sum() / seen.double().sum())
    return found


recipe = Recipe(
    name="membrane_norm", title="Norms on membranes become thresholds", papers=["S013"], citation="Guo et al., ICCV 2023 (MPBN)",
    claim="A batch norm on the membrane before it fires improves accuracy, and is a threshold of each channel at inference.",
    data="Real: the 10,000 test images of MNIST alone, split 60/20/20 within each class; each seed draws the images to learn from; no augmentation in any arm.",
    scale="Two convolutions and a hidden layer, 2,000 training images, two steps; the paper has ResNets and VGG on CIFAR and ImageNet.",
    chosen="The settings are the first that were tried; the epoch is chosen on validation images.",
    methods={NORMED: "after the norms on inputs (tdBN), as in the paper; folded for the comparison of spikes"}, controls={INPUTS: "tdBN", NONE: "biases instead"},
    notes=["In evaluation, a network already applies a norm on membranes as a factor and a shift for each channel, so the comparison shows that the folded copy has the same numbers. Tests of the library compare them with the norm itself."],
    measures={"accuracy": "%", "differ": "%"}, seeds=tuple(range(8)), settings=DigitSettings(), quick={"images": 200, "epochs": 1, "seeds": (0,)}, minutes=4, measure=measure,
    expected=[
        Expect("folding changes fewer than one spike in 10,000", (NORMED, "differ"), "<", 1e-4),
        Expect("norms on membranes beat those on inputs alone", (NORMED, "accuracy"), ">", (INPUTS, "accuracy")),
    ],
)  # fmt: skip
run = recipe.run
