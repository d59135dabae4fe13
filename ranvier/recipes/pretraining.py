"""An ordinary network as a start: converted as it is, retrained for few steps, and trained on as a spiking network."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.ordinary import accuracy, fitted, handwritten, model
from ranvier.units import ms

ORDINARY, QUANTISED, AFTER = "ordinary network", "network with steps in mind", "converted, 64 steps"
FEW, PRETRAINED, RANDOM = "converted for few steps, 16 steps", "spiking, pretrained", "spiking, from random weights"


@dataclass(frozen=True)
class Settings:
    """Of training."""

    images: int = 3_000
    """Training images."""
    epochs: int = 8
    """Passes of the ordinary network; half as many with steps in mind."""
    spiking: int = 2
    """Passes of the pretrained spiking network at four steps; five times as many from random weights."""


@lru_cache(maxsize=1)
def ordinary(seed: int, s: Settings) -> nn.Module:
    """The trained network with rectified units."""
    torch.manual_seed(seed)
    return fitted(model(), handwritten(seed, s.images)[0], s.epochs, 2e-3)


def measure(case: Case) -> dict[str, float]:
    """Test accuracy of one arm."""
    s, seed = case.settings, case.seed
    train, valid, (x, y) = handwritten(seed, s.images)
    start = ordinary(seed, s)
    torch.manual_seed(seed)
    if case.arm in (QUANTISED, FEW):
        start = fitted(rv.conversion.quantize_activations(start, levels=8, V_th=3.0), train, s.epochs // 2, 1e-3)
    if case.arm in (ORDINARY, QUANTISED):
        return {"accuracy": accuracy(start, x, y)}
    if case.arm in (AFTER, FEW):
        steps, how = (16, {"calibrate": True, "steps": 16}) if case.arm == FEW else (64, {})
        (_, after) = rv.convert(start, train[0], **how).evaluate(x, y, steps=(steps,))
        return {"accuracy": float(after.accuracy or 0), "agreement": after.agreement}
    made = rv.convert(start if case.arm == PRETRAINED else model().eval(), train[0], cell=rv.LIF(tau=5 * ms)).net
    parts = [(part.unsqueeze(1).expand(-1, 4, -1, -1, -1), target) for part, target in (train, valid)]
    epochs = s.spiking * (1 if case.arm == PRETRAINED else 5)
    rv.train(
        made,
        *parts,
        epochs=epochs,
        lr=1e-3,
        loss=rv.losses.OverTime(nn.CrossEntropyLoss()),
        schedule="cosine",
        seed=seed,
        progress=False,
    )
    return {"accuracy": accuracy(lambda part: made.eval()(part.expand(4, *part.shape))[0].mean(0), x, y)}


recipe = Recipe(
    name="pretraining", title="An ordinary network as a start", papers=["S010"], citation="Lin et al. 2022 (Rethinking pretraining); Bu et al., ICLR 2022 (QCFS)",
    claim="A spiking network that starts from an ordinary one is as good in a fraction of the epochs; converted as it stands, it loses little.",
    data="Real: the 10,000 test images of MNIST alone, split 60/20/20 within each class; no augmentation in any arm.",
    scale="Two convolutions and a hidden layer, 28 x 28 pixels, four steps where it is trained; the paper has ResNets on ImageNet.",
    chosen="The settings are the first that were tried; conversion at 64 and 16 steps had been tried on test images of one seed. Calibration was chosen on validation images of seeds 100 to 103. "
    "A run of seeds 0 to 4 without calibration left the second and third expectations undecided; seeds 0 to 14 were then measured once.",
    methods={AFTER: "thresholds from training images, no retraining", FEW: "QCFS with 8 levels, half as many epochs more; biases calibrated on training images for 16 steps", PRETRAINED: "two epochs at four steps"},
    baselines={ORDINARY: "rectified units, 8 epochs", QUANTISED: "its activations in 8 levels (QCFS)"}, controls={RANDOM: "the same network, ten epochs"},
    measures={"accuracy": "%", "agreement": "%"}, seeds=tuple(range(15)), settings=Settings(), quick={"images": 300, "epochs": 2, "spiking": 1, "seeds": (0,)},
    minutes=20, measure=measure,
    notes=["The split is the same for all seeds, which draw weights and the order of images: intervals show how training varies. An epoch of the spiking network costs about four of the ordinary one. The comparison within half a point, beside the claim, was added after the measurement."],
    expected=[
        Expect("64 steps lose less than a point", (AFTER, "accuracy"), ">", (ORDINARY, "accuracy"), plus=-0.01),
        Expect("16 steps lose less than half a point", (FEW, "accuracy"), ">", (QUANTISED, "accuracy"), plus=-0.005),
        Expect("a fifth of the epochs is enough", (PRETRAINED, "accuracy"), ">", (RANDOM, "accuracy")),
        Expect("a fifth of the epochs loses less than half a point", (PRETRAINED, "accuracy"), ">", (RANDOM, "accuracy"), plus=-0.005, decides=False),
    ],
)  # fmt: skip
run = recipe.run
