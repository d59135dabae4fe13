"""A spiking U-Net that makes digits from noise, beside an ordinary one of the same parts."""

import torch

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.generated import (
    PROCESS,
    DenoiserSettings,
    denoiser,
    digits,
    quality,
    real_digits,
    rectifier,
    spiking,
)
from ranvier.units import ms

SPIKING, ORDINARY, ONE = "spiking, 4 steps", "ordinary twin", "spiking, 1 step"
UNTRAINED, REAL = "untrained", "real digits"


def measure(case: Case) -> dict[str, float]:
    """Quality of the samples of one model, against test images."""
    s, seed = case.settings, case.seed
    if case.arm == REAL:
        return real_digits(seed)
    times = 1 if case.arm in (ORDINARY, ONE) else s.times
    cell = rectifier if case.arm == ORDINARY else spiking
    if case.arm == UNTRAINED:
        torch.manual_seed(seed)
        net = rv.Sequential(*rv.blocks.unet(1 + PROCESS.codes, 1, (16, 32), patch=2, cell=cell), dt=1 * ms)
        model = rv.training.Denoiser(net.eval(), PROCESS, times)
    else:
        model = denoiser(seed, s, times, cell=cell)
    made = PROCESS.sample(model, (s.made, 1, 8, 8), steps=s.steps, seed=seed)
    _, valid, test = digits(seed)
    with torch.no_grad():
        given, noise = PROCESS.pairs(valid.repeat(2, 1, 1, 1), times=times, seed=seed)
        loss = float(((model.net(given.transpose(0, 1))[0].mean(0) - noise) ** 2).mean())
    return {**quality(made, seed, test), "loss": loss}


recipe = Recipe(
    name="spiking_diffusion", title="Digits from noise", papers=["S042"], citation="Cao et al., WACV 2024 (SDDPM)",
    claim="A spiking U-Net with four steps makes images from noise as good as those of the ordinary network of equal size.",
    data="Real: the 1,797 digits that scikit-learn ships, 8 x 8 pixels, split 60/20/20 by each seed; no augmentation in any arm.",
    scale="A U-Net of two sizes, 37,000 parameters, 100 steps of noise, 300 samples by DDPM in 20 steps; the paper has CIFAR-10 and CelebA, and 1,000 steps.",
    chosen="Learning rate and batch size are the first that gave recognisable digits on seed 100, with wider networks; this width was taken to save time. The margins were set before the run. A quick run of seed 0, of one epoch, showed that noise scores 3.9 with the classifier; so the third expectation compares Fréchet distances.",
    methods={SPIKING: "leaky integrate-and-fire cells, the output averaged over four steps"},
    baselines={ORDINARY: "rectified units in place of cells: the same parts, parameters, batches and noise", REAL: "the validation images in place of samples"},
    controls={ONE: "the spiking network trained and run with one step", UNTRAINED: "random weights"},
    measures={"classifier score": "", "Fréchet distance": "", "nearest": "", "loss": ""},
    seeds=(0, 1, 2), settings=DenoiserSettings(), quick={"epochs": 1, "made": 40, "steps": 4, "seeds": (0,)}, minutes=5, measure=measure,
    notes=["The classifier (64-64-24-10 rectified units) learns from the noisy training images of each seed; the Fréchet distance is that of its 24 features, 300 samples against 360 test images. "
           "Loss is the squared error of the noise on validation images. Nearest is the distance from the nearest training image, in units of that of test images."],
    expected=[
        Expect("four steps score at most half a point less than the ordinary twin", (SPIKING, "classifier score"), ">", (ORDINARY, "classifier score"), plus=-0.5),
        Expect("their Fréchet distance is at most a quarter larger", (SPIKING, "Fréchet distance"), "<", (ORDINARY, "Fréchet distance"), times=1.25),
        Expect("they beat an untrained network", (SPIKING, "Fréchet distance"), "<", (UNTRAINED, "Fréchet distance")),
        Expect("they are no copies: their distance from training images is over half of that of test images", (SPIKING, "nearest"), ">", 0.5),
        Expect("four steps beat one", (SPIKING, "Fréchet distance"), "<", (ONE, "Fréchet distance"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
