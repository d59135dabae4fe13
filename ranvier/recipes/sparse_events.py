"""A spiking convolutional network on events, and what a price on spikes saves."""

import time
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts import ordinary
from ranvier.recipes.parts.drawn import divided
from ranvier.recipes.parts.gestures import GESTURES, gestures
from ranvier.recipes.parts.tested import accuracy, fired, learnt
from ranvier.units import ms

PRICED, FREE, CELLS, CNN = "price on spikes", "no price", "no convolutions", "ordinary convolutions"
Samples = tuple[torch.Tensor, torch.Tensor]
#: steps of 20 ms, and camera frames in each; input and output channels of the convolutions
STEPS, FRAMES, CHANNELS, TAU = 12, 2, ((2, 12), (12, 24), (24, 32)), 60 * ms


@dataclass(frozen=True)
class Settings:
    """Of training."""

    learn: int = 320
    """Gestures to learn from; half as many choose the epoch, as many are reported."""
    epochs: int = 12
    price: float = 2.0
    """Weight of the price."""


@lru_cache(maxsize=8)
def samples(seed: int, learn: int) -> tuple[Samples, Samples, Samples]:
    """Events [S, T, 2, 24, 24], at most one of a pixel in a step, and classes: to learn from, to choose by, to report."""
    x, y = gestures(2 * learn + learn // 2, STEPS * FRAMES, seed)
    return divided(learn, (x.unflatten(0, (STEPS, FRAMES)).sum(1).clamp(max=1).transpose(0, 1), y))


def network(arm: str, seed: int) -> rv.Sequential:
    """Three convolutions of stride 2 and a hidden layer, or two hidden layers, with about as many parameters."""
    torch.manual_seed(seed)

    def hidden(n: int, m: int) -> list[nn.Module | rv.Cell]:
        return [rv.Linear(n, m), rv.ThresholdBatchNorm(m), rv.LIF(tau=TAU)]

    def convolved(n: int, m: int) -> list[nn.Module | rv.Cell]:
        return [rv.Conv2d(n, m, 3, stride=2, padding=1, bias=False), rv.ThresholdBatchNorm(m), rv.LIF(tau=TAU)]

    if arm == CELLS:
        parts, last = [nn.Flatten(), *hidden(1152, 24), *hidden(24, 48)], 48
    else:
        parts, last = [*(part for n, m in CHANNELS for part in convolved(n, m)), nn.Flatten(), *hidden(288, 64)], 64
    read = rv.LeakyReadout(len(GESTURES), tau=TAU)
    return rv.Sequential(*parts, rv.Linear(last, len(GESTURES)), read, dt=20 * ms, seed=seed)


def plain(seed: int) -> nn.Module:
    """The same convolutions with rectifiers; steps are channels."""
    torch.manual_seed(seed)
    sizes = ((2 * STEPS, CHANNELS[0][1]), *CHANNELS[1:])
    kernel = partial(nn.Conv2d, kernel_size=3, stride=2, padding=1, bias=False)
    parts = [part for n, m in sizes for part in (kernel(n, m), nn.BatchNorm2d(m), nn.ReLU())]
    return nn.Sequential(nn.Flatten(1, 2), *parts, nn.Flatten(), nn.Linear(288, 64), nn.ReLU(), nn.Linear(64, 8))


def measure(case: Case) -> dict[str, float]:
    """Test accuracy, processor seconds of training and parameters; spikes of all cells per gesture."""
    s = case.settings
    learn, valid, (x, y) = samples(case.seed, s.learn)
    began = time.process_time()
    if case.arm == CNN:
        net = ordinary.fitted(plain(case.seed), learn, 3 * s.epochs, 3e-3)
        spent, found = time.process_time() - began, {"accuracy": ordinary.accuracy(net, x, y)}
    else:
        net = network(case.arm, case.seed)
        price = [rv.regularizers.SpikeCost(s.price)] if case.arm == PRICED else []
        rv.train(
            net, learn, valid, epochs=s.epochs, lr=3e-3, batch_size=32, schedule="cosine", regularizers=price,
            loss=rv.losses.OverTime(nn.CrossEntropyLoss()), seed=case.seed, progress=False,
        )  # fmt: skip
        spent, shown = time.process_time() - began, x.transpose(0, 1)
        found = {"accuracy": accuracy(net, shown, y)}
        found["spikes"] = sum(float(spikes.sum()) for spikes in fired(net, shown).values()) / len(y)
    return {**found, "seconds": spent, "parameters": learnt(net)}


recipe = Recipe(
    name="sparse_events", title="Sparse spiking convolutions on events", papers=["S036"], citation="Cordone, Miramond & Ferrante, IJCNN 2021 (sparse spiking convolutional networks on event data)",
    claim="A spiking convolutional network that learns directly from events recognises gestures with sparse activity; a price on spikes makes it sparser and costs no accuracy.",
    data="Generated: eight gestures of bright hands or bars before an event camera of 24 x 24 pixels with noise; place, size, contrast, speed, extent and phase are drawn. Of 800 gestures, 320 are to learn from, 160 to choose the epoch by and 320 to report. No augmentation.",
    scale="29,000 parameters, twelve steps of 20 ms; the paper has DVS128 Gesture (128 x 128 pixels, eleven gestures).",
    chosen="The price is the better of 1 and 2, and the rate of the ordinary network the better of 0.001 and 0.003, on validation gestures of seed 101. The other settings are the first that were tried.",
    methods={PRICED: "SpikeCost (mean rate of each population) added to cross entropy", FREE: "the same network without the price"},
    baselines={CELLS: "a spiking network of two hidden layers", CNN: "convolutions with rectifiers; the twelve steps are channels"},
    measures={"accuracy": "%", "spikes": "per gesture", "seconds": "s", "parameters": ""}, seeds=(1, 2, 3, 4, 5), settings=Settings(), quick={"learn": 40, "epochs": 1, "seeds": (1,)}, minutes=3, measure=measure,
    notes=["Seconds are processor time of training alone. Spikes count every cell and every step; the ordinary network has none. It learns for three times as many epochs, in batches of 64, without a choice of the epoch."],
    expected=[
        Expect("the price saves more than half of the spikes", (PRICED, "spikes"), "<", (FREE, "spikes"), times=0.5),
        Expect("it costs less than two points", (PRICED, "accuracy"), ">", (FREE, "accuracy"), plus=-0.02),
        Expect("convolutions beat hidden layers alone", (PRICED, "accuracy"), ">", (CELLS, "accuracy")),
        Expect("training takes less than a fifth longer with the price", (PRICED, "seconds"), "<", (FREE, "seconds"), times=1.2, decides=False),
        Expect("the spiking network beats the ordinary one", (PRICED, "accuracy"), ">", (CNN, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
