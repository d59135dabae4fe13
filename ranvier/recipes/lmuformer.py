"""Spoken commands as a stream: Legendre memories between spikes, and what is known before a word has ended."""

from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.log_mel import log_mel
from ranvier.recipes.parts.sequences import Gated, Parts, fitted, recurrent
from ranvier.recipes.parts.tested import accuracy, learnt
from ranvier.units import ms

STREAM, FORGETFUL, PLAIN, ORDINARY = "LMUFormer", "without memory", "recurrent", "gated units"
DT, TAU, BANDS, STEPS = 20 * ms, 40 * ms, 40, 48
#: log energy of the loudest points, in nepers, about as in the louder training clips
LOUDEST = -6.0
#: of a sequence: 32.03 % less, as in the paper
PART = 0.6797


@dataclass(frozen=True)
class Settings:
    """Of training."""

    epochs: int = 8
    words: int = 1_000
    """Training words at most."""
    width: int = 48


@lru_cache(maxsize=1)
def spoken(words: int) -> Parts:
    """Log-mel spectra [48, S, 40] of one second and words: to learn from, to choose by, to report; by speaker."""
    found = []
    for part in (sets := rv.data.load("speech_commands")).train, sets.valid, sets.test:
        clips = [resample_poly(part[i][0].numpy(), 1, 2) for i in range(min(len(part), words))]
        x = log_mel(clips, 2 * STEPS, BANDS, LOUDEST).unflatten(1, (STEPS, 2)).mean(2) / 4
        found.append((x.transpose(0, 1).contiguous(), torch.as_tensor(np.asarray(part.target)[:words])))
    return found[0], found[1], found[2]


def network(case: Case) -> nn.Module:
    """The network of an arm."""
    seed, width = case.seed, case.settings.width
    torch.manual_seed(seed)
    if case.arm == PLAIN:
        return recurrent(BANDS, 170, 10, dt=DT, tau=100 * ms, seed=seed)
    if case.arm == ORDINARY:
        return Gated(BANDS, 92, 10)
    cell = partial(rv.LIF, tau=TAU)
    body = rv.blocks.lmuformer(width, dt=DT, order=6, window=400 * ms, cell=cell)
    if case.arm == FORGETFUL:  # its weights are drawn after those of the body that it replaces
        body = rv.blocks.lmuformer(width, dt=DT, order=1, window=DT, cell=cell)
    entry = rv.blocks.causal_conv(BANDS, width, dt=DT), rv.ThresholdBatchNorm(width)
    return rv.Sequential(*entry, *body, cell(), rv.Linear(width, 10), dt=DT, seed=seed)


def measure(case: Case) -> dict[str, float]:
    """Accuracy on voices of which nothing was learnt, after the whole second and after a part of it."""
    s = case.settings
    parts = spoken(s.words)
    net = fitted(network(case), parts, seed=case.seed, epochs=s.epochs, lr=5e-3, shift=5)
    whole, early, half = (accuracy(net, *parts[2], seen=seen) for seen in (1.0, PART, 0.5))
    return {"accuracy": whole, "after 68 %": early, "after half": half, "parameters": learnt(net)}


recipe = Recipe(
    name="lmuformer", title="Legendre memory and spoken commands", papers=["S037"], citation="Liu et al., ICLR 2024 (LMUFormer); Warden, arXiv:1804.03209 (the data)",
    claim="A spiking network with a Legendre memory recognises spoken commands better than a plain recurrent spiking network, and does as well from the first 68 % of a second.",
    data="Real: 1,000 commands of ten words by 116 speakers, divided by speaker (612 to learn from, 187, 201); log-mel spectra with a floor that does not depend on what follows; training batches of every arm are shifted in time by up to 100 ms.",
    scale="One block of width 48, 34,000 parameters, 48 steps of 20 ms; the paper has 1.6 million parameters, 128 steps and 35 words of 105,829 commands.",
    chosen="The floor of the spectra was chosen by the share of silence in training clips. All other settings are the first that were tried; all arms share one learning rate. Time limits the number of epochs. The epoch is chosen on validation clips.",
    methods={STREAM: "a causal convolution, a Legendre memory unit and a mixer of channels between spikes"},
    baselines={PLAIN: "170 leaky cells that project to one another", ORDINARY: "92 gated units (GRU)"},
    controls={FORGETFUL: "the memory reaches back one step"},
    measures={"accuracy": "%", "after 68 %": "%", "after half": "%", "parameters": ""},
    seeds=(0, 1, 2), settings=Settings(), quick={"words": 64, "epochs": 1, "width": 12, "seeds": (0,)}, minutes=2, measure=measure,
    notes=["Classes follow from the mean output over the steps seen so far. A test checks that single steps give the outputs of the whole sequence."],
    expected=[
        Expect("it beats a plain recurrent network", (STREAM, "accuracy"), ">", (PLAIN, "accuracy")),
        Expect("the first 68 % of the second lose less than two points", (STREAM, "after 68 %"), ">", (STREAM, "accuracy"), plus=-0.02),
        Expect("the memory helps", (STREAM, "accuracy"), ">", (FORGETFUL, "accuracy"), decides=False),
        Expect("it beats gated units", (STREAM, "accuracy"), ">", (ORDINARY, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
