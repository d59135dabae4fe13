"""Digits before a moving event camera: attention over space and time beside attention over space, at equal cost."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

import ranvier as rv
from ranvier.data import Bins, load
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts import ordinary
from ranvier.recipes.parts.tested import accuracy, learnt
from ranvier.units import ms

BOTH, SPACE, PLAIN, ORDINARY = "space and time", "space alone", "plain spiking network", "ordinary network"
CHANNELS, STEPS = 24, 4


@dataclass(frozen=True)
class Settings:
    """Of training."""

    recordings: int = 400
    """To learn from."""
    epochs: int = 8


@lru_cache(maxsize=1)
def events() -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Recordings [S, 4, 2, 17, 17] in steps of 75 ms, two by two pixels joined, and classes: to learn from, and to report."""
    sets = load("nmnist_small", transform=Bins(STEPS, 75 * ms, pool=2, binary=True))
    train, valid, test = (part.tensors() for part in (sets.train, sets.valid, sets.test))
    return (train[0].float(), train[1]), (torch.cat([valid[0], test[0]]).float(), torch.cat([valid[1], test[1]]))


def cell() -> rv.Cell:
    """A leaky cell that remembers about two steps."""
    return rv.LIF(tau=150 * ms)


def network(arm: str, seed: int) -> rv.Sequential:
    """A network with about as many parameters in every arm."""
    torch.manual_seed(seed)
    width = CHANNELS
    if arm == PLAIN:
        width = 25
        parts = rv.blocks.vgg(2, [12, "M", 24, "M", width], cell=cell, pool=nn.MaxPool2d)
    else:
        block = rv.blocks.spikformer(CHANNELS, 4, hidden=2 * CHANNELS, steps=2 if arm == BOTH else 1, cell=cell)
        parts = *rv.blocks.spiking_stem(2, CHANNELS, cell=cell), *block
    return rv.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), rv.Linear(width, 10), dt=75 * ms, seed=seed)


def rectified() -> nn.Module:
    """Convolutions with rectified units on all steps of a recording as channels."""
    return nn.Sequential(
        nn.Flatten(1, 2), nn.Conv2d(2 * STEPS, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 22, 3, padding=1, bias=False), nn.BatchNorm2d(22), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(22, 10),
    )  # fmt: skip


def measure(case: Case) -> dict[str, float]:
    """Test accuracy, learnt parameters, and operations of attention in a step."""
    s, seed = case.settings, case.seed
    (x, y), (tested, target) = events()
    drawn = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[: s.recordings]
    torch.manual_seed(seed)
    if case.arm == ORDINARY:
        net = ordinary.fitted(rectified(), (x[drawn], y[drawn]), 2 * s.epochs, 2e-3)
        found, cost = ordinary.accuracy(net, tested, target), 0.0
    else:
        net = network(case.arm, seed)
        rv.train(
            net, (x[drawn], y[drawn]), epochs=s.epochs, batch_size=25, lr=3e-3, schedule="cosine", seed=seed, progress=False,
            loss=rv.losses.OverTime(nn.CrossEntropyLoss()),
        )  # fmt: skip
        found = accuracy(net, tested.transpose(0, 1), target)
        rows = net.summary(shapes={"input": (2, 17, 17)}).rows
        cost = float(sum(row.operations or 0 for row in rows if row.part.startswith("Attention")))
    return {"accuracy": found, "parameters": learnt(net), "operations": cost}


recipe = Recipe(
    name="spacetime_attention", title="Attention over space and time", papers=["S044"], citation="Lee et al., CVPR 2025 (spatial-temporal attention); Orchard et al., Frontiers in Neuroscience 2015 (the data)",
    claim="Attention whose tokens reach those of neighbouring steps is more accurate on events than attention within a step, at the same number of operations.",
    data="Real: recordings of N-MNIST. Each seed draws 400 of 639 recordings of its training set to learn from; 161 others of that set and 50 of its test set are the test. No augmentation in any arm.",
    scale="One block of 24 channels, 16 tokens, four steps in blocks of two; the paper has larger spiking transformers, and CIFAR10-DVS and N-Caltech101 among its data.",
    chosen="The settings are the first that were tried, and the last epoch counts, so that nothing was chosen on data. The ordinary network learns for twice as many epochs.",
    methods={BOTH: "tokens of two steps attend to one another"}, baselines={PLAIN: "three convolutions with norms and cells, as many parameters", ORDINARY: "the same with rectified units, all steps as channels"},
    controls={SPACE: "the same network, tokens of one step"},
    measures={"accuracy": "%", "parameters": "", "operations": ""}, seeds=(0, 1, 2, 3, 4), settings=Settings(), quick={"recordings": 50, "epochs": 1, "seeds": (0,)}, minutes=5, measure=measure,
    notes=["Operations are those of attention in one step of one sample, if every spike arrives; the ordinary and the plain network have none."],
    expected=[
        Expect("attention over space and time beats attention over space", (BOTH, "accuracy"), ">", (SPACE, "accuracy")),
        Expect("attention over space and time beats the plain spiking network", (BOTH, "accuracy"), ">", (PLAIN, "accuracy"), decides=False),
        Expect("it loses less than two points to the ordinary network", (BOTH, "accuracy"), ">", (ORDINARY, "accuracy"), plus=-0.02, decides=False),
    ],
)  # fmt: skip
run = recipe.run
