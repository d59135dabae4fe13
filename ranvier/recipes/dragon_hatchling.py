"""A model of language whose memory is a Hebbian synapse between neurons with positive, sparse activities."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch

from ranvier.encoding import tokens
from ranvier.network import Network
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.characters import bits, counted, fitted, text, windows
from ranvier.recipes.parts.language_models import hatchling, transformer

HATCHLING, CUT, ORDINARY, PAIRS = "Dragon Hatchling", "synapses emptied in every step", "transformer", "counts of pairs"


@dataclass(frozen=True)
class Settings:
    """Of training: batches of 32 windows of 64 characters."""

    batches: int = 60


@lru_cache(maxsize=3)
def trained(seed: int, batches: int) -> Network:
    """The Dragon Hatchling after training."""
    data, size = text(), len(text().alphabet)
    return fitted(hatchling(size, seed), data.train, size, batches=batches, lr=5e-3, seed=seed)


@torch.no_grad()
def activity(net: Network, x: torch.Tensor) -> float:
    """The share of neurons whose x*y is above 0, over both passes."""
    names = [n for n, p in net.populations.items() if p.cell.name == "active"]
    seen = net.observe(x, record={n: ["xy"] for n in names})
    return sum(float((seen[n]["xy"] > 0).float().mean()) for n in names) / len(names)


@torch.no_grad()
def without_memory(net: Network, ids: torch.Tensor, size: int) -> float:
    """Bits a character over the first 4,096 characters, each of which is read as a text of its own."""
    logits, _ = net(tokens(ids[None, :4096], size))
    return float(torch.nn.functional.cross_entropy(logits[0], ids[1:4097])) / math.log(2)


def measure(case: Case) -> dict[str, float]:
    """Bits a character of unseen documents, and how many neurons are active."""
    data, size = text(), len(text().alphabet)
    if case.arm == PAIRS:
        return {"bits": counted(data.train, data.test, size, 2)}
    if case.arm == ORDINARY:
        model = transformer(size, case.seed)
        model = fitted(model, data.train, size, batches=case.settings.batches, lr=5e-3, seed=case.seed)
        return {"bits": bits(model, data.test, size, steps=64)}
    net = trained(case.seed, case.settings.batches)
    if case.arm == CUT:
        return {"bits": without_memory(net, data.test, size)}
    found = {"bits": bits(net, data.test, size, steps=64)}
    return {**found, "active": activity(net, tokens(windows(data.test, 64)[:-1, :32], size))}


recipe = Recipe(
    name="dragon_hatchling", title="Memory in Hebbian synapses", papers=["S047"], citation="Kosowski et al., 2025 (arXiv:2509.26507)",
    claim="A network of neurons with positive activities and Hebbian synapses models text as well as a transformer of equal size, with sparse activity.",
    data="Real: the reference topics that ship with Python (pydoc_data.topics, PSF licence; here of Python 3.11), split 80/10/10 by documents that share no line of over 30 characters.",
    scale="128 neurons, 24 channels, one layer used twice, 14,000 parameters, 123,000 characters to learn from; the paper has 10 million to a billion parameters.",
    chosen="The settings are the first that were tried; both networks have the same learning rate, schedule and batches.",
    methods={HATCHLING: "rv.blocks.dragon_hatchling, rv.LinearAttention as the synapses"}, baselines={ORDINARY: "two layers, equal parameters; sees windows of 64 characters"},
    controls={CUT: "the same network, whose synapses keep nothing; tested on the first 4,096 characters", PAIRS: "knows only the last character"},
    measures={"bits": "bits a character", "active": "%"}, seeds=(0, 1, 2), settings=Settings(), quick={"batches": 2, "seeds": (0,)}, minutes=2, measure=measure,
    notes=[
        "Active is the share of neurons with x*y > 0, the activity that leaves a pass; the paper reports about 5 %.",
        "Pairs of neurons rotate with time in the paper; here what synapses keep decays with a time constant of 64 characters.",
    ],
    expected=[
        Expect("it predicts better than with emptied synapses", (HATCHLING, "bits"), "<", (CUT, "bits")),
        Expect("it predicts better than counts of pairs", (HATCHLING, "bits"), "<", (PAIRS, "bits")),
        Expect("it needs at most a twentieth more bits than a transformer", (HATCHLING, "bits"), "<", (ORDINARY, "bits"), times=1.05),
        Expect("fewer than a tenth of the neurons are active", (HATCHLING, "active"), "<", 0.1),
    ],
)  # fmt: skip
run = recipe.run
