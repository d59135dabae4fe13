"""Events as points: a spiking network on groups of them, and what absolute offsets are for."""

import math
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts import ordinary
from ranvier.recipes.parts.drawn import divided, uniform
from ranvier.recipes.parts.tested import accuracy, fired, learnt
from ranvier.units import ms

POINTS, CUT, POINTNET, FRAMES = "absolute offsets", "negative offsets lost", "ordinary points", "ordinary frames"
CLASSES, STEPS, LOCAL, WIDE = 6, 6, 32, 64
Samples = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Settings:
    """Of the points and of training."""

    learn: int = 360
    """Gestures to learn from; half as many choose the epoch, as many are reported."""
    points: int = 128
    groups: int = 12
    size: int = 8
    epochs: int = 10


def clouds(count: int, points: int, seed: int) -> Samples:
    """Points (x, y, t) [S, N, 3] of hands that wave, circle, clap or open, a tenth of them noise, and classes [S]."""
    generator = torch.Generator().manual_seed(seed)
    drawn = partial(uniform, generator)
    y = torch.arange(count)[torch.randperm(count, generator=generator)] % CLASSES
    label = y[:, None]
    t = drawn(0, 1, count, points).sort(1).values
    reach, hand = drawn(0.18, 0.3, count, 1), drawn(-1, 1, count, points).sign()
    turn = 2 * math.pi * drawn(0.9, 1.3, count, 1) * t + drawn(-0.5, 0.5, count, 1)
    swing, circle = reach * turn.sin(), reach * turn.cos()
    zero, apart = torch.zeros_like(t), hand * (reach + swing) / 2
    x_of = (swing, zero, circle, circle, apart, reach * t * (hand * 10 * t).cos())
    y_of = (zero, swing, swing, -swing, zero, reach * t * (hand * 10 * t).sin())
    place = [torch.stack(of).gather(0, label.expand_as(t)[None]).squeeze(0) for of in (x_of, y_of)]
    place = [p + drawn(0.42, 0.58, count, 1) + 0.03 * torch.randn(count, points, generator=generator) for p in place]
    noise = drawn(0, 1, count, points) < 0.1
    x, down = (torch.where(noise, drawn(0, 1, count, points), p).clamp(0, 1) for p in place)
    return torch.stack([x, down, t], 2), y


@lru_cache(maxsize=2)
def samples(seed: int, s: Settings) -> dict[str, torch.Tensor]:
    """What each arm sees of all gestures [S, …], and their classes."""
    points, y = clouds(2 * s.learn + s.learn // 2, s.points, seed)
    signed = rv.encoding.point_groups(points, s.groups, s.size, signed=True)
    x, down, t = ((points[..., k] * n).long().clamp(max=n - 1) for k, n in enumerate((24, 24, STEPS)))
    frames = torch.zeros(len(y), STEPS * 24 * 24).scatter_add_(1, (t * 24 + down) * 24 + x, torch.ones(x.shape))
    return {
        POINTS: rv.encoding.point_groups(points, s.groups, s.size), CUT: signed.clamp(min=0), POINTNET: signed,
        FRAMES: frames.unflatten(1, (STEPS, 24, 24)), "classes": y,
    }  # fmt: skip


def spiking(s: Settings, seed: int) -> rv.Sequential:
    """SpikePoint and a readout of currents."""
    torch.manual_seed(seed)
    parts = rv.blocks.spike_point(
        groups=s.groups, size=s.size, local=LOCAL, wide=WIDE, pool="mean", cell=partial(rv.LIF, tau=10 * ms)
    )
    return rv.Sequential(*parts, rv.Linear(WIDE, CLASSES), dt=5 * ms, seed=seed)


def plain(arm: str, s: Settings, seed: int) -> nn.Module:
    """The layers of SpikePoint with rectifiers and without ways past, or convolutions over frames; about as many parameters."""
    torch.manual_seed(seed)

    def layer(given: int, made: int, size: int = 1, stride: int = 1, groups: int = 1) -> tuple[nn.Module, ...]:
        convolution = nn.Conv2d(given, made, size, stride, size // 2, groups=groups, bias=False)
        return convolution, nn.BatchNorm2d(made), nn.ReLU()

    if arm == FRAMES:
        sizes = ((STEPS, 16), (16, 24), (24, 32))
        parts = [part for n, m in sizes for part in layer(n, m, 3, 2)]
        return nn.Sequential(*parts, nn.Flatten(), nn.Linear(288, CLASSES))
    apart = [part for n in (6, LOCAL, LOCAL) for part in layer(n, LOCAL, groups=2)]
    near = [*apart, *layer(LOCAL, LOCAL), nn.MaxPool2d((1, s.size))]
    far = [
        part
        for n, m in ((LOCAL, LOCAL), (LOCAL, LOCAL), (LOCAL, WIDE), (WIDE, WIDE), (WIDE, WIDE))
        for part in layer(n, m)
    ]
    return nn.Sequential(*near, *far, nn.MaxPool2d((s.groups, 1)), nn.Flatten(), nn.Linear(WIDE, CLASSES))


def measure(case: Case) -> dict[str, float]:
    """Test accuracy and the number of learnt parameters; the part of cells that fire in a step."""
    s, seen = case.settings, samples(case.seed, case.settings)
    parts = divided(s.learn, (seen[case.arm], seen["classes"]))
    if case.arm in (POINTNET, FRAMES):
        net = ordinary.fitted(plain(case.arm, s, case.seed), parts[0], 3 * s.epochs, 3e-3)
        return {"accuracy": ordinary.accuracy(net, *parts[2]), "parameters": learnt(net)}
    net, generator = spiking(s, case.seed), torch.Generator().manual_seed(case.seed)
    learn, valid, (x, y) = ((rv.encoding.bernoulli(x, STEPS, generator=generator).transpose(0, 1), y) for x, y in parts)
    rv.train(
        net, learn, valid, epochs=s.epochs, lr=5e-3, batch_size=30, schedule="cosine",
        loss=rv.losses.OverTime(nn.CrossEntropyLoss()), seed=case.seed, progress=False,
    )  # fmt: skip
    shown = x.transpose(0, 1)
    found = {"accuracy": accuracy(net, shown, y), "parameters": learnt(net)}
    return {**found, "firing": float(torch.cat([spikes.flatten() for spikes in fired(net, shown).values()]).mean())}


recipe = Recipe(
    name="spike_point", title="Events as points", papers=["S028"], citation="Ren et al., ICLR 2024 (SpikePoint)",
    claim="A spiking network on groups of event points recognises actions; in a rate code, absolute offsets and the beginnings of groups beat signed offsets, which lose their negative part; the network comes close to an ordinary one on points.",
    data="Generated: six gestures (waves, circles in both directions, a clap, an opening spiral) as 128 points in space and time, a tenth of them noise; place, extent, speed and phase are drawn. Of 900 clouds, 360 are to learn from, 180 to choose the epoch by and 360 to report. No augmentation.",
    scale="12 groups of 8 points, 15,590 parameters, six steps; the paper has 1,024 points, sixteen steps and four event sets.",
    chosen="The mean in place of the maximum, and the time constant, were chosen on validation clouds of seed 101. The other settings are the first that were tried.",
    methods={POINTS: "distances from the centre and beginnings of groups, coded by rates"},
    baselines={POINTNET: "the same layers with rectifiers, signed offsets and centres as numbers", FRAMES: "convolutions with rectifiers over counts in six frames"},
    controls={CUT: "signed offsets and centres, coded by rates; values below 0 become 0"}, measures={"accuracy": "%", "parameters": "", "firing": "per step"},
    seeds=(1, 2, 3), settings=Settings(), quick={"learn": 36, "epochs": 1, "seeds": (1,)}, minutes=3, measure=measure,
    notes=["Ordinary networks learn for three times as many epochs, in batches of 64, without a choice of the epoch; spiking ones in batches of 30."],
    expected=[
        Expect("absolute offsets beat signed ones that lose their negative part", (POINTS, "accuracy"), ">", (CUT, "accuracy")),
        Expect("the spiking network is within ten points of the ordinary one", (POINTS, "accuracy"), ">", (POINTNET, "accuracy"), plus=-0.1),
        Expect("points beat frames", (POINTS, "accuracy"), ">", (FRAMES, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
