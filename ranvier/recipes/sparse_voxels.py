"""Shapes as voxels: a spiking network of submanifold convolutions beside one of dense convolutions."""

import math
import time
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts import ordinary
from ranvier.recipes.parts.drawn import divided, uniform
from ranvier.recipes.parts.tested import accuracy, learnt
from ranvier.units import ms

SPARSE, DENSE, CNN, CELLS = "on active sites", "dense", "ordinary", "no convolutions"
SIDE, STEPS, CLASSES, CHANNELS = 14, 2, 4, (8, 16)
Samples = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Settings:
    """Of training."""

    learn: int = 200
    """Shapes to learn from; half as many choose the epoch, as many are reported."""
    points: int = 160
    epochs: int = 8


def shapes(count: int, points: int, seed: int) -> Samples:
    """Points [S, N, 3] on the surfaces of spheres, boxes, cones and tori, turned and with noise, and classes [S]."""
    generator = torch.Generator().manual_seed(seed)
    drawn = partial(uniform, generator)
    y = torch.arange(count)[torch.randperm(count, generator=generator)] % CLASSES

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    around, other = drawn(0, 2 * math.pi, 2, count, points)
    up, thin = drawn(0, 1, count, points), drawn(0.25, 0.45, count, 1)
    sphere = nn.functional.normalize(normal(count, points, 3), dim=2)
    face = drawn(-1, 1, count, points, 3)
    box = 0.75 * face.scatter(
        2, face.abs().argmax(2, keepdim=True), face.gather(2, face.abs().argmax(2, keepdim=True)).sign()
    )
    cone = torch.stack([up.sqrt() * around.cos(), up.sqrt() * around.sin(), 1 - 2 * up.sqrt()], 2)
    ring = 0.7 + thin * other.cos()
    torus = torch.stack([ring * around.cos(), ring * around.sin(), thin * other.sin()], 2)
    x = torch.stack([sphere, box, cone, torus])[y, torch.arange(count)]
    turned = torch.linalg.qr(normal(count, 3, 3)).Q
    x = x @ turned * drawn(0.28, 0.4, count, 1, 1) + drawn(0.45, 0.55, count, 1, 3) + 0.02 * normal(count, points, 3)
    return x.clamp(0, 1), y


@lru_cache(maxsize=2)
def samples(seed: int, learn: int, points: int) -> tuple[Samples, Samples, Samples]:
    """Spikes of voxels [S, T, 1, 14, 14, 14] and classes: to learn from, to choose by, to report."""
    x, y = shapes(2 * learn + learn // 2, points, seed)
    return divided(learn, (rv.encoding.voxels(x, SIDE, STEPS).transpose(0, 1), y))


def network(arm: str, seed: int, x: torch.Tensor) -> rv.Sequential:
    """Two convolutions with pooling and a readout of currents, or a hidden layer; weights such that a hundredth of the cells of convolutions fire."""
    torch.manual_seed(seed)
    if arm == CELLS:
        parts: list[nn.Module | rv.Cell] = [
            nn.AvgPool3d(2),
            nn.Flatten(),
            rv.Linear(343, 24),
            rv.LIF(24, tau=4 * ms),
            rv.Linear(24, CLASSES),
        ]
    else:
        parts, given = [], 1
        for made in CHANNELS:
            convolution = (
                rv.SubmanifoldConv3d(given, made) if arm == SPARSE else rv.Conv3d(given, made, 3, padding=1, bias=False)
            )
            parts, given = [*parts, convolution, rv.LIF(tau=4 * ms), nn.MaxPool3d(2)], made
        parts += [nn.Flatten(), rv.Linear(CHANNELS[1] * 27, CLASSES)]
    net = rv.Sequential(*parts, dt=2 * ms, seed=seed)
    rv.initialize(net, x, rate=0.05 if arm == CELLS else 0.01)
    return net


def plain(seed: int) -> nn.Module:
    """The convolutions with norms and rectifiers over occupied voxels."""
    torch.manual_seed(seed)
    (one, two), last = CHANNELS, CHANNELS[1] * 27
    return nn.Sequential(
        nn.Conv3d(STEPS, one, 3, padding=1, bias=False), nn.BatchNorm3d(one), nn.ReLU(), nn.MaxPool3d(2),
        nn.Conv3d(one, two, 3, padding=1, bias=False), nn.BatchNorm3d(two), nn.ReLU(), nn.MaxPool3d(2),
        nn.Flatten(), nn.Linear(last, CLASSES),
    )  # fmt: skip


def measure(case: Case) -> dict[str, float]:
    """Test accuracy, processor seconds of training, parameters; additions that spikes cause in the convolutions."""
    s = case.settings
    learn, valid, (x, y) = samples(case.seed, s.learn, s.points)
    if case.arm == CNN:
        began = time.process_time()
        net = ordinary.fitted(plain(case.seed), (learn[0].flatten(1, 2), learn[1]), 2 * s.epochs, 3e-3)
        spent, found = time.process_time() - began, {"accuracy": ordinary.accuracy(net, x.flatten(1, 2), y)}
    else:
        net = network(case.arm, case.seed, learn[0][:50].transpose(0, 1))
        began = time.process_time()
        rv.train(
            net, learn, valid, epochs=s.epochs, lr=5e-3, batch_size=20, schedule="cosine",
            loss=rv.losses.OverTime(nn.CrossEntropyLoss()), seed=case.seed, progress=False,
        )  # fmt: skip
        spent, found = time.process_time() - began, tested(net, case.arm, x.transpose(0, 1), y)
    return {**found, "seconds": spent, "parameters": learnt(net)}


@torch.no_grad()
def tested(net: rv.Sequential, arm: str, x: torch.Tensor, y: torch.Tensor) -> dict[str, float]:
    """The part of x [T, S, …] with the right class; thousands of additions that spikes cause in the convolutions, for each shape."""
    right = accuracy(net, x, y)
    if arm == CELLS:
        return {"accuracy": right}
    spikes = net.observe(x, record={"lif1": ["spikes"]})["lif1"]["spikes"]
    total, near = 0.0, torch.ones(1, 1, 3, 3, 3)
    for entering, made in zip(
        (x.flatten(0, 1), nn.functional.max_pool3d(spikes.flatten(0, 1), 2)), CHANNELS, strict=True
    ):
        computed = entering.any(1, keepdim=True).to(x) if arm == SPARSE else torch.ones_like(entering[:, :1])
        reached = nn.functional.conv3d(computed, near, padding=1)  # sites that compute around each one
        total += made * float((entering * reached).sum())
    return {"accuracy": right, "additions": total / len(y) / 1000}


recipe = Recipe(
    name="sparse_voxels", title="Shapes as spikes of voxels", papers=["S025"], citation="Qiu et al., AAAI 2025 (E-3DSNN)",
    claim="A spiking network whose convolutions compute only at active voxels recognises shapes as well as one with dense convolutions, for fewer operations.",
    data="Generated: points on the surfaces of spheres, boxes, cones and tori, turned at random, of several sizes and with noise. Of 500 shapes, 200 are to learn from, 100 to choose the epoch by and 200 to report. No augmentation.",
    scale="14 x 14 x 14 voxels, 5,400 parameters, two steps; the paper has ModelNet40, KITTI and SemanticKITTI, and 1.87 million parameters.",
    chosen="The settings are the first that were tried. The ordinary network learns for twice as many epochs and keeps the last one.",
    methods={SPARSE: "SubmanifoldConv3d twice, each with cells and maximum pooling"},
    baselines={DENSE: "the same network of Conv3d", CNN: "dense convolutions with norms and rectifiers; steps are channels", CELLS: "a hidden layer of spiking cells on voxels joined two by two by two"},
    measures={"accuracy": "%", "additions": "thousands", "seconds": "s", "parameters": ""}, seeds=(1, 2, 3), settings=Settings(), quick={"learn": 40, "epochs": 1, "seeds": (1,)}, minutes=3, measure=measure,
    notes=["Additions are those of weights that spikes cause in both convolutions, for each shape: dense ones reach all neighbours, those over active sites reach active neighbours. Seconds are processor time of training the whole network; pooling, cells and readout are dense in both networks."],
    expected=[
        Expect("it loses less than three points to dense convolutions", (SPARSE, "accuracy"), ">", (DENSE, "accuracy"), plus=-0.03),
        Expect("it needs less than half of the additions", (SPARSE, "additions"), "<", (DENSE, "additions"), times=0.5),
        Expect("convolutions beat a hidden layer", (SPARSE, "accuracy"), ">", (CELLS, "accuracy")),
        Expect("training takes less time than dense", (SPARSE, "seconds"), "<", (DENSE, "seconds"), decides=False),
        Expect("it beats the ordinary network", (SPARSE, "accuracy"), ">", (CNN, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
