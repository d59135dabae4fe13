"""Seven sizes of microsaccades before an event camera, told apart by a small spiking VGG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.drawn import divided, uniform
from ranvier.recipes.parts.sequences import fitted
from ranvier.recipes.parts.tested import accuracy, learnt
from ranvier.units import Hz, ms

SPIKING, FRAMES, COUNTS, SHUFFLED = "spiking VGG", "ordinary VGG", "counts alone", "times shuffled"
#: degrees of the classes; pixels per degree; rows or columns of pixels; steps of 1 ms
DEGREES, PER_DEGREE, SIDE, STEPS = tuple(0.5 + 0.25 * k for k in range(7)), 1.5, 16, 10
Tensor = torch.Tensor
Samples = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Settings:
    """Of training."""

    learn: int = 640
    """Movements to learn from; half as many choose the epoch, as many are reported."""
    epochs: int = 14


@lru_cache(maxsize=2)
def movements(seed: int, count: int) -> Samples:
    """Events [T, S, 2, 16, 16] of eyes that jerk to the right or left once, and classes [S]."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count)[torch.randperm(count, generator=generator)] % len(DEGREES)
    duration = uniform(generator, 4, STEPS - 2, count)
    start = uniform(generator, 0, 1, count) * (STEPS - 1 - duration)
    side = math.pi * torch.randint(2, (count,), generator=generator)
    path = rv.encoding.microsaccades(PER_DEGREE * torch.tensor(DEGREES)[y], side, start, duration, STEPS + 1)
    light = rv.encoding.drift(rv.encoding.eyes(count, SIDE, iris=0.35, generator=generator), -path)
    camera = rv.encoding.EventCamera(leak=0.1 * Hz, shot=5 * Hz)
    return camera(light, 1 * ms, generator=generator)[1:], y


def shuffled(x: Tensor, seed: int) -> Tensor:
    """Events [T, …] with the steps of every pixel and sign in an order of their own."""
    return x.gather(0, torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)).argsort(0))


def spiking(seed: int) -> rv.Sequential:
    """Three convolutions and a hidden layer of cells, and currents for each class."""
    torch.manual_seed(seed)

    def cell(size: int | None = None) -> rv.Cell:
        return rv.LIF(size, tau=30 * ms)

    parts = rv.blocks.vgg(2, (8, "M", 16, "M", 24), cell=cell)
    hidden = rv.Linear(384, 48, bias=False), rv.ThresholdBatchNorm(48), cell(48)
    return rv.Sequential(*parts, nn.Flatten(), *hidden, rv.Linear(48, 7), dt=1 * ms)


class Ordinary(nn.Module):
    """The same layers with rectifiers, on a frame: the sums of on and of off events over all steps."""

    def __init__(self) -> None:
        super().__init__()
        sizes = ((2, 8), (8, 16), (16, 24))
        first, second, third = (
            [nn.Conv2d(n, m, 3, padding=1, bias=False), nn.BatchNorm2d(m), nn.ReLU()] for n, m in sizes
        )
        self.net = nn.Sequential(
            *first, nn.AvgPool2d(2), *second, nn.AvgPool2d(2), *third, nn.Flatten(), nn.Linear(384, 48), nn.ReLU(),
            nn.Linear(48, 7),
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """x [T, B, 2, H, W] -> one answer [1, B, 7]."""
        return self.net(x.sum(0)).unsqueeze(0), None


def counts(x: Tensor) -> Tensor:
    """Logarithms of numbers of on events, off events and pixels that fired, [S, 3]."""
    total = x.sum(0)
    return torch.stack([total[:, 0].sum((1, 2)), total[:, 1].sum((1, 2)), (total > 0).sum((1, 2, 3))], 1).log1p()


def measure(case: Case) -> dict[str, float]:
    """Accuracy on test movements, and learnt parameters."""
    s, seed = case.settings, case.seed
    x, y = movements(seed, 2 * s.learn + s.learn // 2)
    if case.arm == SHUFFLED:
        x = shuffled(x, seed)
    x, y = divided(s.learn, (x,), axis=1), divided(s.learn, (y,))
    learn, valid, test = ((a[0], b[0]) for a, b in zip(x, y, strict=True))
    if case.arm == COUNTS:
        model = LogisticRegression(max_iter=2000).fit(counts(learn[0]), learn[1])
        return {"accuracy": float(model.score(counts(test[0]), test[1])), "parameters": float(model.coef_.size + 7)}
    torch.manual_seed(seed)
    net = Ordinary() if case.arm == FRAMES else spiking(seed)
    net = fitted(net, (learn, valid, test), seed=seed, epochs=s.epochs, lr=1e-2, batch_size=32)
    return {"accuracy": accuracy(net, *test), "parameters": learnt(net)}


recipe = Recipe(
    name="microsaccades", title="Seven sizes of microsaccades", papers=["S031"], citation="Shariff et al., BMVC 2025 (microsaccades before event cameras)",
    claim="A small spiking VGG tells seven sizes of microsaccades apart from events by the course of the motion, and not by how many events there are.",
    data="Generated: eyes of 16 x 16 pixels (pupil, iris with radial texture, sclera) before an event camera with thresholds in log light and noise. Each jerks once to the right or left by 0.5 to 2 degrees in seven classes. Brightness and radii of the parts, place, start and duration (4 to 8 ms) are drawn and do not depend on the class. Of 1,600 movements, 640 are to learn from, 320 to choose the epoch by and 640 to report. No augmentation.",
    scale="24,000 parameters, ten steps of 1 ms, 1.5 pixels per degree, more than a real eye of this size in the picture would move; the paper renders 175,000 sequences and trains networks of 11 to 16 layers.",
    chosen="On validation movements of seed 101: time constant and pool of the spiking network are the best of three pairs, input and rate of the ordinary one (sums or steps as channels; 0.001, 0.003 or 0.01) the best of six. The ordinary network was compared with maximum pooling.",
    methods={SPIKING: "three convolutions with norms (rv.blocks.vgg), a hidden layer with a norm, leaky cells of 30 ms"},
    baselines={FRAMES: "the same layers with rectifiers on frames, the sums of on and of off events over the ten steps", COUNTS: "logistic regression on the numbers of on events, off events and active pixels"},
    controls={SHUFFLED: "the spiking VGG where each pixel's events come in random order, in training and in test"},
    measures={"accuracy": "%", "parameters": ""}, seeds=(1, 2, 3), settings=Settings(), quick={"learn": 56, "epochs": 1, "seeds": (1,)}, minutes=3, measure=measure,
    notes=["Chance is 14.3 %."],
    expected=[
        Expect("it beats counts", (SPIKING, "accuracy"), ">", (COUNTS, "accuracy")),
        Expect("the order of events matters", (SPIKING, "accuracy"), ">", (SHUFFLED, "accuracy")),
        Expect("it beats the ordinary VGG", (SPIKING, "accuracy"), ">", (FRAMES, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
