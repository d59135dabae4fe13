"""Still images help a spiking network to learn from few recordings of an event camera."""

from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, cross_entropy, pad

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.linear_model import linear_model
from ranvier.units import ms

BOTH, MIXED, TUNED, ALONE, LINEAR = "transfer", "mixed", "fine-tuned", "events alone", "linear model"
Samples = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Settings:
    """Of training."""

    recordings: int = 100
    """Recordings to learn from; the linear model is chosen by as many others."""
    updates: int = 400
    """Steps of the optimiser, each with 64 samples, in every arm."""


@lru_cache(maxsize=1)
def digits(seed: int, count: int) -> tuple[Samples, Samples, Samples, Samples]:
    """Still images, and recordings to learn from, to choose by and to report: x [S, T = 10, 2, 17, 17] and y [S]."""
    still = rv.data.load("mnist_t10k").train.tensors()
    images = avg_pool2d(pad(still[0], (3, 3, 3, 3)).unsqueeze(1), 2, ceil_mode=True)
    sets = rv.data.load("nmnist_small", transform=rv.data.Bins(10, 30 * ms, pool=2, binary=True))
    x, y = (torch.cat(parts) for parts in zip(sets.train.tensors(), sets.valid.tensors(), strict=True))
    drawn = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed)).split(
        (count, count, len(y) - 2 * count)
    )
    return (images.unsqueeze(1).expand(-1, 10, 2, -1, -1), still[1]), *((x[k], y[k]) for k in drawn)  # pyright: ignore[reportReturnType]


def network(seed: int) -> rv.Sequential:
    """Two convolutions with norms and a hidden layer, which is ``lif3``."""
    torch.manual_seed(seed)
    cell = partial(rv.LIF, tau=60 * ms)
    return rv.Sequential(
        rv.Conv2d(2, 12, 3, padding=1, bias=False), rv.ThresholdBatchNorm(12), cell(), nn.AvgPool2d(2),
        rv.Conv2d(12, 24, 3, padding=1, bias=False), rv.ThresholdBatchNorm(24), cell(), nn.AvgPool2d(2), nn.Flatten(),
        rv.Linear(384, 96), rv.ThresholdBatchNorm(96), cell(), rv.Linear(96, 10), rv.LeakyReadout(10, tau=60 * ms), dt=30 * ms, seed=seed,
    )  # fmt: skip


@torch.no_grad()
def accuracy(net: rv.Sequential, samples: Samples) -> float:
    """The part of samples with the right class."""
    found = [net.eval()(x.transpose(0, 1))[0].mean(0).argmax(1) for x in samples[0].split(100)]
    return float((torch.cat(found) == samples[1]).double().mean())


def measure(case: Case) -> dict[str, float]:
    """Test accuracy of one arm, after its last update."""
    s, arm = case.settings, case.arm
    still, learn, valid, test = digits(case.seed, s.recordings)
    if arm == LINEAR:
        counts = [(x.sum(1).flatten(1).numpy(), y.numpy()) for x, y in (learn, valid, test)]
        return {"accuracy": linear_model(*counts).test}

    def images(y: torch.Tensor) -> torch.Tensor:
        return still[0][torch.multinomial((y[:, None] == still[1]).double(), 1).squeeze(1)].transpose(0, 1)

    def recordings() -> Samples:
        drawn = torch.randint(len(learn[1]), (32,))
        return learn[0][drawn].transpose(0, 1), learn[1][drawn]

    net, align = network(case.seed), rv.training.Alignment(10)
    optimizer = torch.optim.AdamW([*net.parameters(), *align.parameters()], 2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, s.updates)
    for done in range(s.updates):
        (b, y), (a, z) = recordings(), recordings()
        if arm == TUNED and 2 * done < s.updates:
            a, b = images(z), images(y)
        elif arm in (BOTH, MIXED):
            a, z = rv.training.replaced(images(y), b, (done / s.updates) ** 3 if arm == BOTH else 0.0), y
        seen = net.observe(torch.cat([a, b], 1), record={"lif3": ["spikes"], "readout1": ["v"]})
        first, second = (
            cross_entropy(out.permute(1, 2, 0), y.unsqueeze(1).expand(-1, 10), reduction="none").mean(0)
            for out, y in zip(seen["readout1"]["v"].split(32, 1), (z, y), strict=True)
        )
        features = seen["lif3"]["spikes"].split(32, 1)
        loss = first.mean() + (align(*features, second) if arm == BOTH else second.mean())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return {"accuracy": accuracy(net, test)}


recipe = Recipe(
    name="static_to_events", title="From still images to an event camera", papers=["S009"], citation="He et al., AAAI 2024 (efficient knowledge transfer from static to event domain); Orchard et al. 2015 (the recordings)",
    claim="A spiking network learns better from few recordings of an event camera if it learns from still images at the same time: its features of both are aligned, and recordings gradually replace the images.",
    data="Real: 800 recordings of N-MNIST's training set, split by each seed into 100 to learn from, 100 to choose by and 600 to report; 6,000 of the test images of MNIST, which no recording shows. No augmentation.",
    scale="Two convolutions and a hidden layer, 17 x 17 x 2 pixels, ten steps of 30 ms; the paper has N-Caltech101, CEP-DVS and N-Omniglot.",
    chosen="The settings are the first that were tried; all arms, and a network without norms, were compared on validation recordings of seed 100.",
    methods={BOTH: "pairs of one class, alignment of the last hidden layer with learnt coefficients, sliding replacement"},
    baselines={LINEAR: "logistic regression on the events of each pixel"},
    controls={MIXED: "the same pairs, without alignment and replacement", TUNED: "images in the first half of the updates, recordings in the second", ALONE: "recordings in all updates"},
    measures={"accuracy": "%"}, seeds=tuple(range(10)), settings=Settings(), quick={"recordings": 60, "updates": 2, "seeds": (0,)}, minutes=14, measure=measure,
    notes=["Every network has 400 updates of 64 samples. The coefficients of alignment are learnt per step from 1/2; images are replaced with probability (updates done / all)**3. In the arm with mixed pairs, norms take their statistics from both domains until the end."],
    expected=[
        Expect("transfer beats recordings alone", (BOTH, "accuracy"), ">", (ALONE, "accuracy")),
        Expect("transfer beats fine-tuning", (BOTH, "accuracy"), ">", (TUNED, "accuracy")),
        Expect("alignment and replacement add to images", (BOTH, "accuracy"), ">", (MIXED, "accuracy"), decides=False),
        Expect("transfer beats the linear model", (BOTH, "accuracy"), ">", (LINEAR, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
