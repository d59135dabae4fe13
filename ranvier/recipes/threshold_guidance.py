"""Better samples without training: thresholds of a spiking denoiser are scaled, beside weights of each step and conversion."""

from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.generated import PROCESS, DenoiserSettings, denoiser, digits, quality, spiking
from ranvier.recipes.parts.ordinary_unet import OrdinaryUNet, fitted_to_noise
from ranvier.training import Denoiser
from ranvier.training.diffusion import Model

PLAIN, GUIDED, WEIGHED = "plain", "guided", "weights of each step"
CONVERTED, QUANTISED = "converted, 16 steps", "ordinary, eight levels"
FACTORS = (0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1)


@dataclass(frozen=True)
class Settings(DenoiserSettings):
    """Of training and sampling."""

    epochs: int = 20
    """Passes of every denoiser, in batches of 64."""


@lru_cache(maxsize=1)
def trained(seed: int, s: Settings) -> Denoiser:
    """The plain spiking denoiser."""
    return denoiser(seed, s, s.times, cell=spiking)


@lru_cache(maxsize=1)
def ordinary(seed: int, s: Settings) -> nn.Module:
    """The ordinary denoiser whose activations have eight levels."""
    torch.manual_seed(seed)
    return fitted_to_noise(OrdinaryUNet(1 + PROCESS.codes), PROCESS, digits(seed)[0], s.epochs, seed)


def guided(model: Denoiser, factor: float) -> Denoiser:
    """The model with its thresholds times ``factor``."""
    return Denoiser(rv.training.scaled_thresholds(model.net, factor), PROCESS, model.times)


def samples(model: Model, s: Settings, seed: int) -> torch.Tensor:
    """Samples of a model from the noise of ``seed``."""
    return PROCESS.sample(model, (s.made, 1, 8, 8), steps=s.steps, seed=seed)


def measure(case: Case) -> dict[str, float]:
    """Quality against test images; the factor is chosen against validation images, with other noise."""
    s, seed = case.settings, case.seed
    _, valid, test = digits(seed)
    factor = 1.0
    if case.arm in (CONVERTED, QUANTISED):
        net = ordinary(seed, s)
        few = PROCESS.pairs(digits(seed)[0], times=1, seed=seed)[0][:, 0]
        made = partial(rv.convert(net, few), steps=16) if case.arm == CONVERTED else net
        found = samples(lambda x, t: made(PROCESS.with_time(x, t)), s, seed)
        return quality(found, seed, test)
    if case.arm == WEIGHED:
        model = denoiser(seed, s, s.times, cell=spiking, norm=partial(rv.TemporalBatchNorm, steps=s.times))
    else:
        model = trained(seed, s)
    if case.arm == GUIDED:
        tried = {f: quality(samples(guided(model, f), s, 1000 + seed), seed, valid) for f in FACTORS}
        factor = min(tried, key=lambda f: tried[f]["Fréchet distance"])
    return {**quality(samples(guided(model, factor), s, seed), seed, test), "factor": factor}


recipe = Recipe(
    name="threshold_guidance", title="Thresholds that guide samples", papers=["S023", "S042"], citation="Cao et al., IEEE Transactions on Artificial Intelligence 2024 (SDM)",
    claim="A spiking denoiser makes better samples where its thresholds are scaled after training, and where each step has learnt weights.",
    data="Real: the 1,797 digits that scikit-learn ships, 8 x 8 pixels, split 60/20/20 by each seed; no augmentation in any arm.",
    scale="A U-Net of two sizes, 37,000 parameters, 100 steps of noise, 300 samples by DDPM in 20 steps; the paper has CIFAR-10 up to LSUN bedrooms.",
    chosen="The factor of each seed is the best of seven, from 0.9 to 1.1, by the Fréchet distance from validation images, with other noise than in the test; the settings are those of spiking_diffusion with fewer epochs.",
    methods={GUIDED: "the plain network with all thresholds times the chosen factor", WEIGHED: "TEBN in place of tdBN: a learnt weight of each step and layer on what enters the cells"},
    baselines={PLAIN: "four steps, thresholds as trained", CONVERTED: "the ordinary network with eight levels (QCFS) by rv.convert", QUANTISED: "that network itself"},
    measures={"classifier score": "", "Fréchet distance": "", "nearest": "", "factor": ""},
    seeds=(0, 1, 2), settings=Settings(), quick={"epochs": 1, "made": 30, "steps": 3, "seeds": (0,)}, minutes=5, measure=measure,
    notes=["Score, Fréchet distance and nearest are those of spiking_diffusion: 24 features of a classifier that learnt from the training images, 300 samples against 360 test images. Plain and guided begin with the same noise."],
    expected=[
        Expect("scaled thresholds give a smaller Fréchet distance", (GUIDED, "Fréchet distance"), "<", (PLAIN, "Fréchet distance")),
        Expect("weights of each step give a smaller Fréchet distance", (WEIGHED, "Fréchet distance"), "<", (PLAIN, "Fréchet distance")),
        Expect("conversion increases the Fréchet distance by at most a quarter", (CONVERTED, "Fréchet distance"), "<", (QUANTISED, "Fréchet distance"), times=1.25, decides=False),
    ],
)  # fmt: skip
run = recipe.run
