"""A spiking cell that cuts a stream of events, beside fixed windows, fixed counts and random cuts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.drawn import divided, uniform
from ranvier.recipes.parts.ordinary import fitted
from ranvier.units import Hz, ms

SLICER, WINDOW, COUNT, RANDOM = "spiking slicer", "fixed window", "fixed count", "random cuts"
#: rows or columns of pixels; steps of a stream; shortest and longest slice; lengths that are compared
SIDE, STEPS, SHORT, LONG, LENGTHS = 12, 64, 2, 32, (2, 3, 4, 6, 8, 11, 16, 22, 32)
SPEEDS = (0.08, 0.8)
Tensor = torch.Tensor
Streams = tuple[Tensor, Tensor, Tensor]
#: events of windows [L, B, 2, H, W] -> lengths of slices [B]
Cut = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Settings:
    """Of streams and training."""

    learn: int = 300
    """Streams to learn from; half as many choose lengths, as many are reported."""
    epochs: int = 15
    """Of the classifier, and of each round of the slicer."""
    rounds: int = 3
    """Rounds of feedback from the classifier."""


def shapes(kind: Tensor) -> Tensor:
    """Bright shapes [S, 12, 12] of 0 and 1: a bar across, a bar down, a cross, a frame."""
    axis = torch.arange(SIDE, dtype=torch.float32) - (SIDE - 1) / 2
    across, down = (x.expand(SIDE, SIDE) for x in (axis.abs(), axis.abs()[:, None]))
    bars = [(across < 3) & (down < 1), (across < 1) & (down < 3)]
    edge = torch.maximum(across, down)
    return torch.stack([*bars, bars[0] | bars[1], (edge < 3) & (edge > 1.4)]).float()[kind]


@lru_cache(maxsize=2)
def streams(seed: int, count: int) -> Streams:
    """Events [T, S, 2, 12, 12], shapes [S], and speeds [T, S] in pixels per step, which change after half of the steps."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(4, (count,), generator=generator)
    speed = torch.exp(uniform(generator, math.log(SPEEDS[0]), math.log(SPEEDS[1]), 2, count))
    angle = uniform(generator, 0, 2 * math.pi, count)
    speeds = speed.repeat_interleave(STEPS // 2, 0)
    way = torch.cat([torch.zeros(1, count), speeds.cumsum(0)]).unsqueeze(2)
    gaze = way * torch.stack([angle.cos(), angle.sin()], 1)
    contrast = uniform(generator, 0.1, 0.5, count, 1, 1)
    light = rv.encoding.drift(0.3 + contrast * shapes(kind), gaze)
    camera = rv.encoding.EventCamera(leak=0 * Hz, shot=5 * Hz)
    return camera(light, 1 * ms, generator=generator)[1:], kind, speeds


def windows(x: Tensor, sample: Tensor, start: Tensor) -> Tensor:
    """The steps [L, B, …] from ``start`` [B] on of the streams ``sample`` [B]."""
    return x[torch.arange(LONG)[:, None] + start, sample]


def frames(part: Tensor, length: Tensor) -> Tensor:
    """Events of slices as images [B, 2, H, W]: sums over the first steps of windows [L, B, …], largest pixel 1."""
    inside = (torch.arange(len(part))[:, None] < length).to(part)
    summed = (part * inside[..., None, None, None]).sum(0)
    return summed / summed.amax((1, 2, 3), keepdim=True).clamp(min=1)


def slices(x: Tensor, cut: Cut) -> tuple[Tensor, Tensor, Tensor]:
    """Cuts streams [T, S, …] from slice to slice: stream, first step and length of every slice, each [N]."""
    sample, start = torch.arange(x.shape[1]), torch.zeros(x.shape[1], dtype=torch.long)
    found = []
    while len(sample):
        length = cut(windows(x, sample, start)).clamp(SHORT, LONG)
        found.append((sample, start, length))
        going = start + length <= STEPS - LONG
        sample, start = sample[going], (start + length)[going]
    return tuple(torch.cat(z) for z in zip(*found, strict=True))  # pyright: ignore[reportReturnType]


def classifier(seed: int) -> nn.Sequential:
    """An ordinary network on the frame of a slice."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(),
        nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(96, 4),
    )  # fmt: skip


def slicer(seed: int) -> rv.Sequential:
    """Events -> the membrane of one cell that cuts where it reaches 1."""
    torch.manual_seed(seed)
    cell = rv.Cell("v' = v + x : 1\nx : 1 (input)", emit="v", size=1, name="slicer")
    return rv.Sequential(
        rv.Conv2d(2, 8, 3, stride=2, padding=1), rv.LIF((8, 6, 6), tau=5 * ms), nn.Flatten(), rv.Linear(288, 1), cell,
        dt=1 * ms,
    )  # fmt: skip


def by_spike(net: rv.Sequential) -> Cut:
    """Cuts after the first spike."""
    loss = rv.losses.SpikePosition()

    @torch.no_grad()
    def cut(part: Tensor) -> Tensor:
        return loss.predict(net(part)[0]) + 1

    return cut


def by_count(events: int) -> Cut:
    """Cuts after so many events."""

    def cut(part: Tensor) -> Tensor:
        reached = part.flatten(2).sum(2).cumsum(0) >= events
        return torch.where(reached.any(0), reached.int().argmax(0) + 1, LONG)

    return cut


def at_random(seed: int) -> Cut:
    """Cuts after steps drawn from all lengths."""
    generator = torch.Generator().manual_seed(seed)
    return lambda part: torch.randint(SHORT, LONG + 1, (part.shape[1],), generator=generator)


@torch.no_grad()
def right(net: nn.Module, data: Streams, cut: Cut) -> float:
    """The mean over streams of the part of their slices whose shape is named."""
    sample, start, length = slices(data[0], cut)
    correct = net(frames(windows(data[0], sample, start), length)).argmax(1) == data[1][sample]
    total, count = (
        torch.zeros(len(data[1])).index_add_(0, sample, z.float()) for z in (correct, torch.ones(len(sample)))
    )
    return float((total / count).mean())


@torch.no_grad()
def best_lengths(net: nn.Module, data: Streams, sample: Tensor, start: Tensor, now: Tensor) -> Tensor:
    """The length from half to twice the present one whose frame the classifier names best; the present one if that is nearly as good."""
    part, kind = windows(data[0], sample, start), data[1][sample]

    def reward(length: Tensor) -> Tensor:
        return net(frames(part, length)).softmax(1).gather(1, kind[:, None]).squeeze(1)

    here = reward(now)
    best, chosen = here * 1.2, now
    for factor in (0.5, 0.7, 0.85, 1.2, 1.4, 2.0):
        length = (now * factor).round().long().clamp(SHORT, LONG)
        value = reward(length)
        chosen = torch.where(value > best, length, chosen)
        best = torch.maximum(best, value)
    return chosen


def learnt_slicer(net: nn.Module, learn: Streams, s: Settings, seed: int) -> rv.Sequential:
    """A slicer that learns in rounds: the classifier names better lengths near those of the present cuts, and the cell is taught them."""
    spiking, count = slicer(seed), len(learn[1])
    generator = torch.Generator().manual_seed(seed)
    sample = torch.arange(count).repeat(2)
    start = torch.randint(STEPS - LONG + 1, (2 * count,), generator=generator)
    x = windows(learn[0], sample, start)
    rv.initialize(spiking, x[:, :64], rate=0.1)
    length = torch.full_like(start, 10)  # the first round begins with equal lengths
    for turn in range(s.rounds):
        if turn:
            length = by_spike(spiking)(x).clamp(SHORT, LONG)
        wanted = best_lengths(net, learn, sample, start, length)
        rv.train(
            spiking, (x.transpose(0, 1), wanted - 1), epochs=s.epochs, lr=5e-3, batch_size=50, schedule="cosine",
            loss=rv.losses.SpikePosition(), seed=seed + turn, progress=False,
        )  # fmt: skip
    return spiking


def chosen(arm: str, net: nn.Module, learn: Streams, valid: Streams, s: Settings, seed: int) -> Cut:
    """The cuts of an arm; lengths and counts are the best on the streams to choose by."""
    if arm == SLICER:
        return by_spike(learnt_slicer(net, learn, s, seed))
    if arm == RANDOM:
        return at_random(seed)
    if arm == WINDOW:
        tried: list[Cut] = [lambda part, n=n: torch.full((part.shape[1],), n) for n in LENGTHS]
    else:
        tried = [by_count(n) for n in (10, 15, 20, 30, 40, 60, 90, 130, 200)]
    return max(tried, key=lambda cut: right(net, valid, cut))


def measure(case: Case) -> dict[str, float]:
    """Accuracy on the slices of test streams, and how lengths follow speeds."""
    s, seed = case.settings, case.seed
    x, kind, speeds = streams(seed, 2 * s.learn + s.learn // 2)
    parts = zip(*(divided(s.learn, (z,), axis) for z, axis in ((x, 1), (kind, 0), (speeds, 1))), strict=True)
    learn, valid, test = ((a[0], b[0], c[0]) for a, b, c in parts)

    def fit(net: nn.Module, cut: Cut, epochs: int) -> nn.Module:
        sample, start, length = slices(learn[0], cut)
        return fitted(net, (frames(windows(learn[0], sample, start), length), learn[1][sample]), epochs, 5e-3)

    net = fit(classifier(seed), at_random(seed), s.epochs)
    cut = chosen(case.arm, net, learn, valid, s, seed)
    net = fit(net, cut, s.epochs // 2)
    sample, start, length = slices(test[0], cut)
    inside = torch.arange(LONG)[:, None] < length
    moved = (windows(test[2], sample, start) * inside).sum(0)
    logs = torch.stack([length.log(), (moved / length).log()])
    straight = float(torch.corrcoef(logs)[0, 1]) if len(length.unique()) > 1 else 0.0
    return {
        "accuracy": right(net, test, cut), "correlation": straight, "spread": float(moved.log().std()),
        "length": float(length.double().mean()),
    }  # fmt: skip


recipe = Recipe(
    name="event_slicer", title="A spiking cell that cuts event streams", papers=["S043"], citation="Cao et al., NeurIPS 2024 (SpikeSlicer)",
    claim="A spiking cell that learns from the answers of a classifier where to cut a stream of events makes slices that are named better than fixed windows, fixed counts and random cuts, and cuts fast motion earlier than slow motion.",
    data="Generated: four bright shapes move before an event camera of 12 x 12 pixels with noise, at 0.08 to 0.8 pixels a step; speed changes after 32 of 64 steps, and contrast differs between streams. Of 750 streams, 300 are to learn from, 150 to choose lengths by and 300 to report. No augmentation.",
    scale="A slicer of 450 parameters and a classifier of 3,200; the paper has event tracking and recognition with ResNets and transformers.",
    chosen="Lengths and counts of the baselines are the best of nine on the streams to choose by. Nothing else was compared: the other settings are the first that were tried.",
    methods={SLICER: "8 channels of cells and one that cuts; position-aware loss; in each of three rounds the classifier names better lengths between half and twice the present ones"},
    baselines={WINDOW: "the same length everywhere", COUNT: "the same number of events everywhere"},
    controls={RANDOM: "lengths drawn from 2 to 32 steps"},
    measures={"accuracy": "%", "correlation": "", "spread": "", "length": "steps"},
    seeds=(1, 2, 3), settings=Settings(), quick={"learn": 40, "epochs": 2, "rounds": 1, "seeds": (1,)}, minutes=1.5, measure=measure,
    notes=["Every arm begins with the same classifier, which learns from random slices, and goes on with slices of its own. Accuracy is the mean over streams of the part of slices that are named right. Correlation is that of the logarithms of length and speed of a slice (-1: equal ways), spread the standard deviation of the logarithm of the way in pixels."],
    expected=[
        Expect("the slicer beats fixed windows", (SLICER, "accuracy"), ">", (WINDOW, "accuracy")),
        Expect("it beats random cuts", (SLICER, "accuracy"), ">", (RANDOM, "accuracy")),
        Expect("fast motion is cut earlier", (SLICER, "correlation"), "<", -0.3),
        Expect("it beats fixed counts", (SLICER, "accuracy"), ">", (COUNT, "accuracy")),
    ],
)  # fmt: skip
run = recipe.run
