"""Events of digits dropped and mixed where a spiking network finds them relevant, beside the same at random places."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import TensorDataset

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.tested import accuracy
from ranvier.units import ms

Tensor = torch.Tensor
DROP, MIX = "guided drop", "guided mix"
ANY_DROP, ANY_MIX, PLAIN, ORDINARY = "random drop", "random mix", "no augmentation", "ordinary network"


@dataclass(frozen=True)
class Settings:
    """Of training."""

    first: int = 8
    """Passes without augmentation, after which relevance is measured."""
    then: int = 25
    """Passes with it."""
    hidden: int = 100
    samples: int = 850
    """Recordings, of which there are 850: 680 to learn from and to choose by, 170 to test."""


@lru_cache(maxsize=1)
def recordings(s: Settings) -> list[tuple[Tensor, Tensor]]:
    """Training, validation and test recordings [S, 15, 2, 17, 17] with their digits."""
    sets = rv.data.load("nmnist_small", transform=rv.data.Bins(15, 20 * ms, pool=2, binary=True))
    found = []
    for part in (sets.train, sets.valid, sets.test):
        every = range(0, len(part), max(1, 850 // s.samples))
        found.append((torch.stack([part[i][0] for i in every]).float(), torch.tensor([int(part[i][1]) for i in every])))
    return found


def loss(out: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy of the mean output with a digit, or with a distribution of digits."""
    return functional.cross_entropy(out.mean(0), y)


def right(out: Tensor, y: Tensor) -> Tensor:
    """The part of samples whose mean output has the digit, or the most likely one of a distribution."""
    return (out.mean(0).argmax(1) == (y if y.ndim == 1 else y.argmax(1))).double().mean()


def network(hidden: int, seed: int) -> rv.Sequential:
    """Two layers of leaky cells and a leaky read-out."""
    sizes = (
        nn.Flatten(),
        rv.Linear(578, hidden),
        rv.LIF(hidden, tau=60 * ms),
        rv.Linear(hidden, hidden),
        rv.LIF(hidden, tau=60 * ms),
    )
    return rv.Sequential(*sizes, rv.Linear(hidden, 10), rv.LeakyReadout(10, tau=100 * ms), dt=20 * ms, seed=seed)  # fmt: skip


@lru_cache(maxsize=1)
def begun(seed: int, s: Settings) -> tuple[rv.Sequential, Tensor]:
    """The network after the first passes, and the saliency of its training recordings, of their own digit."""
    (x, y), valid, _ = recordings(s)
    net = network(s.hidden, seed)
    rv.initialize(net, x[:100].transpose(0, 1))
    trained(net, TensorDataset(x, y), valid, s.first, seed)
    parts = zip(x.split(100), y.split(100), strict=True)
    return net, torch.cat([rv.measure.relevance(net, a.transpose(0, 1), b).saliency() for a, b in parts])


def trained(net: rv.Sequential, train: object, valid: tuple[Tensor, Tensor], epochs: int, seed: int) -> None:
    """Train in place, and keep the weights with the best validation accuracy."""
    rv.train(
        net, train, valid, epochs=epochs, batch_size=50, lr=2e-3, loss=loss, metric=right, seed=seed, progress=False,
    )  # fmt: skip


def ordinary(seed: int, s: Settings) -> tuple[float, float]:
    """Accuracy and numbers of a network of rectified units on counts of events, with as many weights."""
    torch.manual_seed(seed)
    (x, y), (vx, vy), (tx, ty) = [(a.sum(1).flatten(1), b) for a, b in recordings(s)]
    net = nn.Sequential(
        nn.Linear(578, s.hidden), nn.ReLU(), nn.Linear(s.hidden, s.hidden), nn.ReLU(), nn.Linear(s.hidden, 10)
    )
    adam, best, kept = torch.optim.Adam(net.parameters(), 2e-3), -1.0, 0.0
    for _ in range(s.first + s.then):
        for rows in torch.randperm(len(x)).split(50):
            adam.zero_grad()
            functional.cross_entropy(net(x[rows]), y[rows]).backward()
            adam.step()
        with torch.no_grad():
            found = float((net(vx).argmax(1) == vy).double().mean())
            if found > best:
                best, kept = found, float((net(tx).argmax(1) == ty).double().mean())
    return kept, float(sum(q.numel() for q in net.parameters()))


def measure(case: Case) -> dict[str, float]:
    """Test accuracy after training that goes on with one kind of samples."""
    s, seed = case.settings, case.seed
    if case.arm == ORDINARY:
        found, size = ordinary(seed, s)
        return {"accuracy": found, "parameters": size}
    (x, y), valid, (tx, ty) = recordings(s)
    start, maps = begun(seed, s)
    net = network(s.hidden, seed)
    net.load_state_dict(start.state_dict())
    torch.manual_seed(seed)
    elsewhere = maps[torch.randperm(len(maps))]
    train = {
        PLAIN: TensorDataset(x, functional.one_hot(y, 10).float()),
        DROP: rv.data.GuidedDrop(TensorDataset(x, y), maps),
        ANY_DROP: rv.data.GuidedDrop(TensorDataset(x, y), elsewhere),
        MIX: rv.data.GuidedMix(TensorDataset(x, y), maps, classes=10),
        ANY_MIX: rv.data.GuidedMix(TensorDataset(x, y), elsewhere, classes=10),
    }[case.arm]
    trained(net, train, valid, s.then, seed)
    return {
        "accuracy": accuracy(net, tx.transpose(0, 1), ty),
        "parameters": float(sum(q.numel() for q in net.parameters())),
    }


recipe = Recipe(
    name="relevance_guided", title="Augmentation where a network looks", papers=["S167"], citation="Sun et al., EventRPG, ICLR 2024",
    claim="Relevance propagated through a spiking network guides the dropping and mixing of events, which then helps more than the same at other places.",
    data="Real: 850 recordings of N-MNIST, 15 steps of 20 ms, two by two pixels joined; tested on recordings of its test set, chosen on a fifth of the others.",
    scale="Two hidden layers of 100 cells and hundreds of recordings; the paper has VGG and SEW ResNets on N-Caltech101, CIFAR10-DVS and gestures.",
    chosen="The settings are the first that were tried. Every arm keeps the weights with the best validation accuracy.",
    methods={DROP: "events are dropped in proportion to relevance", MIX: "the relevant boxes of two recordings in one, with both digits as the target"},
    baselines={PLAIN: "as many passes over the recordings as they are", ORDINARY: "rectified units on counts of events, as many weights, no augmentation"},
    controls={ANY_DROP: "guided by the maps of other recordings", ANY_MIX: "boxes from the maps of other recordings"},
    notes=["Relevance is conserved to rounding; tests of the library show that on dense, convolutional, pooled, residual, recurrent and delayed networks."],
    measures={"accuracy": "%", "parameters": ""}, seeds=tuple(range(5)), settings=Settings(),
    quick={"first": 1, "then": 1, "samples": 60, "hidden": 20, "seeds": (0,)}, minutes=5, measure=measure,
    expected=[
        Expect("guided mix above random mix", (MIX, "accuracy"), ">", (ANY_MIX, "accuracy")),
        Expect("guided drop above random drop", (DROP, "accuracy"), ">", (ANY_DROP, "accuracy")),
        Expect("guided mix above no augmentation", (MIX, "accuracy"), ">", (PLAIN, "accuracy")),
        Expect("guided drop above no augmentation", (DROP, "accuracy"), ">", (PLAIN, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
