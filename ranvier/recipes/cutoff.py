"""Digits before an event camera, decided early: features that are steady from the first steps on, beside plain training."""

from dataclasses import dataclass
from functools import lru_cache

import torch

import ranvier as rv
from ranvier.data import Bins, load
from ranvier.inference import EarlyExit, GapCutoff, oracle, running
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.gathered import gathered
from ranvier.recipes.parts.split import split
from ranvier.units import ms

STEADY, PLAIN, EVERY, FIXED = "steady features", "plain", "class in every step", "plain, fewer steps for all"


@dataclass(frozen=True)
class Settings:
    """Of training and deciding."""

    samples: int = 850
    """Recordings, of which there are 850."""
    epochs: int = 12
    weight: float = 0.1
    """Of the regulariser."""
    loss: float = 0.01
    """Share of the validation recordings that a threshold may lose."""


@lru_cache(maxsize=1)
def recordings(samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Events in 30 steps of 10 ms, two by two pixels joined, at most one spike per step [S, 30, 578], and classes."""
    bins = Bins(30, 10 * ms, pool=2, binary=True)
    seen = gathered(load("nmnist_small", transform=lambda events: bins(events).flatten(1)))
    few = torch.linspace(0, len(seen.y) - 1, min(samples, len(seen.y))).long()
    return torch.stack(list(seen.items)).float()[few], seen.y[few]


def parts_of(seed: int, s: Settings) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """To learn from, to choose by, to report."""
    x, y = recordings(s.samples)
    parts = split(y.numpy(), seed)
    return [(x[p], y[p]) for p in map(torch.as_tensor, (parts.train, parts.valid, parts.test))]


@lru_cache(maxsize=2)
def learned(arm: str, seed: int, s: Settings) -> rv.Sequential:
    """Two layers of 128 cells after training."""
    torch.manual_seed(seed)
    net = rv.Sequential(
        rv.Linear(578, 128), rv.LIF(128, tau=50 * ms), rv.Linear(128, 128), rv.LIF(128, tau=50 * ms), rv.Linear(128, 10),
        rv.LeakyReadout(10, tau=30 * ms), dt=10 * ms, seed=seed,
    )  # fmt: skip
    whole = rv.losses.OverTime(torch.nn.CrossEntropyLoss(), at="mean")
    loss = rv.losses.TET(lam=0.0) if arm == EVERY else whole
    steady = [rv.regularizers.SteadyFeatures(s.weight)] if arm == STEADY else []
    train_set, valid_set, _ = parts_of(seed, s)
    how = {"loss": loss, "regularizers": steady, "optimizer": "adamw", "schedule": "cosine", "clip": 1.0, "seed": seed}
    rv.train(net, train_set, valid_set, epochs=s.epochs, lr=3e-3, progress=False, **how)
    return net.eval()  # pyright: ignore[reportReturnType]


def measure(case: Case) -> dict[str, float]:
    """Accuracy after all steps, on average over the steps, and where samples stop."""
    s = case.settings
    net = learned(PLAIN if case.arm == FIXED else case.arm, case.seed, s)
    _, valid, test = parts_of(case.seed, s)
    with torch.no_grad():
        read, chosen = (running(net(x.transpose(0, 1))[0]) for x, _ in (test, valid))
    right = (read.argmax(2) == test[1]).double()
    by_steps = right.mean(1)
    out = {"accuracy": float(by_steps[-1]), "over all steps": float(by_steps.mean())}
    if case.arm == FIXED:
        known = (chosen.argmax(2) == valid[1]).double().mean(1)
        steps = int((known >= known[-1] - s.loss - 1e-12).nonzero()[0]) + 1
        return {**out, "at the cut-off": float(by_steps[steps - 1]), "steps": float(steps)}
    early = EarlyExit(net, GapCutoff())
    early.calibrate(valid, loss=s.loss)
    seen = early(test[0].transpose(0, 1))
    stopped = float((seen.classes == test[1]).double().mean())
    best = float((oracle(read, test[1])[1] + 1).double().mean())
    return {**out, "at the cut-off": stopped, "steps": float(seen.steps.double().mean()), "steps of the oracle": best}


recipe = Recipe(
    name="cutoff", title="Steady features and a cut-off", papers=["S022"], citation="Wu et al., Frontiers in Neuroscience 2025 (SNN with regularisation and cutoff)",
    claim="A regulariser that makes features of early steps resemble late ones gives a spiking network on events better accuracy at every moment, and a cut-off then needs fewer steps for the same accuracy.",
    data="Real: 850 recordings of N-MNIST, split 60/20/20 within each class by each seed; no augmentation in any arm.",
    scale="578 pixels, two hidden layers of 128 cells, 30 steps of 10 ms; the paper trains convolutional networks on CIFAR10-DVS, N-Caltech101 and DVS128 Gesture.",
    chosen="The settings are the first that were tried; the epoch and the thresholds are chosen on validation recordings.",
    methods={STEADY: "the regulariser beside the cross-entropy of the mean output, then a cut-off by the gap of the two largest outputs"},
    baselines={PLAIN: "the same without the regulariser", EVERY: "the cross-entropy of the output in every step", FIXED: "as many steps for all as lose a point at most on validation recordings"},
    controls={}, measures={"accuracy": "%", "over all steps": "%", "at the cut-off": "%", "steps": "", "steps of the oracle": ""},
    seeds=tuple(range(8)), settings=Settings(), quick={"samples": 100, "epochs": 1, "loss": 0.2, "seeds": (0,)}, minutes=2, measure=measure, threads=1,
    expected=[
        Expect("steady features are more accurate over all steps", (STEADY, "over all steps"), ">", (PLAIN, "over all steps")),
        Expect("the cut-off needs fewer steps", (STEADY, "steps"), "<", (PLAIN, "steps")),
        Expect("at the cut-off they lose a point at most to plain training", (STEADY, "at the cut-off"), ">", (PLAIN, "at the cut-off"), plus=-0.01),
        Expect("steady features beat the class in every step over all steps", (STEADY, "over all steps"), ">", (EVERY, "over all steps"), decides=False),
    ],
    notes=["Over all steps: the accuracy of the mean output so far, averaged over the 30 steps."],
)  # fmt: skip
run = recipe.run
