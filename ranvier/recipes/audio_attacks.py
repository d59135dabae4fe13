"""Spoken digits under attack: does a rate code protect a spiking network, or does it hide the gradient?"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.log_mel import log_mel
from ranvier.recipes.parts.sequences import Gated
from ranvier.recipes.parts.shown import Coded, success
from ranvier.units import ms

RATE, DIRECT, LATENCY, ORDINARY = "rate code", "direct code", "latency code", "gated units"
BANDS, FRAMES, EACH = 40, 20, 4
Tensor = torch.Tensor


@dataclass(frozen=True)
class Settings:
    """Of training and attacks."""

    words: int = 1_000
    """Words of two voices at most."""
    epochs: int = 12
    eps: float = 0.05
    """Of the range of a number of the spectrum."""
    draws: int = 8
    """Draws of spikes over which an attacker averages gradients."""


def passed(spikes: Tensor, x: Tensor) -> Tensor:
    """The spikes, with the derivative of x in each step."""
    return spikes + (x - x.detach())


def rate(x: Tensor) -> Tensor:
    """Each step of a frame has a spike with probability x."""
    return passed((torch.rand_like(x) < x).to(x.dtype), x)


def latency(x: Tensor) -> Tensor:
    """Each frame has one spike, the earlier the larger x; none below an eighth."""
    step = torch.arange(len(x)).remainder(EACH).reshape(-1, 1, 1)
    first = ((1 - x.detach()) * EACH).floor().clamp(max=EACH - 1)
    return passed(((step == first) & (x > 1 / 8)).to(x.dtype), x)


CODES: dict[str, Callable[[Tensor], Tensor]] = {RATE: rate, DIRECT: lambda x: x, LATENCY: latency}


class Averaged(nn.Module):
    """Outputs of several codings of each word, so that gradients are means over what is drawn."""

    def __init__(self, coded: nn.Module, count: int) -> None:
        super().__init__()
        self.coded, self.count = coded, count

    def forward(self, x: Tensor) -> Tensor:
        """Means [T, B, C] over codings of x [B, frames, bands]."""
        return self.coded(x.repeat(self.count, 1, 1)).unflatten(1, (self.count, -1)).mean(1)


@lru_cache(maxsize=1)
def spoken(words: int) -> tuple[Tensor, Tensor]:
    """Spectra [S, frames, bands] from 0 to 1 and digits of two voices."""
    part = rv.data.load("fsdd").train
    chosen = range(0, len(part), max(1, len(part) // words))
    x = log_mel([part[i][0].numpy() for i in chosen], 3 * FRAMES, BANDS).unflatten(1, (FRAMES, 3)).mean(2) / 8
    return x.clamp(0, 1), torch.tensor([int(part[i][1]) for i in chosen])


def network(arm: str, seed: int) -> Coded:
    """The network of an arm, for spectra [B, frames, bands]."""
    torch.manual_seed(seed)
    if arm == ORDINARY:
        return Coded(Gated(BANDS, 48, 10), lambda x: x.transpose(0, 1))
    code = CODES[arm]
    net = rv.Sequential(
        rv.Linear(BANDS, 128), rv.LIF(128, tau=10 * ms), rv.Linear(128, 96), rv.LIF(96, tau=20 * ms), rv.Linear(96, 10), rv.LeakyReadout(10, tau=50 * ms),
        dt=5 * ms, seed=seed,
    )  # fmt: skip
    return Coded(net, lambda x: code(x.transpose(0, 1).repeat_interleave(EACH, 0)))


def fitted(model: Coded, s: Settings, x: Tensor, y: Tensor) -> Coded:
    """``model`` after learning, in evaluation."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-3)
    if isinstance(model.net, rv.Network):
        with torch.no_grad():
            rv.initialize(model.net, model.code(x[:100]), rate=0.15)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, s.epochs * -(-len(x) // 50))
    for _ in range(s.epochs):
        for some in torch.randperm(len(x)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[some]).mean(0), y[some]).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def measure(case: Case) -> dict[str, float]:
    """Accuracy on whole words, and the success of attacks on words that were right; spikes are drawn anew after each attack."""
    s = case.settings
    x, y = spoken(s.words)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(case.seed))
    learn, test = order.tensor_split([len(x) * 8 // 10])
    model, source = (fitted(network(arm, case.seed), s, x[learn], y[learn]) for arm in (case.arm, ORDINARY))
    x, y = x[test], y[test]
    pgd = rv.attacks.PGD(s.eps, seed=case.seed)
    target = pgd.target(model)
    right = target.wrong(x, y)

    def hit(attack: rv.attacks.Attack, seen: nn.Module) -> tuple[float, Tensor]:
        found = attack(seen, x, y)
        return success(right, target.wrong(found, y)), found

    (one, _), (ten, moved) = hit(rv.attacks.FGSM(s.eps), model), hit(pgd, model)
    averaged = hit(pgd, Averaged(model, s.draws))[0] if case.arm == RATE else ten
    far = hit(replace(pgd, eps=2 * s.eps), Averaged(model, s.draws) if case.arm == RATE else model)[0]
    foreign = hit(pgd, source)[0]
    noise = hit(rv.attacks.RandomNoise(s.eps, draws=10, seed=case.seed), model)[0]
    snr = 10 * torch.log10(x.square().sum() / (moved - x).square().sum())
    return {
        "accuracy": 1 - float(right.double().mean()), "FGSM": one, "PGD": ten, "PGD, averaged": averaged, "PGD, averaged, twice eps": far, "PGD on gated units": foreign, "random signs": noise, "SNR": float(snr),
    }  # fmt: skip


recipe = Recipe(
    name="audio_attacks", title="A rate code under attack", papers=["S168"], citation="Isik et al., arXiv:2401.12055 (NEUROSEC); Jackson et al., Free Spoken Digit Dataset 2018 (the data)",
    claim="A spiking network that hears sound as a rate code resists FGSM and PGD better than one with another code.",
    data="Real: 1,000 spoken digits by two voices of the Free Spoken Digit Dataset, 800 to learn from and 200 to report, drawn by seed; log-mel spectra of 40 bands, from 0 to 1, in 20 frames of 30 ms.",
    scale="Two hidden layers of 128 and 96 leaky cells, four steps a frame; the paper detects digital threats in sound on an FPGA.",
    chosen="eps and all other settings were looked at on seed 0, which is not among the seeds, and then kept. Its test words are drawn from the same thousand, so some of them are in tests of other seeds.",
    methods={RATE: "a spike with probability x in each step"},
    baselines={DIRECT: "x as a current in each step", LATENCY: "one spike a frame, the earlier the larger x", ORDINARY: "48 gated units (GRU) on the frames"},
    notes=[
        "Attacks change spectra; gradients pass codes as if spikes were x (straight through). Success counts words that were right before. "
        "An averaged attack takes means over eight draws of the rate code in each step, as an attacker of a random network must (Athalye, Carlini & Wagner, ICML 2018); other codes draw nothing. 'PGD on gated units' makes the attack on the ordinary network and tries it on the arm: where it succeeds more, the gradient of the arm is masked.",
        "SNR is the power of spectra over that of the change by PGD. The best of ten random signs includes luck with the draw of spikes.",
    ],
    measures={"accuracy": "%", "FGSM": "%", "PGD": "%", "PGD, averaged": "%", "PGD, averaged, twice eps": "%", "PGD on gated units": "%", "random signs": "%", "SNR": "dB"},
    seeds=tuple(range(1, 7)), settings=Settings(), quick={"words": 60, "epochs": 1, "draws": 2, "seeds": (1,)}, minutes=4, measure=measure,
    expected=[
        Expect("FGSM succeeds less against the rate code than against the direct code", (RATE, "FGSM"), "<", (DIRECT, "FGSM")),
        Expect("PGD succeeds less against the rate code than against the direct code", (RATE, "PGD"), "<", (DIRECT, "PGD")),
        Expect("PGD succeeds less against the rate code than against the latency code", (RATE, "PGD"), "<", (LATENCY, "PGD")),
        Expect("so does PGD with averaged gradients, against the direct code", (RATE, "PGD, averaged"), "<", (DIRECT, "PGD"), decides=False),
        Expect("averaged gradients succeed more than single ones against the rate code", (RATE, "PGD, averaged"), ">", (RATE, "PGD"), decides=False),
        Expect("PGD on the latency code succeeds more than PGD made on gated units", (LATENCY, "PGD"), ">", (LATENCY, "PGD on gated units"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
