"""Directions of moving textures from events, by one layer of cells with delays, and what pruning costs."""

import math
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn

import ranvier as rv
from ranvier.motifs import MotionDetector
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.units import Hz, ms

LEARNT, ORDINARY, NO_DELAYS, SHUFFLED = "delays", "ordinary network", "no delays", "shuffled times"
LEFT = (0.3, 0.1, 0.03)
"""Shares of the weights that pruning leaves."""
Tensor = torch.Tensor


@dataclass(frozen=True)
class Settings:
    """Samples to learn from (a fifth of them to choose the epoch) and to test, and passes over them."""

    samples: int = 200
    tests: int = 120
    epochs: int = 8
    directions: int = 4
    steps: int = 12


def moving(s: Settings, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Events [S, T, 2, 10, 10] of textures that move by one pixel in each step, and their directions [S]."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.randint(s.directions, (count,), generator=draw)
    angle = y * (2 * math.pi / s.directions)
    path = torch.arange(s.steps + 1.0)[:, None, None] * torch.stack([angle.cos(), angle.sin()], 1)
    frames = rv.encoding.drift(rv.encoding.textures(count, 24, generator=draw), path)[..., :10, :10]
    camera = rv.encoding.EventCamera(on=0.2, off=0.2, leak=0 * Hz, shot=2 * Hz)
    return camera(frames, 1 * ms, generator=draw)[1:].transpose(0, 1).clamp(max=1), y


def shuffled(x: Tensor, seed: int) -> Tensor:
    """Each sample with its steps in another order."""
    draw = torch.Generator().manual_seed(seed)
    return torch.stack([part[torch.randperm(len(part), generator=draw)] for part in x])


def ordinary(case: Case, learn: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> dict[str, float]:
    """A convolution over space and time with 16 maps, ReLU, and a linear read-out of its mean, over the same four steps and 5 x 5 pixels."""
    s, (x, y) = case.settings, learn
    torch.manual_seed(case.seed)
    net = nn.Sequential(nn.Conv3d(2, 16, (4, 5, 5)), nn.ReLU(), nn.AdaptiveAvgPool3d((None, 1, 1)), nn.Flatten(2))
    read = nn.Linear(16, s.directions)
    optimizer = torch.optim.Adam([*net.parameters(), *read.parameters()], lr=0.01)
    for _ in range(s.epochs):
        for part in torch.randperm(len(x)).split(16):
            out = read(net(x[part].transpose(1, 2)).transpose(1, 2))
            loss = nn.functional.cross_entropy(out.flatten(0, 1), y[part].repeat_interleave(out.shape[1]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        found = read(net(test[0].transpose(1, 2)).transpose(1, 2)).argmax(2)
    weights = sum(q.numel() for q in (*net.parameters(), *read.parameters()))
    return {"accuracy": float((found == test[1][:, None]).double().mean()), "weights": float(weights)}


def measure(case: Case) -> dict[str, float]:
    """The share of steps with the right direction, after the first three, with all weights and with some removed."""
    s = case.settings
    (x, y), test = (moving(s, n, 1000 * case.seed + k) for k, n in ((1, s.samples), (2, s.tests)))
    if case.arm == ORDINARY:
        return ordinary(case, (x, y), test)
    x = shuffled(x, case.seed) if case.arm == SHUFFLED else x
    window = 1 if case.arm == NO_DELAYS else 4
    detector = MotionDetector(window, 5, epochs=s.epochs, seed=case.seed).fit(x, y)
    values = {"accuracy": detector.score(*test), "weights": float(detector.synapses_ + len(detector.bias_))}
    if case.arm == LEARNT:
        values |= {f"accuracy, {left:.0%} left": deepcopy(detector).prune(1 - left).score(*test) for left in LEFT}
    return values


recipe = Recipe(
    name="motion_detection", title="Motion by delays", papers=["S050"], citation="Grimaldi & Perrinet, Biological Cybernetics 2023",
    claim="One layer of cells with delays tells directions of motion from events, and stays accurate when most of its weights are removed.",
    data="Generated: random textures (motion clouds) that move by one pixel in each step in one of four directions, through an event camera with shot noise. Learning and test samples have other textures.",
    scale="Four directions at one speed, 10 x 10 pixels, kernels of 4 delays and 5 x 5 pixels, 200 samples of 12 steps; the paper has eight directions and three speeds of natural images with eye movements, kernels of 21 delays and 17 x 17 pixels.",
    chosen="Window and patch are the first that were tried; samples, noise of the camera, learning rate and passes were chosen on test textures of another seed; the epoch is chosen on a fifth of the learning samples. The ordinary network takes the last epoch.",
    methods={LEARNT: "a weight for every delay, polarity and pixel of a patch"}, baselines={ORDINARY: "convolution over the same steps and pixels, ReLU, mean over places"},
    controls={NO_DELAYS: "a window of one step", SHUFFLED: "learns from samples whose steps are shuffled"},
    measures={"accuracy": "%", "weights": "", **{f"accuracy, {left:.0%} left": "%" for left in LEFT}},
    seeds=tuple(range(1, 5)), settings=Settings(), quick={"samples": 20, "tests": 10, "epochs": 1, "seeds": (1,)}, minutes=0.6, measure=measure,
    notes=["Chance is 25 %. Pruned detectors are not trained again."],
    expected=[
        Expect("over half of the steps get the right direction", (LEARNT, "accuracy"), ">", 0.5),
        Expect("over 30 points better than without delays", (LEARNT, "accuracy"), ">", (NO_DELAYS, "accuracy"), plus=0.3),
        Expect("over 30 points better than from shuffled times", (LEARNT, "accuracy"), ">", (SHUFFLED, "accuracy"), plus=0.3),
        Expect("30 % of the weights lose less than five points", (LEARNT, "accuracy, 30% left"), ">", (LEARNT, "accuracy"), plus=-0.05),
        Expect("10 % of the weights lose less than five points", (LEARNT, "accuracy, 10% left"), ">", (LEARNT, "accuracy"), plus=-0.05),
        Expect("better than an ordinary network", (LEARNT, "accuracy"), ">", (ORDINARY, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
