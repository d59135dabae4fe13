"""Activations of a linear-attention model as spikes under a threshold that follows them."""

from dataclasses import dataclass
from functools import lru_cache

import torch

from ranvier.connectivity import SpikeCoding
from ranvier.encoding import adaptive_counts, tokens, trains_of_counts
from ranvier.network import Network
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.characters import bits, fitted, text, windows
from ranvier.recipes.parts.language_models import linear_attention

SPIKES, COARSE, REAL, FIXED = (
    "adaptive threshold",
    "adaptive threshold, few spikes",
    "real activations",
    "one threshold for all",
)


@dataclass(frozen=True)
class Settings:
    """Of training, and spikes of a channel of average size."""

    batches: int = 71
    k: float = 2.0
    few: float = 0.5


@lru_cache(maxsize=3)
def trained(seed: int, batches: int) -> Network:
    """A model of linear attention without spikes."""
    data, size = text(), len(text().alphabet)
    return fitted(linear_attention(size, seed), data.train, size, batches=batches, lr=1e-2, seed=seed)


def places(net: Network) -> list[SpikeCoding]:
    """Where activations may become spikes: in front of every matrix."""
    return [m for m in net.modules() if isinstance(m, SpikeCoding)]


def entering(net: Network, x: torch.Tensor) -> list[torch.Tensor]:
    """What enters each of these places [samples, channels], on spikes x of characters."""
    seen: list[torch.Tensor] = []
    hooks = [
        m.register_forward_hook(lambda _, given, __: seen.append(given[0].detach().flatten(0, -2))) for m in places(net)
    ]
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    return seen


def silence(seen: list[torch.Tensor], k: float) -> dict[str, float]:
    """Shares of steps without a spike, the longest trains, and spikes of a channel."""
    counts, found = [adaptive_counts(x, k)[0] for x in seen], {}
    for code in ("ternary", "bitwise"):
        trains = [trains_of_counts(c, code) for c in counts]
        found[f"silent, {code}"] = sum(float((t == 0).sum()) for t in trains) / sum(t.numel() for t in trains)
        found[f"steps, {code}"] = max(len(t) for t in trains)
    return {**found, "spikes": sum(float(c.abs().sum()) for c in counts) / sum(c.numel() for c in counts)}


def measure(case: Case) -> dict[str, float]:
    """Bits a character of unseen documents, and how silent the trains are."""
    s, data, size = case.settings, text(), len(text().alphabet)
    net = trained(case.seed, s.batches)
    k, seen = {SPIKES: s.k, COARSE: s.few}.get(case.arm), entering(net, tokens(windows(data.valid, 64)[:-1, :16], size))
    level = float(torch.cat([x.abs().mean(-1) for x in seen]).mean()) / s.k
    hooks = []
    for m in places(net):
        m.k = k
        if case.arm == FIXED:
            hooks.append(m.register_forward_hook(lambda _, __, out: torch.round(out / level) * level))
    found = {"bits": bits(net, data.test, size)}
    for m in places(net):  # the next arm gets the network as it was
        m.k = None
    for hook in hooks:
        hook.remove()
    return found if k is None else {**found, **silence(seen, k)}


recipe = Recipe(
    name="spike_coding", title="Activations as spikes", papers=["S045"], citation="Pan et al., 2025 (SpikingBrain, arXiv:2509.05276)",
    claim="A threshold that follows the activations of a token turns a trained linear-attention model into spikes with almost no loss and over two thirds of silence.",
    data="Real: the reference topics that ship with Python (pydoc_data.topics, PSF licence; here of Python 3.11), split 80/10/10 by documents that share no line of over 30 characters.",
    scale="Two blocks of 64 channels, 80,000 parameters, trained on 146,000 characters; the paper converts models of 7 and 76 billion parameters.",
    chosen="The fixed threshold is the mean on the validation documents. Other settings, k = 2 among them, are the first that were tried.",
    methods={SPIKES: "two spikes for a channel of average size", COARSE: "half a spike for a channel of average size"}, baselines={REAL: "the same model without spikes"},
    controls={FIXED: "the average threshold of all places and tokens, k = 2"},
    measures={"bits": "bits a character", "silent, ternary": "%", "silent, bitwise": "%", "steps, ternary": "", "steps, bitwise": "", "spikes": "a channel"},
    seeds=(0, 1, 2), settings=Settings(), quick={"batches": 2, "seeds": (0,)}, minutes=1, measure=measure,
    notes=[
        "Silence is the share of steps without a spike, over all channels in front of matrices; every train is as long as the largest number at its place needs. The paper reports 69 %.",
        "The trains hold exactly the whole numbers that the model was tested with (rv.encoding.counts_of_trains).",
    ],
    expected=[
        Expect("at most 2 % more bits", (SPIKES, "bits"), "<", (REAL, "bits"), times=1.02),
        Expect("more than 69 % of the steps are silent, ternary", (SPIKES, "silent, ternary"), ">", 0.69),
        Expect("more than 69 % of the steps are silent, bitwise", (SPIKES, "silent, bitwise"), ">", 0.69),
        Expect("better than a fixed threshold", (SPIKES, "bits"), "<", (FIXED, "bits")),
        Expect("with few spikes, too, at most 2 % more bits", (COARSE, "bits"), "<", (REAL, "bits"), times=1.02, decides=False),
    ],
)  # fmt: skip
run = recipe.run
