"""Gestures from muscle signals: spikes of learnt thresholds beside rate and latency codes, read by small ensembles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.linear_model import linear_model
from ranvier.recipes.parts.sequences import Gated
from ranvier.recipes.parts.tested import learnt
from ranvier.units import ms

Tensor = torch.Tensor
Windows = tuple[Tensor, Tensor]
LEARNT, RATE, LATENCY, ORDINARY, LINEAR = (
    "learnt thresholds",
    "rate code",
    "latency code",
    "ordinary network",
    "logistic regression",
)
CHANNELS, CELLS, CLASSES, BIN = 8, 4, 8, 8
GAINS = torch.tensor([0.25, 0.5, 1.0, 2.0])


@dataclass(frozen=True)
class Settings:
    """Of data and training."""

    windows: int = 60
    """Of each class, to learn from; as many to test."""
    epochs: int = 8
    hidden: int = 48
    members: int = 3
    weight: float = 0.1
    """Of the encoder's own terms in the loss."""


@lru_cache(maxsize=1)
def parts(seed: int, count: int) -> tuple[Windows, Windows, Windows]:
    """Signals [S, T, 8] in standard deviations and classes, ``count`` of each class, of first, second and last sessions."""
    sets = rv.data.load("emg_gestures")
    draw, out = np.random.default_rng(seed), []
    for part in (sets.train, sets.valid, sets.test):
        chosen = np.concatenate([draw.permutation(np.flatnonzero(part.target == k))[:count] for k in range(CLASSES)])
        out.append(part.take(chosen).tensors())
    scale = out[0][0].std((0, 1))
    return tuple((x / scale, y) for x, y in out)  # pyright: ignore[reportReturnType]


class Coder(nn.Module):
    """Signals [T, B, 8] to 32 inputs in every step, by one of the codes."""

    def __init__(self, arm: str) -> None:
        super().__init__()
        self.arm = arm
        self.learnt = rv.encoding.ThresholdAdaptive(CHANNELS, cells=CELLS, window=BIN) if arm == LEARNT else None

    def forward(self, x: Tensor) -> Tensor:
        if self.learnt is not None:
            return self.learnt(x)
        if self.arm == ORDINARY:
            return x
        if self.arm == RATE:
            chance = (x.abs().unsqueeze(-1) * GAINS).clamp(max=1).flatten(2)
            return (torch.rand_like(chance) < chance).to(x)
        size = x.abs().unflatten(0, (-1, BIN)).mean(1)
        share = (size.unsqueeze(-1) * GAINS).clamp(max=1).flatten(2)
        return rv.encoding.latency(share, BIN).transpose(0, 1).flatten(0, 1)


def member(arm: str, seed: int, hidden: int) -> tuple[Coder, nn.Module]:
    """One network with its code, of about equal parameters in every arm."""
    torch.manual_seed(seed)
    if arm == ORDINARY:
        return Coder(arm), Gated(CHANNELS, hidden * 2 // 3, CLASSES)
    recurrent = rv.Recurrent(rv.LIF(hidden, tau=20 * ms), rv.Linear(hidden, hidden, bias=False))
    net = rv.Sequential(
        rv.Linear(CHANNELS * CELLS, hidden),
        recurrent,
        rv.Linear(hidden, CLASSES),
        rv.LeakyReadout(CLASSES, tau=50 * ms),
        dt=5 * ms,
        seed=seed,
    )
    return Coder(arm), net


def trained(case: Case, seed: int, data: Windows) -> nn.ModuleList:
    """A member after training, the last epoch counts."""
    s, (x, y) = case.settings, data
    coder, net = member(case.arm, seed, s.hidden)
    if case.arm != ORDINARY:
        rv.initialize(net, coder(x[::4].transpose(0, 1)).detach(), rate=0.1)  # pyright: ignore[reportArgumentType]
    learnt = [*coder.parameters(), *net.parameters()]
    optimizer = torch.optim.Adam(learnt, lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, s.epochs * -(-len(x) // 64))
    for _ in range(s.epochs):
        for chosen in torch.randperm(len(x)).split(64):
            shown = x[chosen].transpose(0, 1)
            code = coder(shown)
            loss = functional.cross_entropy(net(code)[0].mean(0) * (1 if case.arm == ORDINARY else 10), y[chosen])
            if coder.learnt is not None:
                loss = loss + s.weight * coder.learnt.regulariser(shown, code)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return nn.ModuleList([coder, net]).eval()


@torch.no_grad()
def measure(case: Case) -> dict[str, float]:
    """Accuracy on last sessions, of the ensemble and of its first member, and the density of the code."""
    s = case.settings
    learn, valid, (x, y) = parts(case.seed, s.windows)
    if case.arm == LINEAR:
        size = [((z.abs().mean(1) + 1e-3).log().numpy(), t.numpy()) for z, t in (learn, valid, (x, y))]
        return {"accuracy": linear_model(*size).test}
    with torch.enable_grad():
        members = [trained(case, 100 * case.seed + k, learn) for k in range(s.members)]
    shown, each, dense = x.transpose(0, 1), [], 0.0
    for coder, net in members:
        code = coder(shown)
        dense += float((code != 0).double().mean()) / len(members)
        each.append((net(code)[0].mean(0) * (1 if case.arm == ORDINARY else 10)).softmax(1))
    right = [float((p.argmax(1) == y).double().mean()) for p in (torch.stack(each).mean(0), each[0])]
    return {"accuracy": right[0], "one member": right[1], "density": dense, "parameters": learnt(members[0])}


recipe = Recipe(
    name="learned_encoder", title="Learnt thresholds for muscle signals", papers=["S046"], citation="Hens et al. 2024 (STAL)",
    claim="An ensemble of recurrent spiking networks classifies biosignals better from spikes of learnt thresholds than from a rate or a latency code.",
    data="Real: emg_gestures, 0.4 s of eight electrodes, rest and seven gestures of four people, as many windows of each class. Networks learn from first sessions, second ones choose the strength of logistic regression, and last ones are the test.",
    scale="60 windows a class, 48 cells, three networks; the paper has EmoPain, muscles and movement of 30 people, two classes.",
    chosen="All settings of networks are the first that were tried, and the last epoch counts.",
    methods={LEARNT: "four cells per channel, each of which sees eight steps; thresholds and features learn with the network, with a term for faithfulness and one for few spikes"},
    baselines={
        RATE: "the amplitude of the signal at four gains is the probability of a spike", LATENCY: "the mean amplitude over eight steps, at four gains, sets the time of a spike within them",
        ORDINARY: "an ensemble of gated recurrent units on the signals", LINEAR: "on the logarithms of mean amplitudes",
    },
    measures={"accuracy": "%", "one member": "%", "density": "%", "parameters": ""},
    seeds=(1, 2, 3), settings=Settings(), quick={"windows": 8, "epochs": 1, "members": 2, "seeds": (1,)}, minutes=2, measure=measure,
    expected=[
        Expect("better than a rate code", (LEARNT, "accuracy"), ">", (RATE, "accuracy")),
        Expect("better than a latency code", (LEARNT, "accuracy"), ">", (LATENCY, "accuracy")),
        Expect("the ensemble is better than one member", (LEARNT, "accuracy"), ">", (LEARNT, "one member")),
        Expect("better than an ordinary network", (LEARNT, "accuracy"), ">", (ORDINARY, "accuracy"), decides=False),
        Expect("better than logistic regression on amplitudes", (LEARNT, "accuracy"), ">", (LINEAR, "accuracy"), decides=False),
    ],
    notes=["Ranvier's encoder is causal in time; the paper's maps whole windows through dense layers. Every network has 64 updates. The gated units see signals with their sign; the two codes and logistic regression see only amplitudes. The ordinary network is a weak baseline here."],
)  # fmt: skip
run = recipe.run
