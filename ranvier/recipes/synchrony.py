"""Parity of a sequence so far, read from the synchrony of pairs of cells."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.sequences import Gated
from ranvier.recipes.parts.tested import learnt
from ranvier.units import ms

SYNCHRONY, PLAIN, GATED = "synchrony", "plain read-out", "gated units"
#: numbers of a sequence, and of a long one; internal ticks of each; certainty at which a network may stop
LENGTH, LONG, TICKS, CERTAIN = 12, 32, 3, 0.9
#: learning rates
RATE = {SYNCHRONY: 0.01, PLAIN: 0.03, GATED: 0.03}
Tensor = torch.Tensor


@dataclass(frozen=True)
class Settings:
    """Of training."""

    updates: int = 300
    """Batches of 64 sequences."""


def sequences(bits: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs [T, S, 2] of sequences of bits [S, L], and their parities so far [L, S].

    A number is a spike of one of two inputs in the first of its three ticks.
    """
    x = torch.zeros(bits.shape[1], TICKS, len(bits), 2)
    x[:, 0] = functional.one_hot(bits.t(), 2).float()
    return x.flatten(0, 1), bits.t().cumsum(0) % 2


def parts(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """All sequences of twelve bits in three parts: to learn from, 512 to choose by, 512 to report."""
    drawn = torch.randperm(2**LENGTH, generator=torch.Generator().manual_seed(seed))
    bits = (drawn[:, None] >> torch.arange(LENGTH)) & 1
    return bits[1024:], bits[:512], bits[512:1024]


def network(arm: str, seed: int, x: Tensor) -> nn.Module:
    """The network of an arm before training, with about 4,500 learnt numbers: inputs [T, B, 2] -> logits [T, B, 2]."""
    torch.manual_seed(seed)
    if arm == GATED:
        return Gated(2, 37, 2)
    cells = 66 if arm == PLAIN else 64
    hidden = rv.Recurrent(rv.LIF(cells, tau=4 * ms, reset="v -= 1"), rv.Linear(cells, cells, bias=False))
    plain = rv.Linear(cells, 2), rv.LeakyReadout(2, tau=2 * ms)
    read = plain if arm == PLAIN else (rv.blocks.synchrony(cells, 64), rv.Linear(64, 2))
    net = rv.Sequential(rv.Linear(2, cells), hidden, *read, dt=1 * ms, seed=seed)
    rv.initialize(net, x, rate=0.15)
    return net


def certainty(logits: Tensor) -> Tensor:
    """1 - entropy/ln(2) of the answers [..., 2]: 0 for both alike, 1 for one alone."""
    logs = logits.log_softmax(-1)
    return 1 + (logs.exp() * logs).sum(-1) / torch.log(torch.tensor(2.0))


def loss(logits: Tensor, y: Tensor) -> Tensor:
    """Half of the cross-entropy at the best tick of each number plus half of that at its most certain tick, means."""
    ticks = logits.unflatten(0, (-1, TICKS))  # [L, ticks, S, 2]
    wrong = functional.cross_entropy(
        ticks.flatten(0, 2), y[:, None].expand(ticks.shape[:3]).flatten(), reduction="none"
    ).view(ticks.shape[:3])
    sure = certainty(ticks).argmax(1, keepdim=True)
    return (wrong.min(1).values + wrong.gather(1, sure).squeeze(1)).mean() / 2


def answers(logits: Tensor, certain: float) -> tuple[Tensor, Tensor]:
    """The class [L, S] of each number at its first tick that is as certain as this, else at its most certain tick, and the tick from 1."""
    ticks = logits.unflatten(0, (-1, TICKS))
    sure = certainty(ticks)
    enough = sure >= certain
    at = torch.where(enough.any(1), enough.int().argmax(1), sure.argmax(1))
    return ticks.argmax(-1).gather(1, at.unsqueeze(1)).squeeze(1), at + 1


@torch.no_grad()
def measured(net: nn.Module, bits: Tensor) -> dict[str, float]:
    """Answers at the most certain tick, and at the first one that is certain."""
    x, y = sequences(bits)
    logits = net(x)[0]
    (most, _), (first, tick) = (answers(logits, c) for c in (float("inf"), CERTAIN))
    return {
        "accuracy": float((most == y).double().mean()), "whole": float((most == y).all(0).double().mean()),
        "early accuracy": float((first == y).double().mean()), "ticks": float(tick.double().mean()),
    }  # fmt: skip


def measure(case: Case) -> dict[str, float]:
    """Accuracies on test sequences and on longer ones, ticks that were needed, and learnt parameters."""
    s, seed = case.settings, case.seed
    learn, valid, test = parts(seed)
    net = network(case.arm, seed, sequences(valid[:64])[0])
    optimizer = torch.optim.Adam((q for q in net.parameters() if q.requires_grad), RATE[case.arm])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, s.updates)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(s.updates):
        x, y = sequences(learn[torch.randint(len(learn), (64,), generator=generator)])
        optimizer.zero_grad()
        loss(net(x)[0], y).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    long = torch.randint(2, (256, LONG), generator=torch.Generator().manual_seed(1000 + seed))
    return {**measured(net, test), "long accuracy": measured(net, long)["accuracy"], "parameters": learnt(net)}


recipe = Recipe(
    name="synchrony", title="Parity, read from synchrony", papers=["S033"], citation="Darlow et al., 2025 (Continuous Thought Machines, arXiv:2505.05522)",
    claim="A spiking network that is read by the synchrony of pairs of its cells learns the parity of a sequence so far better than the same network with a plain read-out and than gated units, and stops early where it is certain.",
    data="Generated: all 4,096 sequences of twelve numbers of two kinds, in three parts by each seed: 3,072 to learn from, 512 to choose by, 512 to report; and 256 random sequences of 32 numbers to report. Each number takes three internal ticks and appears in the first.",
    scale="64 cells, 64 pairs, 4,500 parameters, 36 ticks; the paper has 1,024 units with a network for the history of each, 64 numbers that are all visible at once, 75 ticks and attention.",
    chosen="The learning rate of each arm is the better of 0.01 and 0.03 on the sequences to choose by of seed 101. A first form of the task asked for the parity of the whole sequence alone: no arm learnt it in 800 updates. In a second form all numbers were visible at once: at most 7 % of whole sequences were answered right.",
    methods={SYNCHRONY: "rv.blocks.synchrony: 64 pairs of 64 recurrent leaky cells, and a matrix"},
    baselines={PLAIN: "66 such cells, a matrix and leaky sums", GATED: "37 gated units (GRU)"},
    measures={"accuracy": "%", "whole": "%", "early accuracy": "%", "ticks": "", "long accuracy": "%", "parameters": ""},
    seeds=(1, 2, 3, 4, 5), settings=Settings(), quick={"updates": 3, "seeds": (1,)}, minutes=1, measure=measure,
    notes=["Every arm learns by the loss of the source: the mean of the cross-entropies at the best tick and at the most certain tick of each number. Accuracy is that of answers at the most certain tick, over all numbers of a sequence; whole: all answers of a sequence are right. Early answers are those of the first tick whose certainty (1 - entropy/ln 2) is 0.9, and ticks how many that took of three."],
    expected=[
        Expect("it learns parity", (SYNCHRONY, "accuracy"), ">", 0.95),
        Expect("it beats the plain read-out", (SYNCHRONY, "accuracy"), ">", (PLAIN, "accuracy")),
        Expect("it beats gated units", (SYNCHRONY, "accuracy"), ">", (GATED, "accuracy")),
        Expect("early answers lose less than a point", (SYNCHRONY, "early accuracy"), ">", (SYNCHRONY, "accuracy"), plus=-0.01),
        Expect("they take fewer than two of three ticks", (SYNCHRONY, "ticks"), "<", 2.0),
        Expect("on longer sequences it beats the plain read-out", (SYNCHRONY, "long accuracy"), ">", (PLAIN, "long accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
